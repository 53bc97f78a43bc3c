package conns

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/playgate/playgate/module/internal/access"
)

// How many WHEP resources there may be. Clients that leave do not always say so, and
// media over UDP does not tell.
const (
	maxOfToken   = 16
	maxOfOrg     = 4096
	maxResources = 1 << 16
)

// Resources are the WHEP resources of a process. A resource belongs to the token that
// made it, and makes room for no other one's. Those of public streams are counted
// apart, so that viewers without a token take no room from tokens. The zero value is
// empty.
type Resources struct {
	// PerToken, PerOrg and Max are how many a token, an organisation and the process
	// may have. Default: 16, 4,096 and 65,536. Of those that were made without a
	// token, PerOrg and Max may exist besides.
	PerToken, PerOrg, Max int

	mu      sync.Mutex
	all     int
	byPath  map[string][]*Resource // by [pathOf] their URL
	holders map[owner]*holder
	taken   [2]taken // with a token, and without
	prune   int      // how many there may be before those of the past are looked for
	pruned  time.Time
}

// holder is an owner, and what it has.
type holder struct {
	owner   owner
	has     []*Resource // the oldest first, without those that are leaving
	slots   int         // that are taken by what it has, and by what is to come
	leaving int
}

// taken are the slots that are taken.
type taken struct {
	all   int
	ofOrg map[string]int
}

// Slot is the room for one resource, taken before the origin is asked to make it.
type Slot struct {
	resources *Resources
	holder    *holder
	displaces *Resource // that has the slot until the new one is there
	used      bool
}

// Reserve takes a slot for a resource that somebody is about to make. If there are too
// many, the oldest of its owner will have to make room; if there is none, it
// returns nil.
func (rs *Resources) Reserve(s *access.Subject, now time.Time) *Slot {
	rs.mu.Lock()
	h := rs.holderOf(ownerOf(s))
	var gone []*Resource
	if rs.all >= rs.prune || !rs.room(h) && now.Sub(rs.pruned) >= time.Second {
		gone = rs.dropPast(now)
		h = rs.holderOf(h.owner)
	}
	slot := rs.reserve(h)
	rs.dropEmpty(h)
	rs.mu.Unlock()
	for _, r := range gone {
		r.release()
	}
	return slot
}

func (rs *Resources) reserve(h *holder) *Slot {
	slot := &Slot{resources: rs, holder: h}
	if rs.room(h) {
		rs.count(h, 1)
		return slot
	}
	if h.leaving >= rs.limit(h) {
		return nil // the origin does not delete as fast as this
	}
	for _, r := range h.has {
		if r.claim == nil {
			r.claim, slot.displaces = slot, r
			return slot
		}
	}
	return nil
}

// Release gives a slot back that was not used. It may be called on nil, and again.
func (s *Slot) Release() {
	if s == nil {
		return
	}
	rs := s.resources
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if s.used {
		return
	}
	s.used = true
	if s.displaces != nil {
		s.displaces.claim, s.displaces = nil, nil
		return
	}
	rs.count(s.holder, -1)
	rs.dropEmpty(s.holder)
}

// Add takes a resource in that was made with the slot, and calls added, before anybody
// can find it. One of the same URL, owner and chain is forgotten: the origin has made a
// new one in its place. One of another owner or chain clashes, also one of another
// owner that has the path under another host of the same gate: that one stays, and the
// new one is nobody's. What is displaced is still known, so that its URL becomes nobody
// else's, and has to end. Add reports false for a clash, or a slot that is nil or was
// used before.
func (s *Slot) Add(r *Resource, added func()) (displaced, clash *Resource, ok bool) {
	if s == nil {
		return nil, nil, false
	}
	displaced, gone, clash, ok := s.add(r, added)
	for _, g := range gone {
		g.release()
	}
	return displaced, clash, ok
}

func (s *Slot) add(r *Resource, added func()) (displaced *Resource, gone []*Resource, clash *Resource, ok bool) {
	rs := s.resources
	rs.mu.Lock()
	defer rs.mu.Unlock()
	path := pathOf(r.url)
	for _, old := range rs.byPath[path] {
		other := old.holder != s.holder
		switch {
		case old.url != r.url && (!other || old.Chain.Gate != r.Chain.Gate):
		case other || old.Chain != r.Chain:
			return nil, nil, old, false
		default:
			gone = append(gone, old)
		}
	}
	if s.used {
		return nil, nil, nil, false
	}
	for _, old := range gone {
		rs.remove(old)
	}
	s.used = true
	if d := s.displaces; d != nil {
		d.claim, s.displaces = nil, nil
		switch {
		case rs.room(s.holder):
			rs.count(s.holder, 1)
		case d.givenUp:
			rs.count(s.holder, 1) // before the holder could be empty
			rs.remove(d)
			gone = append(gone, d)
		default:
			s.holder.leave(d)
			displaced = d
		}
	}
	if rs.byPath == nil {
		rs.byPath = make(map[string][]*Resource)
	}
	rs.all++
	rs.byPath[path] = append(rs.byPath[path], r)
	r.holder = s.holder
	s.holder.has = append(s.holder.has, r)
	added()
	return displaced, gone, nil, true
}

