package conns

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/playgate/playgate/module/internal/access"
)

func subject(org string, token uint64) *access.Subject {
	return &access.Subject{Org: org, Stream: "cam", TokenID: token}
}

func public(org string) *access.Subject {
	return &access.Subject{Org: org, Stream: "cam", Public: true}
}

// begin makes a resource as the gate does, and returns nil if there is no slot.
func begin(t testing.TB, rs *Resources, s *access.Subject, url string, now time.Time) (r, displaced *Resource) {
	t.Helper()
	slot := rs.Reserve(s, now)
	if slot == nil {
		return nil, nil
	}
	defer slot.Release()
	r = NewResource(url, now.Add(time.Hour), nil)
	r.Subject = *s
	displaced, _, ok := slot.Add(r, func() {})
	if !ok {
		t.Fatalf("%s was not taken in", url)
	}
	return r, displaced
}

func TestResourcesAreFoundAndForgotten(t *testing.T) {
	var rs Resources
	var table Table
	now := time.Now()
	r := NewResource("live.example.com/1", now.Add(time.Hour), func() { t.Error("it was ended") })
	if _, _, ok := rs.Reserve(subject("org1", 7), now).Add(r, func() { table.Add(r.Running) }); !ok {
		t.Fatal("it was not taken in")
	}
	if rs.Find("live.example.com/1") != r || rs.Find("live.example.com/2") != nil || rs.Find("www.example.com/1") != nil || !rs.Holds(r) {
		t.Error("it is not where it was put")
	}
	rs.Remove(r)
	rs.Remove(r)
	if rs.Find("live.example.com/1") != nil || table.Len() != 0 || r.Cut("expired", CloseExpired) || rs.Holds(r) {
		t.Error("it is still there")
	}
	checkEmpty(t, &rs)
}

// checkEmpty checks that nothing is left behind.
func checkEmpty(t testing.TB, rs *Resources) {
	t.Helper()
	if rs.all != 0 || len(rs.byPath) != 0 || len(rs.holders) != 0 || rs.taken[0].all != 0 || rs.taken[1].all != 0 || len(rs.taken[0].ofOrg) != 0 || len(rs.taken[1].ofOrg) != 0 {
		t.Errorf("something is left: %d resources, %d paths, %d owners, %+v", rs.all, len(rs.byPath), len(rs.holders), rs.taken)
	}
}

// What the origin has made anew is no longer the first one's.
func TestResourceIsReplaced(t *testing.T) {
	var rs Resources
	var table Table
	var ends [2]atomic.Int32
	now := time.Now()
	old := NewResource("u/1", time.Time{}, func() { ends[0].Add(1) })
	young := NewResource("u/1", time.Time{}, func() { ends[1].Add(1) })
	for _, r := range []*Resource{old, young} {
		if displaced, _, ok := rs.Reserve(subject("org1", 7), now).Add(r, func() { table.Add(r.Running) }); !ok || displaced != nil {
			t.Fatal("it was not taken in")
		}
	}
	if rs.Find("u/1") != young || table.Len() != 1 || old.Cut("expired", CloseExpired) || rs.Holds(old) {
		t.Error("the old one is still there")
	}
	rs.Remove(old)
	if rs.Find("u/1") != young || !young.Cut("expired", CloseExpired) || ends[0].Load() != 0 || ends[1].Load() != 1 {
		t.Error("the young one suffers for the old one")
	}
	rs.Remove(young)
	checkEmpty(t, &rs)
}

