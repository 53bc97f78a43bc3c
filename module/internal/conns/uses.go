package conns

import (
	"time"

	"github.com/playgate/playgate/module/internal/shard"
)

// Uses are the times at which tokens were used last, by the hash of their
// organisation and id. The zero value is empty.
type Uses struct{ parts shard.Parts[map[uint64]use] }

// use has unix seconds: of the last use, and of the last that was taken.
type use struct{ last, taken int64 }

// maxUses is how many tokens are kept in each part until they are taken; a
// million in all. What comes beyond is left out.
const maxUses = 1 << 14

// Note says that a token is used now.
func (u *Uses) Note(token uint64, now time.Time) {
	p := u.parts.Of(token)
	at := now.Unix()
	p.Lock()
	defer p.Unlock()
	old, known := p.State[token]
	switch {
	case known && old.last >= at:
		return
	case !known && len(p.State) >= maxUses:
		return
	case p.State == nil:
		p.State = make(map[uint64]use)
	}
	p.State[token] = use{at, old.taken}
}

// Last is when a token was used last, as far as this process knows; zero when it
// was not, or long ago.
func (u *Uses) Last(token uint64) time.Time {
	p := u.parts.Of(token)
	p.Lock()
	defer p.Unlock()
	if known, ok := p.State[token]; ok {
		return time.Unix(known.last, 0)
	}
	return time.Time{}
}

// Take is what has been noted since the last call, in unix seconds. Those who
// have not been used since are forgotten.
func (u *Uses) Take() map[uint64]int64 {
	fresh := make(map[uint64]int64)
	u.parts.All(func(last *map[uint64]use) {
		for token, x := range *last {
			if x.last == x.taken {
				delete(*last, token)
				continue
			}
			fresh[token] = x.last
			(*last)[token] = use{x.last, x.last}
		}
	})
	return fresh
}

// Return gives back what could not be stored, to be taken again.
func (u *Uses) Return(untaken map[uint64]int64) {
	for token, at := range untaken {
		p := u.parts.Of(token)
		p.Lock()
		if p.State == nil {
			p.State = make(map[uint64]use)
		}
		if x, known := p.State[token]; known || len(p.State) < maxUses {
			p.State[token] = use{max(x.last, at), 0}
		}
		p.Unlock()
	}
}
