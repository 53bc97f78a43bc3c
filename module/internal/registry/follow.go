package registry

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// follower keeps something in memory like a bucket: first a snapshot, then
// every change. A watch that ends, or is told to, is begun again where it was.
type follower struct {
	bucket Bucket
	logger *zap.Logger
	// reset takes a whole snapshot, apply one change.
	reset func([]Entry)
	apply func(Entry)
	// same, where it is there, reports whether the watch may go on from a
	// revision; else it begins with a snapshot.
	same func(ctx context.Context, after uint64) (bool, error)

	again chan struct{} // begin the watch anew

	made    time.Time
	arrived atomic.Int64 // when something came, since made
	working atomic.Bool  // on what it brought

	mu      sync.Mutex
	applied uint64
	synced  bool
	moved   chan struct{} // closed and replaced when applied grows
}

func follow(bucket Bucket, logger *zap.Logger, reset func([]Entry), apply func(Entry)) *follower {
	return &follower{bucket: bucket, logger: logger, reset: reset, apply: apply, made: time.Now(), again: make(chan struct{}, 1), moved: make(chan struct{})}
}

// sign notes that something has come on the watch's connection.
func (f *follower) sign() { f.arrived.Store(int64(time.Since(f.made))) }

// quiet is for how long nothing has come, of what kind ever. A large snapshot may
// take minutes; nobody should begin it anew meanwhile.
func (f *follower) quiet() time.Duration {
	if f.working.Load() {
		return 0
	}
	return time.Since(f.made) - time.Duration(f.arrived.Load())
}

// kick begins the watch anew, at once, where it was.
func (f *follower) kick() {
	select {
	case f.again <- struct{}{}:
	default:
	}
}

// begin begins the watch anew with a snapshot.
func (f *follower) begin() {
	f.mu.Lock()
	f.applied = 0
	f.mu.Unlock()
	f.kick()
}

// run follows until the context ends.
func (f *follower) run(ctx context.Context) {
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

func (f *follower) once(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	after := f.position()
	if f.same != nil {
		same, err := f.same(ctx, after)
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
	entries, err := f.bucket.Watch(ctx, after)
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
				f.reset(snapshot)
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
				f.apply(e)
				f.move(e.Revision)
			default:
				snapshot = append(snapshot, e)
			}
			f.sign()
			f.working.Store(false)
		case <-f.again:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

func (f *follower) move(revision uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.applied, f.synced = max(f.applied, revision), true
	close(f.moved)
	f.moved = make(chan struct{})
}

// caughtUp reports whether the snapshot has been taken, once.
func (f *follower) caughtUp() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.synced
}

func (f *follower) position() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.applied
}

// wait returns when a revision has been applied; 0 waits for the snapshot.
func (f *follower) wait(ctx context.Context, revision uint64) error {
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
