package registry

import (
	"hash/maphash"
	"slices"
	"sort"
	"sync/atomic"
	"time"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/shard"
)

// Conditions are all conditions, in a form to ask. Gates, cuts, explanations, the status
// of a token and lists ask here and nowhere else. Values are known by the 64-bit hashes
// that session tokens have of them, each with its organisation, so that one question
// serves both kinds of token. No request waits for another one.
type Conditions struct {
	values conditionSet // tokens, tags and users, by the hashes that tokens have of them
	places conditionSet // streams and organisations, by those of this process
	seed   maphash.Seed
}

// Revoked reports whether any condition refuses a token, or a session that began with
// it, at a time.
func (c *Conditions) Revoked(s *access.Subject, at time.Time) bool {
	l, found := c.first(s)
	return found && l.from <= at.UnixMilli()
}

// first is what refuses a token first, by the times at which conditions begin.
func (c *Conditions) first(s *access.Subject) (first line, found bool) {
	look := func(set *conditionSet, hash uint64) {
		if l, ok := set.first(hash, s.IssuedAt); ok && (!found || l.from < first.from) {
			first, found = l, true
		}
	}
	if !c.values.empty() {
		look(&c.values, s.TokenID)
		look(&c.values, s.Tag)
		look(&c.values, s.User)
	}
	if !c.places.empty() {
		look(&c.places, c.place(s.Org, s.Stream))
		look(&c.places, c.place(s.Org, ""))
	}
	return first, found
}

// farthest is the line that reaches farthest of those that a token can be revoked by;
// the zero line if there is none.
func (c *Conditions) farthest(s *access.Subject) (l line) {
	for _, other := range []line{
		c.values.farthest(s.TokenID), c.values.farthest(s.Tag), c.values.farthest(s.User),
		c.places.farthest(c.place(s.Org, s.Stream)), c.places.farthest(c.place(s.Org, "")),
	} {
		if other.lastIssued > l.lastIssued {
			l = other
		}
	}
	return l
}

// place is the hash of a stream, or, without one, of an organisation.
func (c *Conditions) place(org, stream string) uint64 {
	return max(maphash.Comparable(c.seed, [2]string{org, stream}), 1)
}

// line is what is kept of a condition to judge by.
type line struct {
	from       int64 // the unix millisecond from when it holds
	lastIssued int64 // the iat of the latest token that it concerns
	reach      int64 // the most of it and of those before it in their list
	id         string
}

// conditionSet has the lines of each hash in the order of their beginnings. The first
// whose reach includes an iat is the one that refuses it first. A list is never changed:
// another one takes its place.
type conditionSet struct {
	parts shard.Parts[map[uint64][]line]
	count atomic.Int64
}

// empty reports whether nothing is in it.
func (s *conditionSet) empty() bool { return s.count.Load() == 0 }

// first is the line that refuses what was issued at a time first. 0 is the hash of
// nothing.
func (s *conditionSet) first(hash uint64, issued int64) (line, bool) {
	list := s.all(hash)
	i := sort.Search(len(list), func(i int) bool { return list[i].reach >= issued })
	if i == len(list) {
		return line{}, false
	}
	return list[i], true
}

// all are the lines of a hash. They are not changed by anybody.
func (s *conditionSet) all(hash uint64) []line {
	if hash == 0 {
		return nil
	}
	p := s.parts.Of(hash)
	p.RLock()
	defer p.RUnlock()
	return p.State[hash]
}

// farthest is the line of a hash that concerns the latest tokens, or the zero line.
func (s *conditionSet) farthest(hash uint64) (l line) {
	for _, other := range s.all(hash) {
		if other.lastIssued > l.lastIssued {
			l = other
		}
	}
	return l
}

// put adds a line, in place of the one with its id.
func (s *conditionSet) put(hash uint64, l line) {
	if hash == 0 { // of what cannot be named yet
		return
	}
	p := s.parts.Of(hash)
	p.Lock()
	defer p.Unlock()
	if p.State == nil {
		p.State = make(map[uint64][]line)
	}
	list := without(p.State[hash], l.id)
	i := sort.Search(len(list), func(i int) bool { return list[i].from > l.from })
	s.set(p.State, hash, slices.Insert(list, i, l))
}

// remove takes out the line with an id.
func (s *conditionSet) remove(hash uint64, id string) {
	p := s.parts.Of(hash)
	p.Lock()
	defer p.Unlock()
	if list, there := p.State[hash]; there {
		s.set(p.State, hash, without(list, id))
	}
}

// without is a copy of a list without the line of an id.
func without(list []line, id string) []line {
	return slices.DeleteFunc(slices.Clone(list), func(l line) bool { return l.id == id })
}

func (s *conditionSet) set(all map[uint64][]line, hash uint64, list []line) {
	s.count.Add(int64(len(list) - len(all[hash])))
	if len(list) == 0 {
		delete(all, hash)
		return
	}
	for i := range list {
		list[i].reach = list[i].lastIssued
		if i > 0 {
			list[i].reach = max(list[i].reach, list[i-1].reach)
		}
	}
	all[hash] = slices.Clip(list)
}
