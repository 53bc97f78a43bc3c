package app

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

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
func TestBadSignaturesOfAnAddress(t *testing.T) {
	b := &BadSignatures{Count: 3, Within: caddy.Duration(time.Minute)}
	at := time.Now()
	for _, tc := range []struct {
		from, same, other []string
	}{
		{[]string{"192.0.2.1"}, nil, []string{"192.0.2.2", "2001:db8::1", ""}},
		{[]string{"2001:db8:0:1::1", "2001:db8:0:1:ffff::2"}, []string{"2001:db8:0:1:a:b:c:d"}, []string{"2001:db8:0:2::1"}},
		{[]string{""}, nil, []string{"192.0.2.1", "::1"}},
	} {
		var ds debts
		for i := range b.Count {
			for _, from := range tc.from {
				if wait := ds.wait(b, addr(from), at); wait != 0 {
					t.Errorf("%q waits %v after %d", from, wait, i)
				}
			}
			ds.charge(b, addr(tc.from[i%len(tc.from)]), at)
		}
		for _, from := range append(tc.from, tc.same...) {
			if wait := ds.wait(b, addr(from), at); wait != 20*time.Second {
				t.Errorf("%q waits %v", from, wait)
			}
			if wait := ds.wait(b, addr(from), at.Add(19*time.Second)); wait != time.Second {
				t.Errorf("%q waits %v after 19s", from, wait)
			}
			if wait := ds.wait(b, addr(from), at.Add(20*time.Second)); wait != 0 {
				t.Errorf("%q waits %v when one is forgiven", from, wait)
			}
		}
		for _, from := range tc.other {
			if wait := ds.wait(b, addr(from), at); wait != 0 {
				t.Errorf("%q waits %v for what %q did", from, wait, tc.from)
			}
		}
		// Long after, everything is forgiven, and no more than that.
		late := at.Add(time.Hour)
		for range b.Count {
			ds.charge(b, addr(tc.from[0]), late)
		}
		if wait := ds.wait(b, addr(tc.from[0]), late); wait != 20*time.Second {
			t.Errorf("%q waits %v an hour later", tc.from[0], wait)
		}
	}
}

// A flood from more addresses than are kept forgives some, and grows no more.
func TestBadSignaturesAreBounded(t *testing.T) {
	b := &BadSignatures{Count: 1, Within: caddy.Duration(time.Minute)}
	var ds debts
	at, n := time.Now(), len(ds.parts)*maxDebtors
	from := func(i int) netip.Addr {
		return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
	}
	for i := range n + n/4 {
		ds.charge(b, from(i), at)
	}
	kept := 0
	for i := range ds.parts {
		if len(ds.parts[i].free) > maxDebtors {
			t.Errorf("%d in a part", len(ds.parts[i].free))
		}
		kept += len(ds.parts[i].free)
	}
	if kept < n*9/10 {
		t.Errorf("%d are kept of %d", kept, n)
	}
	for i := range n {
		ds.charge(b, from(1<<23+i), at.Add(2*time.Minute))
	}
	for i := range ds.parts {
		for who := range ds.parts[i].free {
			if who.Addr().As4()[1] < 0x80 {
				t.Fatalf("%v is still there, and owes nothing", who)
			}
		}
	}
}

// What is over the budget is not looked at; what has been seen is not counted,
// nor held up.
func TestReadTokenOverTheBudget(t *testing.T) {
	key, stranger := generate(t, "limited", token.EdDSA), generate(t, "limited", token.EdDSA)
	a := &App{BadSignatures: &BadSignatures{Count: 2, Within: caddy.Duration(time.Minute)}}
	trust := trust(t, key)
	at, here := time.Now(), func() netip.Addr { return addr("198.51.100.77") }
	seen, fresh, other := signed(t, key, nil), signed(t, key, nil), signed(t, key, nil)
	forgedOnce, forgedTwice := signed(t, stranger, nil), signed(t, stranger, nil)
	read := func(text string, at time.Time) error {
		_, err := a.ReadToken(trust, text, here, at)
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
	if _, err := a.ReadToken(trust, fresh, func() netip.Addr { return addr("198.51.100.78") }, at); err != nil {
		t.Errorf("from another address: %v", err)
	}
	if err := read(other, at.Add(30*time.Second)); err != nil {
		t.Errorf("when one is forgiven: %v", err)
	}
	a.BadSignatures = nil
	if err := read(signed(t, key, nil), at); err != nil {
		t.Errorf("without a budget: %v", err)
	}
}