// An origin may answer with a URL that is another token's already. It stays that
// token's, under every name of the site, also while it is being deleted.
func TestResourceOfAnotherIsNotReplaced(t *testing.T) {
	now := time.Now()
	for name, other := range map[string]*access.Subject{
		"another token": subject("org1", 8), "another organisation": subject("org2", 7), "nobody": public("org1"),
	} {
		rs := Resources{PerToken: 1}
		var table Table
		mine := NewResource("a.test/whep/1", time.Time{}, func() {})
		rs.Reserve(subject("org1", 7), now).Add(mine, func() { table.Add(mine.Running) })
		try := func(what string) {
			t.Helper()
			for _, url := range []string{"a.test/whep/1", "b.test/whep/1"} {
				slot := rs.Reserve(other, now)
				theirs := NewResource(url, time.Time{}, func() {})
				if _, _, ok := slot.Add(theirs, func() { t.Errorf("%s, %s: %s is taken in", what, name, url) }); ok {
					t.Errorf("%s, %s: %s was taken over", what, name, url)
				}
				slot.Release()
				if rs.Holds(theirs) || !rs.Holds(mine) {
					t.Errorf("%s, %s: %s is whose it should not be", what, name, url)
				}
			}
		}
		try("while it plays")
		if rs.Find("a.test/whep/1") != mine || table.Len() != 1 {
			t.Errorf("%s: it is gone", name)
		}
		if _, displaced := begin(t, &rs, subject("org1", 7), "a.test/whep/2", now); displaced != mine {
			t.Errorf("%s: %v has to end", name, displaced)
		}
		try("while it is being deleted")
		if rs.Find("a.test/whep/1") != nil {
			t.Errorf("%s: what has to end can still be changed", name)
		}
		rs.Remove(mine)
		if r, _ := begin(t, &rs, other, "a.test/whep/1", now); rs.Find("a.test/whep/1") != r || r == nil {
			t.Errorf("%s: what is over is still taken", name)
		}
	}
}

// Each token makes room for itself alone.
func TestTokenDisplacesItsOwnOldest(t *testing.T) {
	var rs Resources
	now := time.Now()
	other, _ := begin(t, &rs, subject("org1", 1), "h/other-0", now)
	sameID, _ := begin(t, &rs, subject("org2", 7), "h/other-1", now)
	for i := range 100 {
		r, displaced := begin(t, &rs, subject("org1", 7), "u/"+strconv.Itoa(i), now)
		switch {
		case r == nil:
			t.Fatalf("the %dth has no slot", i)
		case i < 16 && displaced != nil, i >= 16 && (displaced == nil || displaced.url != "u/"+strconv.Itoa(i-16)):
			t.Fatalf("after the %dth %v has to end", i, displaced)
		}
		if displaced != nil {
			rs.Remove(displaced)
		}
	}
	if n := len(rs.All()); n != 18 || rs.Find("h/other-0") != other || rs.Find("h/other-1") != sameID {
		t.Errorf("there are %d", n)
	}
}

// If an organisation, or the process, is full, a token that has nothing gets nothing,
// and one that has something makes room with that.
func TestFullOfOthers(t *testing.T) {
	now := time.Now()
	for name, tc := range map[string]struct {
		rs  *Resources
		org func(i int) string
	}{
		"organisation": {&Resources{PerOrg: 100}, func(int) string { return "org1" }},
		"process":      {&Resources{Max: 100}, func(i int) string { return "org" + strconv.Itoa(i%7) }},
	} {
		t.Run(name, func(t *testing.T) {
			rs := tc.rs
			var all []*Resource
			for i := range 100 {
				r, displaced := begin(t, rs, subject(tc.org(i), uint64(i+1)), "u/"+strconv.Itoa(i), now)
				if r == nil || displaced != nil {
					t.Fatalf("the %dth has no slot", i)
				}
				all = append(all, r)
			}
			for i := range 100 {
				if rs.Reserve(subject(tc.org(i), uint64(i+1000)), now) != nil {
					t.Fatal("a token that has nothing gets a slot of others")
				}
			}
			for i, old := range all {
				r, displaced := begin(t, rs, subject(tc.org(i), uint64(i+1)), "h/v-"+strconv.Itoa(i), now)
				if r == nil || displaced != old {
					t.Fatalf("for the %dth %v has to end", i, displaced)
				}
				rs.Remove(displaced)
			}
			if _, elsewhere := begin(t, rs, public("org1"), "h/public-1", now); elsewhere != nil || len(rs.All()) != 101 {
				t.Error("who plays without a token takes room from tokens")
			}
			if name == "organisation" {
				if r, _ := begin(t, rs, subject("org2", 1), "h/w-1", now); r == nil {
					t.Error("another organisation has no room")
				}
			}
			rs.Remove(rs.Find("h/v-0"))
			if r, displaced := begin(t, rs, subject(tc.org(0), 5000), "h/w-2", now); r == nil || displaced != nil {
				t.Error("there is no room for a new token after one has ended")
			}
		})
	}
	if maxOfToken != 16 || maxOfOrg != 4096 || maxResources != 65536 {
		t.Error("the limits are not those of docs/webrtc.md")
	}
}

