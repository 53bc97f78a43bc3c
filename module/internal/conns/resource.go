package conns

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/playgate/playgate/module/internal/access"
)

// Resource is a WHEP session: media that an origin sends beside HTTP, from the
// POST that made it until its URL is deleted (as in RFC 9725, section 4.2).
type Resource struct {
	*Running
	// Chain is what it was made through. Only through the same can be learned that it
	// is gone: another one may lead to another origin.
	Chain Chain
	// Deletion is what whoever made it deletes it by.
	Deletion any

	url      string
	kept     time.Time
	released sync.Once
	asking   atomic.Bool

	// What follows is for [Resources], under its lock.
	holder  *holder // nil once it is out
	claim   *Slot   // that it will make room for
	leaving bool    // it has made room, and is being deleted
	givenUp bool    // it could not be deleted
}

// Chain is a gate and the host by which it was asked.
type Chain struct {
	Gate any // comparable
	Host string
}

// NewResource makes a resource of a URL: host, path and query, without a scheme. A
// cut calls end, once, to delete it at the origin; with nil it is not cut. It is known
// until kept at the latest; zero: for ever.
func NewResource(url string, kept time.Time, end func()) *Resource {
	return &Resource{Running: &Running{cancel: func() {}, end: end}, url: url, kept: kept}
}

// Ask calls f, unless it is being called for this resource: who knows whether it is
// there is asked by one at a time.
func (r *Resource) Ask(f func()) {
	if r.asking.CompareAndSwap(false, true) {
		defer r.asking.Store(false)
		f()
	}
}

// Ends reports whether a cut can end the resource.
func (r *Resource) Ends() bool { return r.end != nil }

// Owned reports whether a token made the resource. Who plays without a token owns
// nothing. It may be called on nil.
func (r *Resource) Owned() bool { return r != nil && r.Subject.TokenID != 0 }

// OwnedBy reports whether this token made the resource.
func (r *Resource) OwnedBy(s *access.Subject) bool {
	return r.Owned() && ownerOf(&r.Subject) == ownerOf(s)
}

// release takes a resource out of what is running, once.
func (r *Resource) release() { r.released.Do(r.Release) }

// pathOf is a URL without its host. What one token has under a path of a gate, another
// one does not get under another name of it.
func pathOf(url string) string { return url[max(strings.IndexByte(url, '/'), 0):] }

// owner is who has resources: a token, or, where that is 0, all who play public streams
// of an organisation without one.
type owner struct {
	org   string
	token uint64
}

func ownerOf(s *access.Subject) owner { return owner{s.Org, s.TokenID} }
