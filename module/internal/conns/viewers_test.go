package conns

import (
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/shard"
)

var (
	here  = netip.MustParseAddr("192.0.2.1")
	there = netip.MustParseAddr("2001:db8::1")
)

func TestViewers(t *testing.T) {
	var v Viewers
	var running Table
	now := time.Unix(1_800_000_000, 0)
	cam := func(token uint64) *access.Subject { return &access.Subject{Org: "org1", Stream: "cam", TokenID: token} }
	seen := func(s *access.Subject, from netip.Addr, at time.Time) { v.Seen(s, Viewer(s, from), at) }
	for range 50 {
		seen(cam(1), here, now)
	}
	seen(cam(1), there, now)
	seen(cam(2), here, now)
	seen(&access.Subject{Org: "org1", Stream: "cam2", TokenID: 1}, here, now)
	seen(&access.Subject{Org: "org2", Stream: "cam", TokenID: 1}, here, now)
	seen(&access.Subject{Org: "org2", Stream: "open", Public: true}, here, now)
	seen(&access.Subject{Org: "org2", Stream: "open", Public: true}, there, now)
	check := func(at time.Time, cam, cam2, other, open int) {
		t.Helper()
		c := v.Count(&running, at)
		for what, n := range map[string][2]int{
			"cam": {c.Of("org1", "cam"), cam}, "cam2": {c.Of("org1", "cam2"), cam2}, "org2": {c.Of("org2", "cam"), other},
			"open": {c.Of("org2", "open"), open}, "all": {c.Total, cam + cam2 + other + open}, "nothing": {c.Of("org1/cam", ""), 0},
		} {
			if n[0] != n[1] {
				t.Errorf("%s: %d viewers instead of %d", what, n[0], n[1])
			}
		}
	}
	check(now, 3, 1, 1, 2)
	check(now.Add(ViewerWindow), 3, 1, 1, 2)
	// One has a response running, and so stays.
	run, _ := start(t, &running, nil)
	run.Subject, run.Viewer = *cam(2), Viewer(cam(2), here)
	check(now.Add(ViewerWindow+time.Second), 1, 0, 0, 0)
	check(now.Add(time.Hour), 1, 0, 0, 0)
	run.Release()
	check(now.Add(time.Hour+ViewerWindow+time.Second), 0, 0, 0, 0)
}

// However many come and go, memory is bounded by those who watch at one time,
// and by a million.
func TestViewersIsBounded(t *testing.T) {
	var v Viewers
	now := time.Unix(1_800_000_000, 0)
	most := 0
	s := &access.Subject{Org: "org1", Stream: "cam"}
	for minute := range 200 {
		for i := range 1000 {
			v.Seen(s, uint64(minute*1000+i), now.Add(time.Duration(minute)*time.Minute))
		}
		kept := 0
		v.parts.All(func(p *viewersPart) { kept += len(p.seen) })
		most = max(most, kept)
	}
	if most > 4000 {
		t.Errorf("%d viewers are kept, and a thousand watch", most)
	}
	p := &v.parts.Of(0).State
	for i := range 3 * maxViewers {
		v.Seen(s, uint64(i)*shard.Count, now.Add(24*time.Hour))
	}
	if len(p.seen) != maxViewers {
		t.Errorf("a part has %d viewers", len(p.seen))
	}
	// Who is full takes new ones as soon as others have left.
	late := now.Add(24*time.Hour + ViewerWindow + 2*time.Second)
	v.Seen(s, uint64(4*maxViewers)*shard.Count, late)
	if len(p.seen) != 1 {
		t.Errorf("of those who left %d are kept", len(p.seen)-1)
	}
}

// While a part is full, a new viewer does not have it look at all the others.
func BenchmarkViewersWhenFull(b *testing.B) {
	var v Viewers
	now := time.Unix(1_800_000_000, 0)
	s := &access.Subject{Org: "org1", Stream: "cam"}
	for i := range maxViewers {
		v.Seen(s, uint64(i)*shard.Count, now)
	}
	i := maxViewers
	for b.Loop() {
		v.Seen(s, uint64(i)*shard.Count, now)
		i++
	}
}

