package replica

import (
	"context"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/playgate/playgate/module/internal/kv"
)

// The library's watcher can be silent for many seconds after a server of a
// cluster dies, without telling. So nodes keep a heartbeat in the bucket that
// they follow: its age is how stale the view is, and one that is too old makes
// the watch begin anew.
const (
	// HeartbeatKey is the key of the heartbeat in the edge bucket.
	HeartbeatKey = "heartbeat"

	beatEvery = 500 * time.Millisecond
	beatLost  = 3 * beatEvery
)

// heartbeat is when the newest heartbeat was seen, as the time since the replica
// was made: a clock that is set does not change it. 0 is never.
type heartbeat struct {
	made time.Time
	seen atomic.Int64
}

// saw notes that one has been seen.
func (h *heartbeat) saw() { h.seen.Store(max(int64(time.Since(h.made)), 1)) }

// seedStaleness notes that what is known was true at a time before the start.
func (h *heartbeat) seedStaleness(seen time.Time) {
	if age := time.Since(seen); !seen.IsZero() {
		h.seen.Store(min(int64(time.Since(h.made)-age), -1))
	}
}

// at is when the newest was seen; zero for never.
func (h *heartbeat) at() time.Time {
	at := h.seen.Load()
	if at == 0 {
		return time.Time{}
	}
	return h.made.Add(time.Duration(at))
}

// writeBeat writes the next heartbeat; whoever is faster wins.
func writeBeat(ctx context.Context, edge kv.Bucket) {
	ctx, cancel := context.WithTimeout(ctx, beatEvery)
	defer cancel()
	e, err := edge.Get(ctx, HeartbeatKey)
	if err != nil {
		_, _ = edge.Create(ctx, HeartbeatKey, []byte("1")) // the next tick tries again
		return
	}
	n, _ := strconv.ParseUint(strings.TrimSpace(string(e.Value)), 10, 64)
	_, _ = edge.Update(ctx, HeartbeatKey, strconv.AppendUint(nil, n+1, 10), e.Revision) // the same
}

// StoreTime is the time by the clock of the store. That of the operator's servers is the
// one of their heartbeat: at most a second old, and older where nobody can write.
func (p *Replica) StoreTime(ctx context.Context) (time.Time, error) {
	if p.Store.Embedded() {
		return time.Now(), nil
	}
	return p.Edge.Written(ctx, HeartbeatKey)
}