// Who plays without a token displaces the oldest of those of the same organisation.
func TestPublicResourcesAreBounded(t *testing.T) {
	rs := Resources{PerToken: 2, PerOrg: 10, Max: 15}
	now := time.Now()
	owned, _ := begin(t, &rs, subject("org1", 7), "h/owned-1", now)
	for i := range 1000 {
		r, displaced := begin(t, &rs, public("org1"), "u/"+strconv.Itoa(i), now)
		if r == nil || (displaced != nil) != (i >= 10) || displaced != nil && displaced.url != "u/"+strconv.Itoa(i-10) {
			t.Fatalf("for the %dth %v has to end", i, displaced)
		}
		if displaced != nil {
			rs.Remove(displaced)
		}
	}
	for i := range 5 {
		begin(t, &rs, public("org2"), "h/v-"+strconv.Itoa(i), now)
	}
	if rs.Reserve(public("org3"), now) != nil {
		t.Error("the process has more than it may")
	}
	if rs.Find("h/owned-1") != owned {
		t.Error("a token's was displaced")
	}
	for i := range 2 {
		if r, _ := begin(t, &rs, subject("org1", 8), "h/w-"+strconv.Itoa(i), now); r == nil {
			t.Error("there is no room for a token")
		}
	}
}

// Requests in parallel have slots before their sessions have begun: there are never
// more than allowed, and a request that needs the place of another one waits for none.
func TestSlotsAreCountedBeforeTheirResources(t *testing.T) {
	rs := Resources{PerToken: 4}
	now := time.Now()
	me := subject("org1", 7)
	var slots []*Slot
	for range 4 {
		slots = append(slots, rs.Reserve(me, now))
	}
	if rs.Reserve(me, now) != nil {
		t.Error("a fifth one is under way")
	}
	slots[3].Release()
	slots[3].Release()
	slots[3] = rs.Reserve(me, now)
	for i, s := range slots {
		if displaced, _, ok := s.Add(NewResource("u/"+strconv.Itoa(i), time.Time{}, nil), func() {}); !ok || displaced != nil {
			t.Errorf("the %dth: %v has to end", i, displaced)
		}
		s.Release() // is used
	}
	// Four more are each to displace one; a fifth has nothing left to displace.
	for i := range slots {
		slots[i] = rs.Reserve(me, now)
	}
	if rs.Reserve(me, now) != nil {
		t.Error("what will have to end counts twice")
	}
	// One of them fails, and its place stays whose it was. Of one the owner has ended
	// the session meanwhile, so that nothing is displaced.
	slots[0].Release()
	rs.Remove(rs.Find("u/1"))
	for i, want := range map[int]string{1: "", 2: "u/2", 3: "u/3"} {
		displaced, _, ok := slots[i].Add(NewResource("h/v-"+strconv.Itoa(i), time.Time{}, nil), func() {})
		if !ok || (displaced != nil) != (want != "") || displaced != nil && displaced.url != want {
			t.Errorf("%v has to end instead of %q", displaced, want)
		}
	}
	if rs.Find("u/0") == nil {
		t.Error("a request that failed has displaced a session")
	}
	var none *Slot
	none.Release()
	if _, _, ok := none.Add(NewResource("h/x-1", time.Time{}, nil), func() {}); ok {
		t.Error("one without a slot is taken in")
	}
	if _, _, ok := slots[1].Add(NewResource("h/x-1", time.Time{}, nil), func() {}); ok {
		t.Error("a slot is used twice")
	}
}

