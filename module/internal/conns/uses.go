package conns

import (
	"sync"
	"time"
)

// Uses are the times at which tokens were used last, by the hash of their
// organisation and id. The zero value is empty.
type Uses struct{ parts [64]usesPart }

type usesPart struct {
	mu   sync.Mutex
	last map[uint64]use
}

// use has unix seconds: of the last use, and of the last that was taken.
type use struct{ last, taken int64 }

// maxUses is how many tokens are kept in each part until they are taken; a
// million in all. What comes beyond is left out.
const maxUses = 1 << 14

// Note says that a token is used now.
func (u *Uses) Note(token uint64, now time.Time) {
	p := &u.parts[token%uint64(len(u.parts))]
	at := now.Unix()
	p.mu.Lock()
	defer p.mu.Unlock()
	old, known := p.last[token]
	switch {
	case known && old.last >= at:
		return
	case !known && len(p.last) >= maxUses:
		return
	case p.last == nil:
		p.last = make(map[uint64]use)
	}
	p.last[token] = use{at, old.taken}
}

// Last is when a token was used last, as far as this process knows; zero when it
// was not, or long ago.
func (u *Uses) Last(token uint64) time.Time {
	p := &u.parts[token%uint64(len(u.parts))]
	p.mu.Lock()
	defer p.mu.Unlock()
	if known, ok := p.last[token]; ok {
		return time.Unix(known.last, 0)
	}
	return time.Time{}
}

// Take is what has been noted since the last call, in unix seconds. Those who
// have not been used since are forgotten.
func (u *Uses) Take() map[uint64]int64 {
	fresh := make(map[uint64]int64)
	for i := range u.parts {
		p := &u.parts[i]
		p.mu.Lock()
		for token, x := range p.last {
			if x.last == x.taken {
				delete(p.last, token)
				continue
			}
			fresh[token] = x.last
			p.last[token] = use{x.last, x.last}
		}
		p.mu.Unlock()
	}
	return fresh
}

// Return gives back what could not be stored, to be taken again.
func (u *Uses) Return(untaken map[uint64]int64) {
	for token, at := range untaken {
		p := &u.parts[token%uint64(len(u.parts))]
		p.mu.Lock()
		if p.last == nil {
			p.last = make(map[uint64]use)
		}
		if x, known := p.last[token]; known || len(p.last) < maxUses {
			p.last[token] = use{max(x.last, at), 0}
		}
		p.mu.Unlock()
	}
}
