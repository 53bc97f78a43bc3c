package conns

import "sync"

// Turns have those who do something slow wait for others of the same organisation, and
// for nobody else. The zero value is ready.
type Turns struct {
	mu   sync.Mutex
	orgs map[string]*turn
}

// turn is that of one organisation, for as long as somebody has it or waits for it.
type turn struct {
	room  chan struct{}
	users int
}

// Take waits for one of n turns of an organisation. The caller gives it back.
func (t *Turns) Take(org string, n int) (giveBack func()) {
	own := t.enter(org, n)
	own.room <- struct{}{}
	return func() { <-own.room; t.leave(org, own) }
}

// Try is Take without waiting: ok is false if all n are taken.
func (t *Turns) Try(org string, n int) (giveBack func(), ok bool) {
	own := t.enter(org, n)
	select {
	case own.room <- struct{}{}:
		return func() { <-own.room; t.leave(org, own) }, true
	default:
		t.leave(org, own)
		return nil, false
	}
}

func (t *Turns) enter(org string, n int) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	own := t.orgs[org]
	if own == nil {
		if t.orgs == nil {
			t.orgs = make(map[string]*turn)
		}
		own = &turn{room: make(chan struct{}, n)}
		t.orgs[org] = own
	}
	own.users++
	return own
}

func (t *Turns) leave(org string, own *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if own.users--; own.users == 0 {
		delete(t.orgs, org)
	}
}
