package edge

import (
	"sync/atomic"

	"github.com/playgate/playgate/module/internal/cluster"
)

// Caches knows how many caches of answers there are, and how they are purged.
type Caches struct {
	count atomic.Int64
	purge atomic.Pointer[func(match func(*cluster.Cached) bool) int]
}

// Add says that there is one cache more. All share one memory: purge makes it
// forget the answers that match, and returns how many those were.
func (c *Caches) Add(purge func(match func(*cluster.Cached) bool) int) {
	c.purge.Store(&purge)
	c.count.Add(1)
}

// Remove says that there is one cache less.
func (c *Caches) Remove() { c.count.Add(-1) }

// Any reports whether there are caches. Only they want to know all of what a
// gate can tell of a request.
func (c *Caches) Any() bool { return c.count.Load() > 0 }

// forget makes the caches of this process forget the answers that match, and
// returns how many those were.
func (c *Caches) forget(match func(*cluster.Cached) bool) int {
	if purge := c.purge.Load(); purge != nil {
		return (*purge)(match)
	}
	return 0
}
