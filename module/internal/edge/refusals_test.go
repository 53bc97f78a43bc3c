package edge

import (
	"strconv"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/cluster"
)

// The last refusals are found by their ids, and the oldest make room.
func TestRefusals(t *testing.T) {
	rs := new(refusals)
	var all sync.WaitGroup
	for part := range 4 {
		all.Go(func() {
			for i := range 3000 {
				rs.add(&cluster.Refusal{ID: strconv.Itoa(part*3000 + i), Reason: access.Expired, Stream: "cam"})
			}
		})
	}
	all.Wait()
	rs.add(&cluster.Refusal{ID: "last", Reason: access.Expired, Stream: "cam"})
	if r, ok := rs.find("last"); !ok || r.Reason != access.Expired || r.Stream != "cam" {
		t.Errorf("the last one is not found: %+v", r)
	}
	// A long URL does not stay in memory for the name in it.
	url := strings.Repeat("x", 1<<20)
	rs.add(&cluster.Refusal{ID: "long", Stream: url[:5]})
	if slot := &rs.last[rs.next.Load()%uint64(len(rs.last))]; unsafe.StringData(slot.r.Stream) == unsafe.StringData(url) {
		t.Error("the name that is kept is a part of the URL")
	}
	for range len(rs.last) {
		rs.add(&cluster.Refusal{ID: "another"})
	}
	for _, id := range []string{"last", "", "11999"} {
		if _, ok := rs.find(id); ok {
			t.Errorf("%q is found after many others", id)
		}
	}
}
