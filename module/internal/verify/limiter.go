package verify

import (
	"hash/maphash"
	"maps"
	"net/netip"
	"time"

	"github.com/playgate/playgate/module/internal/shard"
)

// Limits are how often one address may fail.
type Limits struct {
	// Count is how many failures may come at once, from 1.
	Count int
	// Within is the time after which all of them are forgiven.
	Within time.Duration
}

// Refill is how failures are forgiven.
type Refill int

const (
	// Gradually forgives one failure after each Within divided by Count.
	Gradually Refill = iota
	// AtOnce forgives all of them Within after the first.
	AtOnce
)

// Limiter counts what client addresses do wrong, and says how long one that did
// it too often has to wait. An IPv6 client is its /64, because it can choose the
// rest. Clients whose address is not known count as one.
type Limiter struct {
	refill  Refill
	parts   shard.Parts[limiterPart]
	used    uint64 // how many of the parts are
	maximum int    // of addresses in each of them
	seed    maphash.Seed
}

// limiterPart has the addresses that have failed.
type limiterPart struct {
	failures map[netip.Prefix]failures
	order    []netip.Prefix // with AtOnce: the one that began first in front
	last     int64          // unix second in which the forgiven were taken out
}

// failures are those of one address: the time at which all will be forgiven and,
// with AtOnce, how many there are.
type failures struct {
	until time.Time
	count int
}

// NewLimiter makes a limiter that keeps up to about so many addresses. Beyond, one
// is forgiven for each that comes: with AtOnce the one that began first, and the
// bound is exact.
func NewLimiter(refill Refill, addresses int) *Limiter {
	l := &Limiter{refill: refill, used: shard.Count, seed: maphash.MakeSeed()}
	if refill == AtOnce {
		l.used = 1 // one order for all
	}
	l.maximum = addresses / int(l.used)
	return l
}

// clientPrefix is who fails: an address, and of IPv6 the network that one customer
// has. All whose address is not known fail together.
func clientPrefix(from netip.Addr) netip.Prefix {
	bits := from.BitLen()
	if from.Is6() {
		bits = 64
	}
	prefix, _ := from.Prefix(bits) // the zero prefix of the zero address
	return prefix
}

func (l *Limiter) part(client netip.Prefix) *shard.Part[limiterPart] {
	return l.parts.Of(maphash.Comparable(l.seed, client) % l.used)
}

// Wait is how long an address has to wait until it may try again; 0 or less if it
// has not to.
func (l *Limiter) Wait(limits Limits, from netip.Addr, now time.Time) time.Duration {
	client := clientPrefix(from)
	p := l.part(client)
	p.Lock()
	defer p.Unlock()
	f := p.State.failures[client]
	if l.refill == AtOnce {
		if f.count < limits.Count {
			return 0
		}
		return f.until.Sub(now)
	}
	// One more has to fit.
	each := limits.Within / time.Duration(limits.Count)
	owed := max(f.until.Sub(now), 0)
	return max(owed+each-limits.Within, 0)
}

// Consume counts a failure of an address.
func (l *Limiter) Consume(limits Limits, from netip.Addr, now time.Time) {
	client := clientPrefix(from)
	p := l.part(client)
	p.Lock()
	defer p.Unlock()
	if p.State.failures == nil {
		p.State.failures = make(map[netip.Prefix]failures)
	}
	if l.refill == AtOnce {
		p.State.countAtOnce(limits, client, now, l.maximum)
	} else {
		p.State.countGradually(limits, client, now, l.maximum)
	}
}

func (p *limiterPart) countAtOnce(limits Limits, client netip.Prefix, now time.Time, maximum int) {
	for len(p.order) > 0 && !now.Before(p.failures[p.order[0]].until) {
		p.evictFirst()
	}
	f, failed := p.failures[client]
	if !failed {
		if len(p.order) >= maximum {
			p.evictFirst()
		}
		p.order = append(p.order, client)
		f.until = now.Add(limits.Within)
	}
	f.count++
	p.failures[client] = f
}

func (p *limiterPart) evictFirst() {
	delete(p.failures, p.order[0])
	p.order = p.order[1:]
}

func (p *limiterPart) countGradually(limits Limits, client netip.Prefix, now time.Time, maximum int) {
	f, failed := p.failures[client]
	if !failed && len(p.failures) >= maximum {
		p.evict(now, maximum)
	}
	if f.until.Before(now) {
		f.until = now
	}
	f.until = f.until.Add(limits.Within / time.Duration(limits.Count))
	p.failures[client] = f
}

// evict takes out those who are forgiven, once a second at most, or else any one.
func (p *limiterPart) evict(now time.Time, maximum int) {
	if second := now.Unix(); p.last != second {
		p.last = second
		maps.DeleteFunc(p.failures, func(_ netip.Prefix, f failures) bool { return f.until.Before(now) })
	}
	for client := range p.failures {
		if len(p.failures) < maximum {
			return
		}
		delete(p.failures, client)
	}
}
