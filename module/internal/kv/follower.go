package kv

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// Follower keeps something in memory like a bucket: first a snapshot, then
// every change. A watch that ends, or is told to, is begun again where it was.
// Its fields are set before Run.
type Follower struct {
	// Bucket is what is followed.
	Bucket Bucket
	// Reset takes a whole snapshot, Apply one change. Only Run calls them.
	Reset func([]Entry)
	Apply func(Entry)
	// Same reports whether the watch may go on from a revision; else it begins
	// with a snapshot. Default: it always may.
	Same func(ctx context.Context, after uint64) (bool, error)

	logger *zap.Logger

	again chan struct{} // begin the watch anew

	made    time.Time
	arrived atomic.Int64 // when something came, since made
	working atomic.Bool  // on what it brought

	mu      sync.Mutex
	applied uint64
	synced  bool
	moved   chan struct{} // closed and replaced when applied grows
}

// NewFollower makes a follower that does nothing before Run.
func NewFollower(bucket Bucket, logger *zap.Logger, reset func([]Entry), apply func(Entry)) *Follower {
	return &Follower{Bucket: bucket, logger: logger, Reset: reset, Apply: apply, made: time.Now(), again: make(chan struct{}, 1), moved: make(chan struct{})}
}

// Touch notes that something has come on the watch's connection.
func (f *Follower) Touch() { f.arrived.Store(int64(time.Since(f.made))) }

// Idle is for how long nothing has come, of what kind ever. A large snapshot may
// take minutes; nobody should begin it anew meanwhile.
func (f *Follower) Idle() time.Duration {
	if f.working.Load() {
		return 0
	}
	return time.Since(f.made) - time.Duration(f.arrived.Load())
}

// Restart begins the watch anew, at once, where it was.
func (f *Follower) Restart() {
	select {
	case f.again <- struct{}{}:
	default:
	}
}

// Resync begins the watch anew with a snapshot.
func (f *Follower) Resync() {
	f.mu.Lock()
	f.applied = 0
	f.mu.Unlock()
	f.Restart()
}

// Run follows until the context ends.
func (f *Follower) Run(ctx context.Context) {
	const shortest, longest = 50 * time.Millisecond, 2 * time.Second
	told := false
	for wait := shortest; ctx.Err() == nil; wait = min(2*wait, longest) {
		began := time.Now()
		err := f.once(ctx)
		if err != nil && ctx.Err() == nil && !told {
			f.logger.Warn("the registry cannot be followed; what is known goes on to count, and it is tried again", zap.Error(err))
		}
		told = err != nil
		if err == nil || time.Since(began) > longest {
			wait = shortest
		}
		select {
		case <-time.After(wait):
		case <-f.again:
			wait = shortest
		case <-ctx.Done():
		}
	}
}

func (f *Follower) once(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	after := f.Position()
	if f.Same != nil {
		same, err := f.Same(ctx, after)
		if err != nil {
			return err
		}
		if !same && after > 0 {
			after = 0
			f.mu.Lock()
			f.applied = 0
			f.mu.Unlock()
		}
	}
	entries, err := f.Bucket.Watch(ctx, after)
	if err != nil {
		return err
	}
	var snapshot []Entry
	whole := after > 0 // what is known already is whole
	for {
		select {
		case e, open := <-entries:
			if !open {
				return ErrUnavailable
			}
			f.working.Store(true)
			switch {
			case e.Key == "" && !whole:
				f.Reset(snapshot)
				whole = true
				last := uint64(0)
				for _, e := range snapshot {
					last = max(last, e.Revision)
				}
				snapshot = nil //nolint:prealloc // nobody knows how many there will be
				f.move(last)
			case e.Key == "":
				f.move(0)
			case whole:
				f.Apply(e)
				f.move(e.Revision)
			default:
				snapshot = append(snapshot, e)
			}
			f.Touch()
			f.working.Store(false)
		case <-f.again:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

func (f *Follower) move(revision uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.applied, f.synced = max(f.applied, revision), true
	close(f.moved)
	f.moved = make(chan struct{})
}

// CaughtUp reports whether the snapshot has been taken, once.
func (f *Follower) CaughtUp() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.synced
}

// Position is the last revision that has been applied.
func (f *Follower) Position() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.applied
}

// Wait returns when a revision has been applied; 0 waits for the snapshot.
func (f *Follower) Wait(ctx context.Context, revision uint64) error {
	for {
		f.mu.Lock()
		reached, moved := f.synced && f.applied >= revision, f.moved
		f.mu.Unlock()
		if reached {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
