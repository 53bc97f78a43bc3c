package registry

import (
	"fmt"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/kv"
)

// many fills an index with n tokens of ten organisations.
func many(t testing.TB, n int) (*Index, time.Time) {
	t.Helper()
	begin := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	entries := make([]kv.Entry, n)
	for i := range n {
		tok := &Token{
			ID: fmt.Sprintf("t%07d", i), Org: fmt.Sprintf("org%d", i%10), Streams: []string{fmt.Sprintf("cam%d", i%500)},
			Tag: fmt.Sprintf("tag%d", i%1000), User: fmt.Sprintf("user%d", i), Created: begin.Add(time.Duration(i) * time.Second),
			Expires: begin.Add(time.Duration(i)*time.Second + time.Hour), Key: "main", By: "test",
		}
		data, err := encode(tok)
		if err != nil {
			t.Fatal(err)
		}
		entries[i] = kv.Entry{Key: tokenKey(tok.Org, tok.ID), Value: data, Revision: uint64(i + 1)}
	}
	x := newIndex(newView(zap.NewNop()), zap.NewNop())
	x.reset(entries)
	return x, begin.Add(time.Duration(n) * time.Second)
}

// Pages are in order, complete and disjoint, whatever comes in between.
func TestPages(t *testing.T) {
	x, now := many(t, 1000)
	for name, f := range map[string]Filter{
		"all":                {},
		"an organisation":    {Orgs: []string{"org3"}},
		"two organisations":  {Orgs: []string{"org3", "org4"}},
		"a stream":           {Stream: "cam7"},
		"a tag":              {Tag: "tag77"},
		"a user":             {User: "user5"},
		"active":             {Status: StatusActive},
		"expired":            {Status: StatusExpired},
		"an org and a state": {Orgs: []string{"org9"}, Status: StatusActive},
		"nobody's":           {Orgs: []string{}},
		"another's tag":      {Orgs: []string{"org1"}, Tag: "tag77"},
	} {
		var want []string
		for i := 999; i >= 0; i-- {
			tok := x.token(fmt.Sprintf("org%d", i%10), fmt.Sprintf("t%07d", i))
			inOrg := f.Orgs == nil
			for _, org := range f.Orgs {
				inOrg = inOrg || org == tok.Org
			}
			if inOrg && f.match(tok, now) {
				want = append(want, tok.ID)
			}
		}
		var got []string
		var after *Cursor
		for pages := 0; ; pages++ {
			page, next := x.Page(f, after, 7, now)
			for _, tok := range page {
				got = append(got, tok.ID)
			}
			if next == nil {
				break
			}
			if len(page) != 7 || pages > 1000 {
				t.Fatalf("%s: a page of %d", name, len(page))
			}
			after = next
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %d tokens instead of %d", name, len(got), len(want))
		}
	}
	// A newcomer does not move what comes after a cursor.
	_, next := x.Page(Filter{}, nil, 5, now)
	before, _ := x.Page(Filter{}, next, 5, now)
	newcomer := &Token{ID: "new", Org: "org1", Created: now, Expires: now.Add(time.Hour)}
	data, err := encode(newcomer)
	if err != nil {
		t.Fatal(err)
	}
	x.apply(kv.Entry{Key: tokenKey("org1", "new"), Value: data, Revision: 5000})
	after, _ := x.Page(Filter{}, next, 5, now)
	if fmt.Sprint(before[0].ID, before[4].ID) != fmt.Sprint(after[0].ID, after[4].ID) {
		t.Error("a page has moved")
	}
	x.apply(kv.Entry{Key: tokenKey("org1", "new"), Revision: 5001, Deleted: true})
	if first, _ := x.Page(Filter{}, nil, 1, now); first[0].ID != "t0000999" || x.Len() != 1000 {
		t.Error("what was deleted is there")
	}
}

// slower is what time limits are multiplied by.
var slower = 1

func limit(d time.Duration) time.Duration { return d * time.Duration(slower) }

// The first page of any filter, of 100,000 records, in at most 50 ms.
func TestFirstPageIsFast(t *testing.T) {
	x, now := many(t, 100_000)
	for name, f := range map[string]Filter{
		"all":            {},
		"organisation":   {Orgs: []string{"org3"}},
		"stream":         {Stream: "cam7"},
		"tag":            {Tag: "tag77"},
		"user":           {User: "user5"},
		"status":         {Status: StatusExpired},
		"what is nobody": {User: "nobody", Tag: "nothing", Stream: "none", Status: StatusActive},
	} {
		best := time.Hour
		for range 10 {
			began := time.Now()
			x.Page(f, nil, 50, now)
			best = min(best, time.Since(began))
		}
		t.Logf("%s: %s", name, best)
		if best > limit(50*time.Millisecond) {
			t.Errorf("%s: %s", name, best)
		}
	}
}

// Sorted pages are in order, complete and disjoint, also where many have the same
// number, and take no time that a person would notice.
func TestSortedPages(t *testing.T) {
	x, now := many(t, 1000)
	soonest := func(t *Token) int64 { return t.Expires.Unix() }
	for name, by := range map[string]func(*Token) int64{
		"soonest": soonest,
		"latest":  func(t *Token) int64 { return -t.Expires.Unix() },
		"alike":   func(t *Token) int64 { return t.Expires.Unix() / 300 },
		"same":    func(*Token) int64 { return 0 },
	} {
		for _, size := range []int{1, 7, 500, 1000, 2000} {
			var after *SortCursor
			var last SortCursor
			seen := make(map[string]bool)
			for {
				page, next := x.Sorted(Filter{Orgs: []string{"org3", "org4"}}, by, after, size, now)
				for _, tok := range page {
					p := SortCursor{by(tok), tok.Org, tok.ID}
					if seen[tok.ID] || len(seen) > 0 && p.compare(last) <= 0 || tok.Org != "org3" && tok.Org != "org4" {
						t.Fatalf("%s by %d: %v after %v", name, size, p, last)
					}
					seen[tok.ID], last = true, p
				}
				if len(page) > size || next != nil && len(page) != size {
					t.Fatalf("%s by %d: a page of %d", name, size, len(page))
				}
				if after = next; next == nil {
					break
				}
			}
			if len(seen) != 200 {
				t.Errorf("%s by %d: %d tokens", name, size, len(seen))
			}
		}
	}
	x, now = many(t, 100_000)
	begun := time.Now()
	if page, next := x.Sorted(Filter{}, soonest, nil, 50, now); len(page) != 50 || next == nil || page[0].ID != "t0000000" {
		t.Errorf("%d tokens", len(page))
	}
	if took := time.Since(begun); took > time.Second {
		t.Errorf("a page of 100,000 takes %v", took)
	} else {
		t.Log("a page of 100,000 takes", took)
	}
}
