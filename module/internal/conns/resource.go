package conns

import (
	"container/list"
	"sync"
	"time"

	"github.com/playgate/playgate/module/internal/access"
)

// Resource is a WHEP session: media that an origin sends beside HTTP, from the
// POST that made it until its URL is deleted (as in RFC 9725, section 4.2).
type Resource struct {
	*Running
	url     string
	kept    time.Time
	element *list.Element

	released sync.Once
}

// NewResource makes a resource of a URL. A cut calls end, once, to delete it at
// the origin; with nil it is not cut. It is known until kept at the latest; zero:
// for ever.
func NewResource(url string, kept time.Time, end func()) *Resource {
	return &Resource{Running: &Running{cancel: func() {}, end: end}, url: url, kept: kept}
}

// Ends reports whether a cut can end the resource.
func (r *Resource) Ends() bool { return r.end != nil }

// OwnedBy reports whether a token made the resource. Who plays without a token
// owns nothing.
func (r *Resource) OwnedBy(s *access.Subject) bool {
	return !r.Subject.Public && !s.Public && r.Subject.Org == s.Org && r.Subject.TokenID == s.TokenID
}

// maxResources is how many WHEP resources a process knows. Clients that leave do
// not always say so, and media over UDP does not tell.
const maxResources = 1 << 16

// Resources are the WHEP resources of a process. The zero value is empty.
type Resources struct {
	// Max is how many there may be. Default: 65,536.
	Max int

	mu    sync.Mutex
	byURL map[string]*Resource
	order list.List // the oldest first
	prune int       // how many there may be before those of the past are looked for
}

// Add takes a resource in. One of the same URL is forgotten: the origin has made
// a new one in its place. When there are too many it returns the oldest, which
// has to end; else nil.
func (rs *Resources) Add(r *Resource, now time.Time) (oldest *Resource) {
	gone := rs.add(r, now, &oldest)
	for _, g := range gone {
		g.release()
	}
	return oldest
}

func (rs *Resources) add(r *Resource, now time.Time, oldest **Resource) (gone []*Resource) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.byURL == nil {
		rs.byURL = make(map[string]*Resource)
	}
	if old := rs.byURL[r.url]; old != nil {
		gone = append(gone, old)
		rs.forget(old)
	}
	if len(rs.byURL) >= rs.prune {
		for e := rs.order.Front(); e != nil; {
			old := e.Value.(*Resource)
			e = e.Next()
			if !old.kept.IsZero() && now.After(old.kept) {
				gone = append(gone, old)
				rs.forget(old)
			}
		}
		rs.prune = 2*len(rs.byURL) + 64
	}
	limit := rs.Max
	if limit == 0 {
		limit = maxResources
	}
	if len(rs.byURL) >= limit {
		*oldest = rs.order.Front().Value.(*Resource)
		rs.forget(*oldest)
	}
	rs.byURL[r.url] = r
	r.element = rs.order.PushBack(r)
	return gone
}

// forget takes a resource out. The caller has the lock.
func (rs *Resources) forget(r *Resource) {
	delete(rs.byURL, r.url)
	rs.order.Remove(r.element)
}

// Find is the resource of a URL, or nil.
func (rs *Resources) Find(url string) *Resource {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return rs.byURL[url]
}

// Remove forgets a resource that is not there any more, also one that had to make
// room for another.
func (rs *Resources) Remove(r *Resource) {
	rs.mu.Lock()
	if rs.byURL[r.url] == r {
		rs.forget(r)
	}
	rs.mu.Unlock()
	r.release()
}

// Abandon gives up ending a resource. One that is still known stays, for its owner to
// delete; one that had to make room for another counts no more.
func (rs *Resources) Abandon(r *Resource) {
	rs.mu.Lock()
	known := rs.byURL[r.url] == r
	rs.mu.Unlock()
	if !known {
		r.release()
	}
}

// release takes a resource out of what is running, once.
func (r *Resource) release() { r.released.Do(r.Release) }

// All are those that are known now.
func (rs *Resources) All() []*Resource {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	all := make([]*Resource, 0, len(rs.byURL))
	for e := rs.order.Front(); e != nil; e = e.Next() {
		all = append(all, e.Value.(*Resource))
	}
	return all
}
