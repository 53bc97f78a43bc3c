package edge

import (
	"net/netip"
	"sync"
	"time"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/conns"
)

// viewers are who watches, and the last count of them. One costs a look at each.
type viewers struct {
	conns.Viewers

	mu     sync.Mutex
	at     time.Time
	counts *conns.Counts
}

// RecordView records that a request of a subject was let through, and returns who
// its viewer is. The use of a token is recorded where it will be stored.
func (s *State) RecordView(subject *access.Subject, from netip.Addr, stored bool, now time.Time) (viewer uint64) {
	if !subject.Public && stored {
		s.Uses.last.Note(subject.TokenID, now)
	}
	viewer = conns.Viewer(subject, from)
	s.viewers.Seen(subject, viewer, now)
	return viewer
}

// count counts the viewers on this node, at most once a second.
func (v *viewers) count(running *conns.Table) *conns.Counts {
	v.mu.Lock()
	defer v.mu.Unlock()
	if now := time.Now(); v.counts == nil || now.Sub(v.at) > time.Second {
		v.counts, v.at = v.Count(running, now), now
	}
	return v.counts
}

// ended is whom a revocation ends on this node; at most a second old.
func (v *viewers) ended(running *conns.Table, whom access.Selection) (count int, streams map[uint64]bool) {
	v.count(running)
	return v.Ended(whom)
}
