package api

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/playgate/playgate/module/internal/registry"
)

// An address that fails ten times in a minute waits; others do not.
func TestWhoGuessesWaits(t *testing.T) {
	s := newTestAPI(t, "")
	key := s.key(registry.Read)
	id, _, _ := strings.Cut(strings.TrimPrefix(key, "pgk_"), "_")
	wrong := []string{"", "Authorization: Bearer pgk_x_y", "Authorization: Basic " + key, "Authorization: " + key, "Authorization: Bearer pgk_" + id + "_", "Authorization: Bearer " + key + "x"}
	for i := range maxFailures {
		a := s.send(from(request("GET", "/api/v1/orgs", "", wrong[i%len(wrong)]), "2001:db8::"+strconv.Itoa(i)))
		a.problem(401)
		if a.Header().Get("WWW-Authenticate") != "Bearer" {
			t.Error("no WWW-Authenticate")
		}
	}
	good := "Authorization: Bearer " + key
	a := s.send(from(request("GET", "/api/v1/orgs", "", good), "2001:db8::1:2:3:4"))
	a.problem(429)
	if n, err := strconv.Atoi(a.Header().Get("Retry-After")); err != nil || n < 1 || n > 60 {
		t.Errorf("Retry-After %q", a.Header().Get("Retry-After"))
	}
	for _, path := range []string{"/api/v1/splay", "/api/v1/splay/verify"} {
		a = s.send(from(request("POST", path, "{}", good), "2001:db8::9")).want(429)
		if a.Header().Get("Retry-After") == "" || !strings.Contains(a.Body.String(), `"success":false`) {
			t.Errorf("%v %s", a.Header(), a.Body)
		}
	}
	for _, address := range []string{"2001:db8:0:1::1", "192.0.2.1", "2001:db9::"} {
		s.send(from(request("GET", "/api/v1/orgs", "", good), address)).want(200)
	}
	s.send(from(request("GET", jwksPath, ""), "2001:db8::1")).want(200) // is for everybody
	// Of two keys none counts, and two headers are none.
	r := request("GET", "/api/v1/orgs", "", good)
	r.Header.Add("Authorization", "Bearer "+key)
	s.send(r).problem(401)
	// What is nanocosmos's header elsewhere is not one here.
	s.send(request("GET", "/api/v1/orgs", "", "X-BINTU-APIKEY: "+key)).problem(401)
}

func TestFailures(t *testing.T) {
	f := newFailures()
	now := time.Now()
	a := netip.MustParseAddr("192.0.2.1")
	for range maxFailures - 1 {
		f.add(a, now)
	}
	if f.wait(a, now) > 0 {
		t.Error("it waits too early")
	}
	f.add(a, now.Add(30*time.Second))
	if got := f.wait(a, now.Add(40*time.Second)); got != 20*time.Second {
		t.Errorf("it waits %s", got)
	}
	if f.wait(a, now.Add(time.Minute)) > 0 || f.wait(netip.MustParseAddr("192.0.2.2"), now) > 0 {
		t.Error("it waits without need")
	}
	f.add(a, now.Add(time.Minute))
	if f.wait(a, now.Add(time.Minute)) > 0 {
		t.Error("the minute before counts")
	}
	// Who has no address shares one.
	for range maxFailures {
		f.add(netip.Addr{}, now.Add(time.Minute))
	}
	if f.wait(netip.Addr{}, now.Add(time.Minute)) <= 0 {
		t.Error("no address, no limit")
	}
}

func TestFailuresAreBounded(t *testing.T) {
	f := newFailures()
	now := time.Now()
	var running sync.WaitGroup
	for part := range 4 {
		running.Go(func() {
			for i := range maxAddresses {
				a := netip.MustParseAddr(fmt.Sprintf("2001:db8:%x:%x::", part, i))
				f.add(a, now)
				f.wait(a, now)
			}
		})
	}
	running.Wait()
	if len(f.byNet) != maxAddresses || f.order.Len() != maxAddresses {
		t.Errorf("%d and %d are remembered", len(f.byNet), f.order.Len())
	}
	f.add(netip.MustParseAddr("192.0.2.1"), now.Add(time.Minute))
	if len(f.byNet) != 1 {
		t.Errorf("%d are remembered after a minute", len(f.byNet))
	}
}
