package cache

import (
	"github.com/playgate/playgate/module/internal/cluster"
)

// purge forgets what matches, in the cache of the process.
func purge(match func(*cluster.Cached) bool) int {
	m := current()
	if m == nil {
		return 0
	}
	return m.store.forget(func(k *key) bool {
		return match(&cluster.Cached{Host: k.host, URI: k.uri, Org: k.org, Stream: k.stream})
	})
}
