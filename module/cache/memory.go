package cache

import (
	"sync"

	"github.com/caddyserver/caddy/v2"
)

// pool has the memory of the process, once there is a cache. It outlives a reload of
// the configuration, so that a new one does not send everybody to the origin.
var pool = caddy.NewUsagePool()

// poolKey is the memory in the pool: there is one for all caches.
const poolKey = "memory"

// processMemory is what all caches of the process share: one store, as large as the largest
// amount that one of them asks for.
type processMemory struct {
	store *store

	mu      sync.Mutex
	amounts map[*Handler]int64 // in bytes, of the caches that there are
}

// acquire returns the store of the process for a cache that asks for so many bytes.
// The cache has to release it.
func acquire(h *Handler, bytes int64) (*store, error) {
	value, _, err := pool.LoadOrNew(poolKey, func() (caddy.Destructor, error) {
		return &processMemory{store: newStore(bytes), amounts: make(map[*Handler]int64)}, nil
	})
	if err != nil {
		return nil, err
	}
	m := value.(*processMemory)
	m.change(func() { m.amounts[h] = bytes })
	return m.store, nil
}

// release is the end of acquire. The last cache that leaves frees the store.
func release(h *Handler) error {
	if m := current(); m != nil {
		m.change(func() { delete(m.amounts, h) })
	}
	_, err := pool.Delete(poolKey)
	return err
}

// change changes the amounts, and the size of the store with them.
func (m *processMemory) change(amounts func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	amounts()
	most := int64(0)
	for _, bytes := range m.amounts {
		most = max(most, bytes)
	}
	if most > 0 {
		m.store.resize(most)
	}
}

// Destruct implements [caddy.Destructor].
func (m *processMemory) Destruct() error {
	m.store.close()
	return nil
}

// current is the memory of the process, or nil where there is no cache.
func current() (m *processMemory) {
	pool.Range(func(_, value any) bool {
		m = value.(*processMemory)
		return false
	})
	return m
}
