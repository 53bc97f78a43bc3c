package app

import (
	"sync/atomic"

	"github.com/playgate/playgate/module/internal/cluster"
)

// purger is how the caches of this process are purged; nil where there are none.
var purger atomic.Pointer[func(match func(*cluster.Cached) bool) int]

// OnPurge says how caches are purged. It is called once, by the package that has
// them.
func OnPurge(purge func(match func(*cluster.Cached) bool) int) { purger.Store(&purge) }

// purge makes the caches of this process forget the answers that match, and tells
// how many that were.
func purge(match func(*cluster.Cached) bool) int {
	if purge := purger.Load(); purge != nil {
		return (*purge)(match)
	}
	return 0
}
