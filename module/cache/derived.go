package cache

import "sync"

// derived is what handlers above the cache have worked out of a body.
type derived struct {
	mu    sync.Mutex
	known []derivation
	taken int64 // of the budget
	over  bool  // the body has left the cache
}

type derivation struct {
	key, value any
}

// mostDerived is how much is kept with one body: there are few ways for tokens to
// travel.
const mostDerived = 8

// get returns what is known under a key. Those who come at the same time wait for
// the first one to work it out.
func (d *derived) get(room *budget, key any, work func() (any, int)) any {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range d.known {
		if d.known[i].key == key {
			return d.known[i].value
		}
	}
	value, size := work()
	if n := int64(size); !d.over && len(d.known) < mostDerived && room.take(n) {
		d.known = append(d.known, derivation{key, value})
		d.taken += n
	}
	return value
}

// forget gives the memory back.
func (d *derived) forget(room *budget) {
	d.mu.Lock()
	defer d.mu.Unlock()
	room.give(d.taken)
	d.known, d.taken, d.over = nil, 0, true
}