// What was displaced counts until it is over: an origin that deletes slowly must not
// make the gate remember more and more.
func TestDisplacedResourcesAreBounded(t *testing.T) {
	rs := Resources{PerToken: 2}
	now := time.Now()
	var left []*Resource
	for i := range 10 {
		_, displaced := begin(t, &rs, subject("org1", 7), "u/"+strconv.Itoa(i), now)
		if displaced != nil {
			left = append(left, displaced)
		}
	}
	if len(left) != 2 || len(rs.All()) != 4 {
		t.Fatalf("%d are being deleted, and %d are known", len(left), len(rs.All()))
	}
	rs.GiveUp(left[0]) // it is over, too
	rs.Remove(left[1])
	if len(rs.All()) != 2 || rs.Holds(left[0]) {
		t.Errorf("%d are known", len(rs.All()))
	}
	// One that could not be deleted before is displaced without another try.
	oldest := rs.Find("u/2")
	rs.GiveUp(oldest)
	if r, displaced := begin(t, &rs, subject("org1", 7), "h/v-1", now); r == nil || displaced != nil || rs.Holds(oldest) {
		t.Errorf("%v has to end", displaced)
	}
	for _, r := range rs.All() {
		rs.Remove(r)
	}
	checkEmpty(t, &rs)
}

// The past is forgotten, before anybody is refused, and as they become more.
func TestPastResourcesAreForgotten(t *testing.T) {
	rs := Resources{PerOrg: 10}
	now := time.Now()
	for i := range 10 {
		begin(t, &rs, subject("org1", uint64(i+1)), "u/"+strconv.Itoa(i), now) // kept for an hour
	}
	if rs.Reserve(subject("org1", 100), now.Add(time.Hour)) != nil {
		t.Error("one was forgotten too early")
	}
	if r, displaced := begin(t, &rs, subject("org1", 100), "h/v-1", now.Add(time.Hour+2*time.Second)); r == nil || displaced != nil || len(rs.All()) != 1 {
		t.Errorf("%d are left", len(rs.All()))
	}
	var many Resources
	for i := range 10_000 {
		begin(t, &many, subject("org"+strconv.Itoa(i), 1), "u/"+strconv.Itoa(i), now.Add(time.Duration(i)*time.Minute))
	}
	if n := len(many.All()); n > 300 {
		t.Errorf("%d are left", n)
	}
}

