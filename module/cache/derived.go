package cache

import "sync"

// derived is what handlers above the cache have worked out of a body.
type derived struct {
	mu    sync.Mutex
	known []derivation
	taken int64 // of the budget
}

type derivation struct {
	key, value any
}

// mostDerived is how much is kept with one body: there are few ways for tokens to
// travel.
const mostDerived = 8

// Derive implements [handoff.SharedBody]. Those who come at the same time wait for the
// first one to work it out.
func (b *body) Derive(key any, make func() (value any, size int)) any {
	d := &b.derived
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range d.known {
		if d.known[i].key == key {
			return d.known[i].value
		}
	}
	value, size := make()
	// Of a body that nobody will ask for again, nothing is kept: who leaves it last
	// has looked for what to give back, or will.
	n, alive := int64(size), b.stored.Load() > 0 || b.holders.Load() > 0
	if alive && len(d.known) < mostDerived && b.room.takeForDerived(n) {
		d.known = append(d.known, derivation{key, value})
		d.taken += n
	}
	return value
}

// forgetDerived gives the memory back.
func (b *body) forgetDerived() {
	d := &b.derived
	d.mu.Lock()
	defer d.mu.Unlock()
	b.room.giveOfDerived(d.taken)
	d.known, d.taken = nil, 0
}
