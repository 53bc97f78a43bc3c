package app

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/playgate/playgate/module/internal/verify"
)

// trustCell keeps the newest trust and makes it anew when it is out of date.
type trustCell struct {
	newest atomic.Pointer[trustAt]
	making sync.Mutex
}

// trustAt is a trust, and the generation of keys that it was made of.
type trustAt struct {
	trust      *verify.Trust
	generation uint64
}

func (c *trustCell) get(generation uint64, build func() *verify.Trust) *verify.Trust {
	if t := c.newest.Load(); t != nil && t.generation == generation {
		return t.trust
	}
	c.making.Lock()
	defer c.making.Unlock()
	if t := c.newest.Load(); t != nil && t.generation == generation {
		return t.trust
	}
	t := build()
	c.newest.Store(&trustAt{t, generation})
	return t
}

// ReadToken verifies a playback token, or remembers it; see
// [verify.Memory.ReadToken]. The address is the client's, and asked for only where
// [App.BadSignatures] limits what comes from there; then the error may be a
// [verify.LimitedError]. Without from nothing is limited or counted.
func (a *App) ReadToken(t *verify.Trust, text string, from func() netip.Addr, now time.Time) (*verify.Verified, error) {
	var budget verify.Budget
	if a.BadSignatures != nil && from != nil {
		budget.Limiter, budget.Limits = a.edge.BadSignatures, a.BadSignatures.limits()
	}
	return a.edge.Memory.ReadToken(t, text, budget, from, now)
}
