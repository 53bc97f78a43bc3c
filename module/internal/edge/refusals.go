package edge

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/playgate/playgate/module/internal/cluster"
	"github.com/playgate/playgate/module/internal/redact"
)

// RecordRefusal records a refusal: for whoever asks for its id later, and for
// whoever listens to events. It sets the time.
func (s *State) RecordRefusal(r *cluster.Refusal) {
	r.At = time.Now()
	s.refusals.add(r)
	s.Events.tellRefused(r)
}

// refusals keeps the last ones. Each has a lock of its own: no request waits for
// another one. The zero value is empty.
type refusals struct {
	next atomic.Uint64
	last [8192]struct {
		mu sync.Mutex
		r  cluster.Refusal
	}
}

// add keeps a refusal. Its names are copied: they are parts of a request's URL,
// which may be long, and would stay in memory with them.
func (rs *refusals) add(r *cluster.Refusal) {
	kept := *r
	for _, text := range []*string{&kept.Org, &kept.Stream, &kept.TokenID, &kept.TokenOrg} {
		*text = strings.Clone(*text)
	}
	slot := &rs.last[rs.next.Add(1)%uint64(len(rs.last))]
	slot.mu.Lock()
	defer slot.mu.Unlock()
	slot.r = kept
}

func (rs *refusals) find(id string) (cluster.Refusal, bool) {
	if id == "" {
		return cluster.Refusal{}, false
	}
	for i := range rs.last {
		slot := &rs.last[i]
		slot.mu.Lock()
		r := slot.r
		slot.mu.Unlock()
		if r.ID == id {
			// A token could stand where names do.
			r.Stream = string(redact.Text([]byte(r.Stream)))
			return r, true
		}
	}
	return cluster.Refusal{}, false
}
