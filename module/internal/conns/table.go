package conns

import (
	"sync"
	"sync/atomic"
)

// Table is the set of running responses of a process. It is split into parts
// with locks of their own. The zero value is empty.
type Table struct {
	// Idle, if not nil, is called each time that nothing is running any more. It
	// must not block.
	Idle func()

	parts   [parts]part
	next    atomic.Uint32
	running atomic.Int64
}

const parts = 16

type part struct {
	mu    sync.Mutex
	first *Running
}

// Add takes a response in. Release takes it out again.
func (t *Table) Add(r *Running) {
	t.running.Add(1)
	p := &t.parts[t.next.Add(1)%parts]
	p.mu.Lock()
	defer p.mu.Unlock()
	r.table, r.part, r.after = t, p, p.first
	if p.first != nil {
		p.first.before = r
	}
	p.first = r
}

func (t *Table) remove(r *Running) {
	r.part.remove(r)
	if t.running.Add(-1) == 0 && t.Idle != nil {
		t.Idle()
	}
}

func (p *part) remove(r *Running) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.before != nil {
		r.before.after = r.after
	} else {
		p.first = r.after
	}
	if r.after != nil {
		r.after.before = r.before
	}
	r.before, r.after = nil, nil
}

// Len is how many responses are running.
func (t *Table) Len() int { return int(t.running.Load()) }

// Each calls f for every running response, under a lock that new ones wait for:
// f must not block, nor release one.
func (t *Table) Each(f func(*Running)) {
	for i := range t.parts {
		p := &t.parts[i]
		p.mu.Lock()
		for r := p.first; r != nil; r = r.after {
			f(r)
		}
		p.mu.Unlock()
	}
}
