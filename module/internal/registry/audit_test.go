package registry

import (
	"testing"
	"time"
)

// The audit trail lists the newest entries first, also those of one millisecond.
func TestAuditOfOneMillisecond(t *testing.T) {
	r := open(t, t.TempDir())
	at := time.Now()
	r.now = func() time.Time { return at }
	for _, org := range []string{"first", "second", "third", "fourth"} {
		if err := r.Orgs.Create(t.Context(), &Org{Hash: org}, "test"); err != nil {
			t.Fatal(err)
		}
	}
	events, err := r.Audit.Events(t.Context(), "", 3)
	if err != nil || len(events) != 3 {
		t.Fatal(events, err)
	}
	for i, org := range []string{"fourth", "third", "second"} {
		if events[i].Org != org {
			t.Errorf("entry %d is of %s instead of %s", i, events[i].Org, org)
		}
	}
}
