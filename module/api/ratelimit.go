package api

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

// How many times an address may fail to say who it is, and how much is
// remembered of it.
const (
	maxFailures  = 10
	failureTime  = time.Minute
	maxAddresses = 10_000
)

// failures counts failed authentications by client address; an IPv6 client is
// its /64, because it can choose the rest. Clients whose address is not known
// count as one.
type failures struct {
	mu    sync.Mutex
	byNet map[netip.Prefix]*list.Element
	order list.List // of *failing, the one that began first in front
}

// failing is an address that has failed, and since when.
type failing struct {
	from  netip.Prefix
	since time.Time
	count int
}

func newFailures() *failures {
	return &failures{byNet: make(map[netip.Prefix]*list.Element)}
}

func network(a netip.Addr) netip.Prefix {
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits) // the zero prefix for no address
	return p
}

// wait is how long an address has to wait before it may try again; 0 or less
// for not at all.
func (f *failures) wait(a netip.Addr, now time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e, ok := f.byNet[network(a)]; ok {
		if x := e.Value.(*failing); x.count >= maxFailures {
			return x.since.Add(failureTime).Sub(now)
		}
	}
	return 0
}

// add counts a failure.
func (f *failures) add(a netip.Addr, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for e := f.order.Front(); e != nil && now.Sub(e.Value.(*failing).since) >= failureTime; e = f.order.Front() {
		f.forget(e)
	}
	from := network(a)
	if e, ok := f.byNet[from]; ok {
		e.Value.(*failing).count++
		return
	}
	if f.order.Len() >= maxAddresses {
		f.forget(f.order.Front())
	}
	f.byNet[from] = f.order.PushBack(&failing{from, now, 1})
}

func (f *failures) forget(e *list.Element) {
	delete(f.byNet, e.Value.(*failing).from)
	f.order.Remove(e)
}