func TestResourceBelongsToItsToken(t *testing.T) {
	mine := access.Subject{Org: "org1", Stream: "cam", TokenID: 7}
	r := NewResource("u", time.Time{}, nil)
	r.Subject = mine
	for _, tc := range []struct {
		name string
		s    access.Subject
		want bool
	}{
		{"the same token", mine, true},
		{"another token", access.Subject{Org: "org1", Stream: "cam", TokenID: 8}, false},
		{"another organisation", access.Subject{Org: "org2", Stream: "cam", TokenID: 7}, false},
		{"the same while the stream is public", access.Subject{Org: "org1", Stream: "cam", TokenID: 7, Public: true}, true},
		{"none", access.Subject{Org: "org1", Stream: "cam", Public: true}, false},
	} {
		if got := r.OwnedBy(&tc.s); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
	r.Subject = access.Subject{Org: "org1", Stream: "cam", Public: true}
	if r.OwnedBy(&r.Subject) || r.OwnedBy(&mine) || r.Owned() || (*Resource)(nil).Owned() {
		t.Error("what began without a token is nobody's")
	}
}

// Another origin that uses the same URL makes no resource of the same token forgotten.
func TestResourceOfAnotherChain(t *testing.T) {
	var rs Resources
	made := func(chain string) (*Resource, bool) {
		s := subject("org1", 1)
		r := NewResource("host/u", time.Time{}, nil)
		r.Subject, r.Chain = *s, Chain{Gate: chain, Host: "host"}
		_, _, ok := rs.Reserve(s, time.Now()).Add(r, func() {})
		return r, ok
	}
	first, _ := made("a")
	if _, ok := made("b"); ok || !rs.Holds(first) {
		t.Errorf("another chain: taken in %v, the first is kept %v", ok, rs.Holds(first))
	}
	if again, ok := made("a"); !ok || rs.Holds(first) || rs.Find("host/u") != again {
		t.Errorf("the same chain: taken in %v, the first is kept %v", ok, rs.Holds(first))
	}
}

// Whatever tokens do at the same time, nobody's session ends for another one's, and
// nobody has more than allowed.
func TestResourcesInParallel(t *testing.T) {
	rs := Resources{PerToken: 4, PerOrg: 12, Max: 20}
	now := time.Now()
	var refused, displacedN atomic.Int32
	var all sync.WaitGroup
	for token := range uint64(8) {
		for range 4 {
			all.Go(func() {
				random := rand.New(rand.NewPCG(token, 1))
				s := subject("org"+strconv.FormatUint(token%2, 10), token+1)
				if token == 7 {
					s = public("org1")
				}
				for range 500 {
					slot := rs.Reserve(s, now)
					if slot == nil {
						refused.Add(1)
						continue
					}
					if random.IntN(4) == 0 {
						slot.Release()
						continue
					}
					// Now and then the origin answers with a URL of another token.
					r := NewResource(fmt.Sprintf("u/%d", random.IntN(60)), time.Time{}, nil)
					r.Subject = *s
					displaced, _, _ := slot.Add(r, func() {})
					slot.Release()
					if displaced != nil {
						displacedN.Add(1)
						if ownerOf(&displaced.Subject) != ownerOf(s) {
							t.Errorf("%v has to end for %v", displaced.Subject, s)
						}
						if random.IntN(2) == 0 {
							rs.GiveUp(displaced)
						} else {
							rs.Remove(displaced)
						}
					}
					if found := rs.Find(r.url); found != nil && random.IntN(3) == 0 && found.OwnedBy(s) {
						rs.Remove(found)
					}
					rs.mu.Lock()
					for o, h := range rs.holders {
						if h.slots > rs.limit(h) || len(h.has) > h.slots || h.leaving > rs.limit(h) {
							t.Errorf("%v has %d, %d slots, and %d are leaving", o, len(h.has), h.slots, h.leaving)
						}
					}
					if rs.taken[0].all > 20 || rs.taken[0].ofOrg["org0"] > 12 || rs.taken[0].ofOrg["org1"] > 12 {
						t.Errorf("taken are %+v", rs.taken)
					}
					rs.mu.Unlock()
				}
			})
		}
	}
	all.Wait()
	t.Logf("%d were refused, %d displaced", refused.Load(), displacedN.Load())
	for _, r := range rs.All() {
		rs.Remove(r)
	}
	checkEmpty(t, &rs)
}

// A displaced resource whose origin refuses to end it runs no more; one that has made
// room for nobody stays its owner's to delete.
func TestGiveUp(t *testing.T) {
	var table Table
	rs := Resources{PerToken: 1}
	now := time.Now()
	take := func(url string) (r, displaced *Resource) {
		slot := rs.Reserve(subject("org1", 7), now)
		r = NewResource(url, now.Add(time.Hour), func() {})
		displaced, _, ok := slot.Add(r, func() { table.Add(r.Running) })
		if !ok {
			t.Fatalf("%s was not taken in", url)
		}
		return r, displaced
	}
	first, _ := take("h/1")
	second, displaced := take("h/2")
	if displaced != first || table.Len() != 2 {
		t.Fatalf("%v has to end, and %d are running", displaced, table.Len())
	}
	rs.GiveUp(first)
	if table.Len() != 1 {
		t.Errorf("%d are running after the displaced one was given up", table.Len())
	}
	rs.GiveUp(second)
	if table.Len() != 1 || rs.Find("h/2") != second {
		t.Error("one that is still known was forgotten")
	}
	rs.Remove(second)
	if table.Len() != 0 {
		t.Errorf("%d are running at the end", table.Len())
	}
	checkEmpty(t, &rs)
}
