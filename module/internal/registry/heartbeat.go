package registry

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
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

// heartbeat is when the newest heartbeat was seen, by this node's own clock.
type heartbeat struct{ seen atomic.Int64 }

// reset takes a whole snapshot of the edge bucket.
func (r *Registry) reset(entries []Entry) {
	r.beat.seen.Store(r.now().UnixNano())
	r.view.reset(slices.DeleteFunc(entries, func(e Entry) bool { return e.Key == beatKey }))
}

// take takes a change of the edge bucket.
func (r *Registry) take(e Entry) {
	if e.Key == beatKey {
		r.beat.seen.Store(r.now().UnixNano())
		return
	}
	r.view.apply(e)
}

// watchdog writes a heartbeat when nobody else does, and begins the watch anew
// when none arrives.
func (r *Registry) watchdog() {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	began := time.Now()
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-tick.C:
		}
		age := time.Since(r.Seen())
		if age >= beatEvery {
			r.writeBeat()
		}
		if age > beatLost && time.Since(began) > beatLost {
			began = time.Now()
			select {
			case r.edges.again <- struct{}{}:
			default:
			}
		}
	}
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
	return time.Unix(0, at)
}
