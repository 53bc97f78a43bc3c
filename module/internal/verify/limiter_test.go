package verify

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/playgate/playgate/module/internal/shard"
	"github.com/playgate/playgate/module/token"
)

func addr(text string) netip.Addr {
	if text == "" {
		return netip.Addr{}
	}
	return netip.MustParseAddr(text)
}

// An address may send so many at once, is forgiven one after each part of the
// time, and concerns nobody but itself, or its /64.
func TestFailuresForgivenGradually(t *testing.T) {
	limits := Limits{Count: 3, Within: time.Minute}
	at := time.Now()
	for _, tc := range []struct {
		from, same, other []string
	}{
		{[]string{"192.0.2.1"}, nil, []string{"192.0.2.2", "2001:db8::1", ""}},
		{[]string{"2001:db8:0:1::1", "2001:db8:0:1:ffff::2"}, []string{"2001:db8:0:1:a:b:c:d"}, []string{"2001:db8:0:2::1"}},
		{[]string{""}, nil, []string{"192.0.2.1", "::1"}},
	} {
		l := NewLimiter(Gradually, 1<<18)
		for i := range limits.Count {
			for _, from := range tc.from {
				if wait := l.Wait(limits, addr(from), at); wait != 0 {
					t.Errorf("%q waits %v after %d", from, wait, i)
				}
			}
			l.Consume(limits, addr(tc.from[i%len(tc.from)]), at)
		}
		for _, from := range append(tc.from, tc.same...) {
			if wait := l.Wait(limits, addr(from), at); wait != 20*time.Second {
				t.Errorf("%q waits %v", from, wait)
			}
			if wait := l.Wait(limits, addr(from), at.Add(19*time.Second)); wait != time.Second {
				t.Errorf("%q waits %v after 19s", from, wait)
			}
			if wait := l.Wait(limits, addr(from), at.Add(20*time.Second)); wait != 0 {
				t.Errorf("%q waits %v when one is forgiven", from, wait)
			}
		}
		for _, from := range tc.other {
			if wait := l.Wait(limits, addr(from), at); wait != 0 {
				t.Errorf("%q waits %v for what %q did", from, wait, tc.from)
			}
		}
		// Long after, everything is forgiven, and no more than that.
		late := at.Add(time.Hour)
		for range limits.Count {
			l.Consume(limits, addr(tc.from[0]), late)
		}
		if wait := l.Wait(limits, addr(tc.from[0]), late); wait != 20*time.Second {
			t.Errorf("%q waits %v an hour later", tc.from[0], wait)
		}
	}
}

// A flood from more addresses than are kept forgives some, and grows no more.
func TestLimiterIsBounded(t *testing.T) {
	limits := Limits{Count: 1, Within: time.Minute}
	at, n := time.Now(), 1<<18
	l := NewLimiter(Gradually, n)
	from := func(i int) netip.Addr {
		return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
	}
	for i := range n + n/4 {
		l.Consume(limits, from(i), at)
	}
	kept := 0
	l.parts.All(func(p *limiterPart) {
		if len(p.failures) > n/shard.Count {
			t.Errorf("%d in a part", len(p.failures))
		}
		kept += len(p.failures)
	})
	if kept < n*9/10 {
		t.Errorf("%d are kept of %d", kept, n)
	}
	for i := range n {
		l.Consume(limits, from(1<<23+i), at.Add(2*time.Minute))
	}
	l.parts.All(func(p *limiterPart) {
		for who := range p.failures {
			if who.Addr().As4()[1] < 0x80 {
				t.Fatalf("%v is still there, and owes nothing", who)
			}
		}
	})
}

// What is over the budget is not looked at; what has been seen is not counted,
// nor held up.
func TestReadTokenOverTheBudget(t *testing.T) {
	key, stranger := generate(t, "limited", token.EdDSA), generate(t, "limited", token.EdDSA)
	m := NewMemory()
	budget := Budget{Limiter: NewLimiter(Gradually, 1<<18), Limits: Limits{Count: 2, Within: time.Minute}}
	trust := trustOf(t, m, key)
	at, here := time.Now(), func() netip.Addr { return addr("198.51.100.77") }
	seen, fresh, other := signed(t, key, nil), signed(t, key, nil), signed(t, key, nil)
	forgedOnce, forgedTwice := signed(t, stranger, nil), signed(t, stranger, nil)
	read := func(text string, at time.Time) error {
		_, err := m.ReadToken(trust, text, budget, here, at)
		return err
	}
	if err := read(seen, at); err != nil {
		t.Fatal(err)
	}
	for range 5 { // the same one is checked once
		if err := read(forgedOnce, at); !errors.Is(err, token.ErrBadSignature) {
			t.Fatal(err)
		}
	}
	if err := read(forgedTwice, at); !errors.Is(err, token.ErrBadSignature) {
		t.Fatal(err)
	}
	var limited *LimitedError
	if err := read(fresh, at); !errors.As(err, &limited) || limited.Wait != 30*time.Second {
		t.Errorf("a new token: %v", err)
	}
	if err := read(seen, at); err != nil {
		t.Errorf("a token that was seen: %v", err)
	}
	if err := read(forgedOnce, at); !errors.Is(err, token.ErrBadSignature) {
		t.Errorf("a forged one again: %v", err)
	}
	if _, err := m.ReadToken(trust, fresh, budget, func() netip.Addr { return addr("198.51.100.78") }, at); err != nil {
		t.Errorf("from another address: %v", err)
	}
	if err := read(other, at.Add(30*time.Second)); err != nil {
		t.Errorf("when one is forgiven: %v", err)
	}
	budget = Budget{}
	if err := read(signed(t, key, nil), at); err != nil {
		t.Errorf("without a budget: %v", err)
	}
}
