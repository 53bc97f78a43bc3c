package verify

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// failing are the limits of failed authentications.
var failing = Limits{Count: 10, Within: time.Minute}

const maxAddresses = 10_000

func TestFailuresForgivenAtOnce(t *testing.T) {
	f := NewLimiter(AtOnce, maxAddresses)
	now := time.Now()
	a := netip.MustParseAddr("192.0.2.1")
	for range failing.Count - 1 {
		f.Consume(failing, a, now)
	}
	if f.Wait(failing, a, now) > 0 {
		t.Error("it waits too early")
	}
	f.Consume(failing, a, now.Add(30*time.Second))
	if got := f.Wait(failing, a, now.Add(40*time.Second)); got != 20*time.Second {
		t.Errorf("it waits %s", got)
	}
	if f.Wait(failing, a, now.Add(time.Minute)) > 0 || f.Wait(failing, netip.MustParseAddr("192.0.2.2"), now) > 0 {
		t.Error("it waits without need")
	}
	f.Consume(failing, a, now.Add(time.Minute))
	if f.Wait(failing, a, now.Add(time.Minute)) > 0 {
		t.Error("the minute before counts")
	}
	// Who has no address shares one.
	for range failing.Count {
		f.Consume(failing, netip.Addr{}, now.Add(time.Minute))
	}
	if f.Wait(failing, netip.Addr{}, now.Add(time.Minute)) <= 0 {
		t.Error("no address, no limit")
	}
}

func TestFailuresForgivenAtOnceAreBounded(t *testing.T) {
	f := NewLimiter(AtOnce, maxAddresses)
	now := time.Now()
	var running sync.WaitGroup
	for part := range 4 {
		running.Go(func() {
			for i := range maxAddresses {
				a := netip.MustParseAddr(fmt.Sprintf("2001:db8:%x:%x::", part, i))
				f.Consume(failing, a, now)
				f.Wait(failing, a, now)
			}
		})
	}
	running.Wait()
	p := &f.parts.Of(0).State
	if len(p.failures) != maxAddresses || len(p.order) != maxAddresses {
		t.Errorf("%d and %d are remembered", len(p.failures), len(p.order))
	}
	f.Consume(failing, netip.MustParseAddr("192.0.2.1"), now.Add(time.Minute))
	if len(p.failures) != 1 {
		t.Errorf("%d are remembered after a minute", len(p.failures))
	}
}
