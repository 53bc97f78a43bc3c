package conns

import (
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/playgate/playgate/module/internal/access"
)

func TestResourcesAreFoundAndForgotten(t *testing.T) {
	var rs Resources
	var table Table
	now := time.Now()
	r := NewResource("live.example.com/1", now.Add(time.Hour), func() { t.Error("it was ended") })
	table.Add(r.Running)
	if rs.Add(r, now) != nil || rs.Find("live.example.com/1") != r || rs.Find("live.example.com/2") != nil {
		t.Error("it is not where it was put")
	}
	rs.Remove(r)
	rs.Remove(r)
	if rs.Find("live.example.com/1") != nil || table.Len() != 0 || r.Cut("expired", CloseExpired) {
		t.Error("it is still there")
	}
}

// What the origin has made anew is no longer the first one's.
func TestResourceIsReplaced(t *testing.T) {
	var rs Resources
	var table Table
	var ends [2]atomic.Int32
	now := time.Now()
	old := NewResource("u", time.Time{}, func() { ends[0].Add(1) })
	young := NewResource("u", time.Time{}, func() { ends[1].Add(1) })
	for _, r := range []*Resource{old, young} {
		table.Add(r.Running)
		rs.Add(r, now)
	}
	if rs.Find("u") != young || table.Len() != 1 || old.Cut("expired", CloseExpired) {
		t.Error("the old one is still there")
	}
	rs.Remove(old)
	if rs.Find("u") != young || !young.Cut("expired", CloseExpired) || ends[0].Load() != 0 || ends[1].Load() != 1 {
		t.Error("the young one suffers for the old one")
	}
}

// The past is forgotten, and there are never too many: the oldest has to end.
func TestResourcesStayFew(t *testing.T) {
	rs := Resources{Max: 100}
	now := time.Now()
	for i := range 1000 {
		if oldest := rs.Add(NewResource(strconv.Itoa(i), now, nil), now); oldest != nil {
			if want := strconv.Itoa(i - 100); oldest.url != want {
				t.Fatalf("%s has to end, not %s", oldest.url, want)
			}
		}
		if n := len(rs.All()); n > 100 {
			t.Fatalf("there are %d", n)
		}
	}
	later := now.Add(time.Minute)
	for i := range 300 {
		rs.Add(NewResource("later"+strconv.Itoa(i), later.Add(time.Hour), nil), later)
	}
	if n := len(rs.All()); n > 100 || rs.Find("999") != nil {
		t.Errorf("%d are left, or one of the past is", n)
	}
	if (&Resources{}).Add(NewResource("x", later, nil), later) != nil || maxResources < 1<<16 {
		t.Error("by default there may be 65,536")
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
		{"none", access.Subject{Org: "org1", Stream: "cam", TokenID: 7, Public: true}, false},
	} {
		if got := r.OwnedBy(&tc.s); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
	r.Subject.Public = true
	if r.OwnedBy(&mine) {
		t.Error("what began without a token is nobody's")
	}
}

// One that has to make room runs until it is removed, like any other.
func TestDisplacedResourceIsReleased(t *testing.T) {
	rs := Resources{Max: 1}
	var table Table
	now := time.Now()
	var first *Resource
	first = NewResource("1", time.Time{}, func() { rs.Remove(first) })
	second := NewResource("2", time.Time{}, nil)
	table.Add(first.Running)
	rs.Add(first, now)
	if oldest := rs.Add(second, now); oldest != first || table.Len() != 1 {
		t.Errorf("%v has to end, and %d run", oldest, table.Len())
	}
	if !first.Cut("displaced", CloseRevoked) || table.Len() != 0 {
		t.Errorf("%d run after it has ended", table.Len())
	}
}

// A displaced resource whose origin refuses to end it counts no more; one that is
// still known stays its owner's to delete.
func TestAbandon(t *testing.T) {
	var table Table
	resources := Resources{Max: 1}
	first, second := NewResource("/1", time.Time{}, func() {}), NewResource("/2", time.Time{}, func() {})
	for _, r := range []*Resource{first, second} {
		table.Add(r.Running)
		resources.Add(r, time.Now())
	}
	resources.Abandon(first)
	if table.Len() != 1 {
		t.Errorf("%d are running after the displaced one was given up", table.Len())
	}
	resources.Abandon(second)
	if table.Len() != 1 || resources.Find("/2") != second {
		t.Error("one that is still known was forgotten")
	}
	resources.Remove(second)
	if table.Len() != 0 {
		t.Errorf("%d are running at the end", table.Len())
	}
}
