package app

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/redact"
)

// Refusal is what is known of a refused request.
type Refusal struct {
	// ID is that of the answer and of the line in the access log.
	ID string `json:"id"`
	// At is when it was noted.
	At time.Time `json:"at"`
	// Reason is why.
	Reason access.Reason `json:"reason"`
	// Org and Stream are what was asked for, as far as that is known.
	Org    string `json:"org,omitempty"`
	Stream string `json:"stream,omitempty"`
	// TokenID and TokenOrg are of a token whose signature held.
	TokenID  string `json:"token_id,omitempty"`
	TokenOrg string `json:"token_org,omitempty"`
}

// Refused notes a refusal: for whoever asks for its id later, and for whoever
// listens to events.
func (a *App) Refused(r *Refusal) {
	r.At = time.Now()
	recent.add(r)
	tellRefused(r)
}

// RefusalOf is the refusal of an id, if it was one of the last on this node, or on
// one of the others that answer.
func (a *App) RefusalOf(id string) (Refusal, bool) {
	if r, ok := recent.find(id); ok {
		return r, true
	}
	for _, r := range a.elsewhere(&question{Refusal: id}) {
		if r.Refusal != nil && r.Refusal.ID == id {
			return *r.Refusal, true
		}
	}
	return Refusal{}, false
}

// recent are the last refusals of this process.
var recent refusals

// refusals keeps the last ones. Each has a lock of its own: no request waits for
// another one. The zero value is empty.
type refusals struct {
	next atomic.Uint64
	last [8192]struct {
		mu sync.Mutex
		r  Refusal
	}
}

// add keeps a refusal. Its names are copied: they are parts of a request's URL,
// which may be long, and would stay in memory with them.
func (rs *refusals) add(r *Refusal) {
	kept := *r
	for _, text := range []*string{&kept.Org, &kept.Stream, &kept.TokenID, &kept.TokenOrg} {
		*text = strings.Clone(*text)
	}
	slot := &rs.last[rs.next.Add(1)%uint64(len(rs.last))]
	slot.mu.Lock()
	defer slot.mu.Unlock()
	slot.r = kept
}

func (rs *refusals) find(id string) (Refusal, bool) {
	if id == "" {
		return Refusal{}, false
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
	return Refusal{}, false
}
