package registry

import (
	"math"
	"sync/atomic"

	"github.com/playgate/playgate/module/internal/shard"
)

// revokedSet is what has been revoked, for gates to ask. Values are known by the
// 64-bit hashes that session tokens have of them, each with its organisation, so
// that one question serves both kinds of token. No request waits for another one.
type revokedSet struct {
	// parts have the iat up to which tokens are revoked, everLater for all.
	parts shard.Parts[map[uint64]int64]
	count atomic.Int64
}

// everLater revokes tokens whenever they were issued.
const everLater = math.MaxInt64

func (s *revokedSet) add(hash uint64, before int64) {
	if hash == 0 { // of what cannot be named yet
		return
	}
	p := s.parts.Of(hash)
	p.Lock()
	defer p.Unlock()
	if p.State == nil {
		p.State = make(map[uint64]int64)
	}
	if _, there := p.State[hash]; !there {
		s.count.Add(1)
	}
	p.State[hash] = before
}

func (s *revokedSet) remove(hash uint64) {
	p := s.parts.Of(hash)
	p.Lock()
	defer p.Unlock()
	if _, there := p.State[hash]; there {
		s.count.Add(-1)
		delete(p.State, hash)
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
	p := s.parts.Of(hash)
	p.RLock()
	before, found := p.State[hash]
	p.RUnlock()
	return found && (before == everLater || issued <= before)
}
