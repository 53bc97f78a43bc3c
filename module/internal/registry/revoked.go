package registry

import (
	"math"
	"sync"
	"sync/atomic"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/token/sessiontoken"
)

// revokedSet is what has been revoked, for gates to ask. Values are known by the
// 64-bit hashes that session tokens have of them, each with its organisation, so
// that one question serves both kinds of token. It is split into parts with
// locks of their own: no request waits for another one.
type revokedSet struct {
	parts [revokedParts]revokedPart
	count atomic.Int64
}

const revokedParts = 64

type revokedPart struct {
	mu sync.RWMutex
	// before is the iat up to which tokens are revoked, everLater for all.
	before map[uint64]int64
}

// everLater revokes tokens whenever they were issued.
const everLater = math.MaxInt64

func (s *revokedSet) part(hash uint64) *revokedPart { return &s.parts[hash%revokedParts] }

func (s *revokedSet) add(hash uint64, before int64) {
	p := s.part(hash)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.before == nil {
		p.before = make(map[uint64]int64)
	}
	if _, there := p.before[hash]; !there {
		s.count.Add(1)
	}
	p.before[hash] = before
}

func (s *revokedSet) remove(hash uint64) {
	p := s.part(hash)
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, there := p.before[hash]; there {
		s.count.Add(-1)
		delete(p.before, hash)
	}
}

// empty reports whether nothing is in it.
func (s *revokedSet) empty() bool { return s.count.Load() == 0 }

// has reports whether a hash is revoked for tokens issued at a time; 0 stands
// for tokens that do not say it, which every time includes.
func (s *revokedSet) has(hash uint64, issued int64) bool {
	if hash == 0 {
		return false
	}
	p := s.part(hash)
	p.mu.RLock()
	before, found := p.before[hash]
	p.mu.RUnlock()
	return found && (before == everLater || issued <= before)
}

// Revokes reports whether anything is revoked.
func (v *View) Revokes() bool { return v.revocations.Load() > 0 }

// Revoked reports whether a token has been revoked, by whichever of its values.
func (v *View) Revoked(s *access.Subject) bool {
	if !v.Revokes() {
		return false
	}
	if v.revoked.has(s.TokenID, s.IssuedAt) || v.revoked.has(s.Tag, s.IssuedAt) || v.revoked.has(s.User, s.IssuedAt) {
		return true
	}
	return !v.revokedWide.empty() && (v.revokedWide.has(sessiontoken.Hash(byStream, s.Org, s.Stream), s.IssuedAt) ||
		v.revokedWide.has(sessiontoken.Hash(byOrg, s.Org, s.Org), s.IssuedAt))
}

// revokedOf is the set that revocations of a kind are in. Those of streams and
// organisations are rare, and their hashes are in no token.
func (v *View) revokedOf(kind string) *revokedSet {
	if kind == byStream || kind == byOrg {
		return &v.revokedWide
	}
	return &v.revoked
}