func TestUses(t *testing.T) {
	var u Uses
	now := time.Unix(1_800_000_000, 0)
	u.Note(1, now)
	u.Note(1, now.Add(5*time.Second))
	u.Note(1, now) // a late request does not take it back
	u.Note(65, now)
	if got := u.Last(1); !got.Equal(now.Add(5 * time.Second)) {
		t.Errorf("last used %v", got)
	}
	if !u.Last(2).IsZero() {
		t.Error("one that was not used was")
	}
	first := u.Take()
	if len(first) != 2 || first[1] != now.Unix()+5 || first[65] != now.Unix() {
		t.Errorf("taken: %v", first)
	}
	u.Note(65, now.Add(time.Minute))
	if got := u.Take(); len(got) != 1 || got[65] != now.Unix()+60 {
		t.Errorf("taken again: %v", got)
	}
	u.Return(map[uint64]int64{1: first[1], 65: now.Unix(), 7: 9})
	if got := u.Take(); len(got) != 3 || got[1] != first[1] || got[65] != now.Unix()+60 || got[7] != 9 {
		t.Errorf("taken after what could not be stored: %v", got)
	}
	u.Take()
	if !u.Last(1).IsZero() || len(u.Take()) != 0 {
		t.Error("what was stored long ago is kept")
	}
	for i := range 3 * maxUses {
		u.Note(uint64(i)*shard.Count, now)
	}
	if n := len(u.Take()); n > maxUses {
		t.Errorf("%d uses of one part are kept", n)
	}
}

func BenchmarkNote(b *testing.B) {
	var v Viewers
	var u Uses
	subjects := make([]access.Subject, 10_000)
	for i := range subjects {
		subjects[i] = access.Subject{Org: "org1", Stream: "cam" + strconv.Itoa(i%50), TokenID: uint64(i) * 0x9e3779b97f4a7c15}
	}
	now := time.Unix(1_800_000_000, 0)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		s := &subjects[i%len(subjects)]
		u.Note(s.TokenID, now)
		v.Seen(s, Viewer(s, here), now)
		i++
	}
}

// Whom a revocation ends is told by each value that it can have, and by when their
// tokens were issued; who watches without a token is never meant.
func TestEnded(t *testing.T) {
	var v Viewers
	var running Table
	now := time.Unix(1_800_000_000, 0)
	see := func(s access.Subject, from netip.Addr) { v.Seen(&s, Viewer(&s, from), now) }
	see(access.Subject{Org: "org1", Stream: "cam", TokenID: 1, Tag: 10, User: 20, IssuedAt: 100}, here)
	see(access.Subject{Org: "org1", Stream: "cam", TokenID: 1, Tag: 10, User: 20, IssuedAt: 100}, there)
	see(access.Subject{Org: "org1", Stream: "cam2", TokenID: 2, Tag: 10, IssuedAt: 200}, here)
	see(access.Subject{Org: "org2", Stream: "cam", TokenID: 3, User: 21}, here)
	see(access.Subject{Org: "org1", Stream: "cam", Public: true}, here)
	c := v.Count(&running, now)
	if c.With(1) != 2 || c.With(2) != 1 || c.With(4) != 0 || c.With(0) != 0 || c.Total != 5 {
		t.Errorf("%d, %d and %d watch by their tokens, %d in all", c.With(1), c.With(2), c.With(4), c.Total)
	}
	for _, tc := range []struct {
		whom             access.Selection
		viewers, streams int
	}{
		{access.Selection{TokenID: 1}, 2, 1},
		{access.Selection{TokenID: 9}, 0, 0},
		{access.Selection{Tag: 10}, 3, 2},
		{access.Selection{Tag: 20}, 0, 0},
		{access.Selection{Tag: 10, Before: 100}, 2, 1},
		{access.Selection{Tag: 10, Before: 99}, 0, 0},
		{access.Selection{User: 20}, 2, 1},
		{access.Selection{Org: "org1"}, 3, 2},
		{access.Selection{Org: "org1", Before: 199}, 2, 1},
		{access.Selection{Org: "org2", Before: 1}, 1, 1}, // its token does not say when
		{access.Selection{Org: "org1", Stream: "cam"}, 2, 1},
		{access.Selection{Org: "org2", Stream: "cam2"}, 0, 0},
		{access.Selection{}, 0, 0},
	} {
		if viewers, streams := v.Ended(tc.whom); viewers != tc.viewers || len(streams) != tc.streams {
			t.Errorf("%+v ends %d viewers on %d streams instead of %d on %d", tc.whom, viewers, len(streams), tc.viewers, tc.streams)
		}
	}
}
