package cache

import (
	"sync"

	"github.com/playgate/playgate/module/internal/handoff"
)

// The cache of the process. It outlives a reload of the configuration, so that a
// new one does not send everybody to the origin. Each handler claims an amount of
// memory, and the largest counts.
var (
	claims   = make(map[*Handler]int64)
	claimed  *store
	claimsMu sync.Mutex
)

func claim(h *Handler, memory int64) *store {
	claimsMu.Lock()
	defer claimsMu.Unlock()
	claims[h] = memory
	handoff.Caching.Store(int64(len(claims)))
	if claimed == nil {
		claimed = newStore(memory)
	}
	claimed.resize(largestClaim())
	return claimed
}

func unclaim(h *Handler) {
	claimsMu.Lock()
	defer claimsMu.Unlock()
	delete(claims, h)
	handoff.Caching.Store(int64(len(claims)))
	if len(claims) > 0 {
		claimed.resize(largestClaim())
		return
	}
	claimed.close()
	claimed = nil
}

func largestClaim() (most int64) {
	for _, memory := range claims {
		most = max(most, memory)
	}
	return most
}

// current is the cache of the process, or nil.
func current() *store {
	claimsMu.Lock()
	defer claimsMu.Unlock()
	return claimed
}
