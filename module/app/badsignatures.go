package app

import (
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/playgate/playgate/module/token/jwt"
)

// BadSignatures is how many tokens with a bad signature one address may send.
// Further ones are refused (rate_limited) without a look at their signature, which
// is what costs; tokens that were seen before are not concerned.
type BadSignatures struct {
	// Count is how many may come at once, from 1 to 1,000,000. Each is forgiven
	// after Within divided by Count.
	Count int `json:"count"`
	// Within is the time after which all of them are forgiven, from 1 second to
	// 24 hours.
	Within caddy.Duration `json:"within"`
}

const (
	maxBadSignatures = 1_000_000
	maxWithin        = 24 * time.Hour
)

func (b *BadSignatures) check() error {
	if b.Count < 1 || b.Count > maxBadSignatures {
		return fmt.Errorf("bad_signatures %d: write a number from 1 to 1000000", b.Count)
	}
	if within := time.Duration(b.Within); within < time.Second || within > maxWithin {
		return fmt.Errorf("bad_signatures: %s is no duration from 1s to 24h", within)
	}
	return nil
}

func (b *BadSignatures) parse(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) != 2 {
		return d.Errf("bad_signatures takes a number and a duration, like bad_signatures 20 1m, not %d values", len(args))
	}
	var err error
	if b.Count, err = strconv.Atoi(args[0]); err != nil {
		return d.Errf("bad_signatures %s: write a number from 1 to 1000000", args[0])
	}
	within, err := caddy.ParseDuration(args[1])
	if err != nil {
		return d.Errf("bad_signatures %s: write a duration from 1s to 24h, like 1m", args[1])
	}
	b.Within = caddy.Duration(within)
	if err := b.check(); err != nil {
		return d.Err(err.Error())
	}
	return nil
}

// debts are what addresses owe for bad signatures, as the time at which they owe
// nothing any more. The zero value is empty. It outlives reloads.
type debts struct{ parts [64]debtsPart }

type debtsPart struct {
	mu   sync.Mutex
	free map[netip.Prefix]time.Time
	last int64 // unix second in which those who owe nothing were taken out
}

var badSignatures debts

// maxDebtors is how many addresses are kept in each part; a quarter of a million in
// all. Beyond, one is forgiven for each that comes.
const maxDebtors = 1 << 12

// debtor is who owes: an address, and of IPv6 the network that one customer has.
// All whose address is not known owe together.
func debtor(from netip.Addr) netip.Prefix {
	bits := from.BitLen()
	if from.Is6() {
		bits = 64
	}
	prefix, _ := from.Prefix(bits) // the zero prefix of the zero address
	return prefix
}

var debtsSeed = maphash.MakeSeed()

func (ds *debts) part(who netip.Prefix) *debtsPart {
	return &ds.parts[maphash.Comparable(debtsSeed, who)%uint64(len(ds.parts))]
}

// wait is how long an address has to wait until its next token is looked at; 0
// when it has not to.
func (ds *debts) wait(b *BadSignatures, from netip.Addr, now time.Time) time.Duration {
	who := debtor(from)
	p := ds.part(who)
	p.mu.Lock()
	defer p.mu.Unlock()
	// One more has to fit.
	each := time.Duration(b.Within) / time.Duration(b.Count)
	owed := max(p.free[who].Sub(now), 0)
	return max(owed+each-time.Duration(b.Within), 0)
}

// charge has an address owe for one more.
func (ds *debts) charge(b *BadSignatures, from netip.Addr, now time.Time) {
	who := debtor(from)
	p := ds.part(who)
	p.mu.Lock()
	defer p.mu.Unlock()
	free, owes := p.free[who]
	if !owes && len(p.free) >= maxDebtors {
		p.forgive(now)
	}
	if p.free == nil {
		p.free = make(map[netip.Prefix]time.Time)
	}
	if free.Before(now) {
		free = now
	}
	p.free[who] = free.Add(time.Duration(b.Within) / time.Duration(b.Count))
}

// forgive takes out those who owe nothing any more, once a second at most, or else
// any one.
func (p *debtsPart) forgive(now time.Time) {
	if second := now.Unix(); p.last != second {
		p.last = second
		maps.DeleteFunc(p.free, func(_ netip.Prefix, at time.Time) bool { return at.Before(now) })
	}
	for who := range p.free {
		if len(p.free) < maxDebtors {
			return
		}
		delete(p.free, who)
	}
}

// LimitedError says that an address has sent too many bad signatures.
type LimitedError struct {
	// Wait is how long the next token of this address is not looked at.
	Wait time.Duration
}

func (e *LimitedError) Error() string {
	return "too many tokens with a bad signature from this address"
}

// ReadToken is [jwt.Read] with a memory: a token that was read before, with keys that
// are still good, costs no signature check. The address is the client's, and asked
// for only where [App.BadSignatures] bounds what comes from there; then the error may
// be a [LimitedError].
func (a *App) ReadToken(t *Trust, text string, from func() netip.Addr, now time.Time) (*Seen, error) {
	if s, err := t.recall(text); s != nil || err != nil {
		return s, err
	}
	if a.BadSignatures == nil {
		return t.verify(text)
	}
	address := from()
	if wait := badSignatures.wait(a.BadSignatures, address, now); wait > 0 {
		return nil, &LimitedError{wait}
	}
	s, err := t.verify(text)
	if errors.Is(err, jwt.ErrSignature) {
		badSignatures.charge(a.BadSignatures, address, now)
	}
	return s, err
}