// leave gives the slot of a resource to another one.
func (h *holder) leave(r *Resource) {
	h.has = slices.DeleteFunc(h.has, func(other *Resource) bool { return other == r })
	r.leaving = true
	h.leaving++
}

// Find is the resource of a URL, or nil.
func (rs *Resources) Find(url string) *Resource {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for _, r := range rs.byPath[pathOf(url)] {
		if r.url == url && !r.leaving {
			return r
		}
	}
	return nil
}

// Holds reports whether a resource still has its URL. What has not must not be deleted
// there: the URL may be another one's.
func (rs *Resources) Holds(r *Resource) bool {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return r.holder != nil
}

// Remove forgets a resource that is not there any more.
func (rs *Resources) Remove(r *Resource) {
	rs.mu.Lock()
	rs.remove(r)
	rs.mu.Unlock()
	r.release()
}

// GiveUp says that a resource could not be deleted. Its owner may still do that, unless
// it had to make room for another.
func (rs *Resources) GiveUp(r *Resource) {
	rs.mu.Lock()
	leaving := r.leaving
	if r.givenUp = true; leaving {
		rs.remove(r)
	}
	rs.mu.Unlock()
	if leaving {
		r.release()
	}
}

// All are those that are known now.
func (rs *Resources) All() []*Resource {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	all := make([]*Resource, 0, rs.all)
	for _, list := range rs.byPath {
		all = append(all, list...)
	}
	return all
}

// The following are for callers that have the lock.

func (rs *Resources) holderOf(o owner) *holder {
	h := rs.holders[o]
	if h == nil {
		if rs.holders == nil {
			rs.holders = make(map[owner]*holder)
		}
		o.org = strings.Clone(o.org) // it is a part of a request, which may be long
		h = &holder{owner: o}
		rs.holders[o] = h
	}
	return h
}

func (rs *Resources) dropEmpty(h *holder) {
	if h.slots == 0 && h.leaving == 0 {
		delete(rs.holders, h.owner)
	}
}

// limit is how many an owner may have.
func (rs *Resources) limit(h *holder) int {
	if h.owner.token == 0 {
		return orDefault(rs.PerOrg, maxOfOrg)
	}
	return orDefault(rs.PerToken, maxOfToken)
}

func orDefault(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

func (rs *Resources) takenBy(h *holder) *taken {
	if h.owner.token == 0 {
		return &rs.taken[1]
	}
	return &rs.taken[0]
}

// room reports whether there is a free slot for an owner.
func (rs *Resources) room(h *holder) bool {
	t := rs.takenBy(h)
	return h.slots < rs.limit(h) && t.ofOrg[h.owner.org] < orDefault(rs.PerOrg, maxOfOrg) && t.all < orDefault(rs.Max, maxResources)
}

func (rs *Resources) count(h *holder, n int) {
	t := rs.takenBy(h)
	if t.ofOrg == nil {
		t.ofOrg = make(map[string]int)
	}
	h.slots += n
	t.all += n
	if t.ofOrg[h.owner.org] += n; t.ofOrg[h.owner.org] == 0 {
		delete(t.ofOrg, h.owner.org)
	}
}

// remove takes a resource out, with its slot, which goes to who was to displace it.
func (rs *Resources) remove(r *Resource) {
	h := r.holder
	if h == nil {
		return
	}
	r.holder = nil
	rs.all--
	path := pathOf(r.url)
	rs.byPath[path] = slices.DeleteFunc(rs.byPath[path], func(other *Resource) bool { return other == r })
	if len(rs.byPath[path]) == 0 {
		delete(rs.byPath, path)
	}
	switch {
	case r.leaving:
		h.leaving--
	case r.claim != nil:
		r.claim.displaces, r.claim = nil, nil
		h.has = slices.DeleteFunc(h.has, func(other *Resource) bool { return other == r })
	default:
		h.has = slices.DeleteFunc(h.has, func(other *Resource) bool { return other == r })
		rs.count(h, -1)
	}
	rs.dropEmpty(h)
}

// dropPast takes out what is not kept any longer.
func (rs *Resources) dropPast(now time.Time) (gone []*Resource) {
	rs.pruned = now
	for _, list := range rs.byPath {
		for _, r := range list {
			if !r.kept.IsZero() && now.After(r.kept) {
				gone = append(gone, r)
			}
		}
	}
	for _, r := range gone {
		rs.remove(r)
	}
	rs.prune = 2*rs.all + 64
	return gone
}
