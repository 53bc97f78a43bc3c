package registry

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/kv"
)

// The library's watcher can be silent for many seconds after a server of a
// cluster dies, without telling. So nodes keep a heartbeat in the bucket that
// they follow: its age is how stale the view is, and one that is too old makes
// the watch begin anew.
const (
	beatKey   = "heartbeat"
	beatEvery = 500 * time.Millisecond
	beatLost  = 3 * beatEvery
)

// heartbeat is when the newest heartbeat was seen, as the time since the registry
// was made: a clock that is set does not change it. 0 is never.
type heartbeat struct{ seen atomic.Int64 }

func (r *Registry) sawBeat() { r.beat.seen.Store(max(int64(time.Since(r.made)), 1)) }

// knewAt notes that what is known was true at a time before the start.
func (r *Registry) knewAt(seen time.Time) {
	if age := r.now().Sub(seen); !seen.IsZero() {
		r.beat.seen.Store(min(int64(time.Since(r.made)-age), -1))
	}
}

// reset takes a whole snapshot of the edge bucket.
func (r *Registry) reset(entries []kv.Entry) {
	r.sawBeat()
	entries = slices.DeleteFunc(entries, func(e kv.Entry) bool { return e.Key == beatKey })
	var news []journalLine
	for _, e := range r.view.news(entries) {
		news = append(news, journalLine{Entry: &e})
	}
	r.journal.append(news...)
	switch {
	case r.anew.Swap(false):
		r.view.replace(entries)
	case r.failure.Load() != nil:
		r.view.merge(entries)
	default:
		r.view.reset(entries)
	}
	r.rewrite()
}

// take takes a change of the edge bucket.
func (r *Registry) take(e kv.Entry) {
	if e.Key == beatKey {
		r.sawBeat()
		return
	}
	r.view.apply(e)
	r.journal.append(journalLine{Entry: &e})
}

// A connection that stands while no heartbeat arrives for long leads to a server
// that the others have lost; another one is tried then. Electing a leader takes
// up to 8 seconds.
const (
	beatHopeless = 12 * time.Second
	// compareAfter is how long after a gap, and compareEvery how often at
	// least, the view is compared with the store.
	compareAfter = 5 * time.Second
	compareEvery = time.Hour
)

// watchdog writes a heartbeat when nobody else does, and begins the watch anew
// when none arrives.
func (r *Registry) watchdog() {
	tick := time.NewTicker(beatEvery / 5)
	defer tick.Stop()
	began, moved := time.Now(), time.Now()
	gap, due := false, time.Now().Add(compareEvery)
	// Not all nodes write at once: who is late finds that another one has.
	patience := func() time.Duration { return beatEvery*4/5 + rand.N(beatEvery*2/5) }
	wait := patience()
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-tick.C:
		}
		now, age := time.Now(), time.Since(r.Seen())
		if age >= wait && r.edges.CaughtUp() && r.store.Conn().IsConnected() {
			r.writeBeat()
			wait = patience()
		}
		if r.accepting() {
			r.edges.Restart()
		}
		if age = time.Since(r.Seen()); age <= beatLost {
			if gap {
				gap, due = false, now.Add(compareAfter+rand.N(compareAfter))
			}
			if now.After(due) {
				due = now.Add(compareEvery)
				r.running.Go(r.compareOnce)
			}
			continue
		}
		// Where much arrives, and the heartbeat behind it, nothing is silent.
		silent := min(age, r.edges.Idle())
		if silent > beatLost && now.Sub(began) > beatLost {
			began, gap = now, true
			r.edges.Restart()
		}
		if silent > beatHopeless && now.Sub(moved) > beatHopeless && r.store.Conn().IsConnected() {
			moved = now
			r.logger.Warn("no sign of life arrives from the registry; another server is tried", zap.Duration("for", silent))
			_ = r.store.Conn().ForceReconnect() // it tries for ever
		}
	}
}

// compareOnce compares the view with the store, again while that looks damaged.
func (r *Registry) compareOnce() {
	if !r.comparing.TryLock() {
		return // it takes long, over a slow line
	}
	defer r.comparing.Unlock()
	ctx, stop := context.WithCancel(r.ctx)
	defer stop()
	for _, b := range []*kv.NATSBucket{r.edge, r.issuing} {
		if err := tidyWatchers(ctx, b); err != nil {
			r.logger.Debug("former watches may be left on the servers", zap.Error(err))
		}
	}
	for end := time.Now().Add(2 * damageLasts); ; {
		err := r.compare(ctx)
		if !errors.Is(err, errDamaged) {
			if err != nil {
				r.logger.Debug("the view could not be compared with the store", zap.Error(err))
			}
			return
		}
		if time.Now().After(end) {
			r.damaged(err)
			return
		}
		select {
		case <-time.After(damageLasts / 4):
		case <-ctx.Done():
			return
		}
	}
}

func tidyWatchers(ctx context.Context, b *kv.NATSBucket) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return b.TidyWatchers(ctx)
}

// writeBeat writes the next heartbeat; whoever is faster wins.
func (r *Registry) writeBeat() {
	ctx, cancel := context.WithTimeout(r.ctx, beatEvery)
	defer cancel()
	e, err := r.edge.Get(ctx, beatKey)
	if err != nil {
		_, _ = r.edge.Create(ctx, beatKey, []byte("1")) // the next tick tries again
		return
	}
	n, _ := strconv.ParseUint(strings.TrimSpace(string(e.Value)), 10, 64)
	_, _ = r.edge.Update(ctx, beatKey, strconv.AppendUint(nil, n+1, 10), e.Revision) // the same
}

// Seen is when the view was last known to be true.
func (r *Registry) Seen() time.Time {
	if r.settings.embedded() && r.failure.Load() == nil && r.view.Complete() {
		return r.now() // nobody else changes it, also while it takes no changes
	}
	at := r.beat.seen.Load()
	if at == 0 {
		return time.Time{}
	}
	return r.made.Add(time.Duration(at))
}
