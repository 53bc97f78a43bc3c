package replica

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/playgate/playgate/module/internal/kv"
	"github.com/playgate/playgate/module/internal/kv/kvtest"
)

// A single record that is lost is noticed too, though the store counts it.
func TestLostRecord(t *testing.T) {
	dir := t.TempDir()
	r := start(t, node(t, dir, kv.Settings{}))
	fill(t, r)
	r.Close()
	head, entries, err := ReadCopy(dir)
	if err != nil {
		t.Fatal(err)
	}
	head.Edge.Records--
	for i := range entries {
		if entries[i].Key == "org.acme" {
			entries[i].Key = "org.lost"
		}
	}
	if _, err := WriteCopy(dir, head, entries); err != nil {
		t.Fatal(err)
	}
	again := start(t, node(t, dir, kv.Settings{}))
	if err := again.Writable(); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "1 records") {
		t.Errorf("the store: %v", err)
	}
}

// So are records of tokens, of which the copy knows only the number.
func TestLostTokens(t *testing.T) {
	dir := t.TempDir()
	r := start(t, node(t, dir, kv.Settings{}))
	fill(t, r)
	r.Close()
	head, entries, err := ReadCopy(dir)
	if err != nil {
		t.Fatal(err)
	}
	if head.Issuing.Records < 100 || head.Issuing.Last < 100 {
		t.Errorf("the copy knows of %+v", head.Issuing)
	}
	for what, seen := range map[string]kv.Extent{
		"records": {Last: head.Issuing.Last, Records: head.Issuing.Records + 1}, "changes": {Last: head.Issuing.Last + 1, Records: head.Issuing.Records},
	} {
		lost := head
		lost.Issuing = seen
		if _, err := WriteCopy(dir, lost, entries); err != nil {
			t.Fatal(err)
		}
		again := start(t, node(t, dir, kv.Settings{}))
		if err := again.Writable(); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: the store: %v", what, err)
		}
		again.Close()
	}
}

// One that has just become the leader may not have read all yet: a damage is
// believed when it lasts, and no longer than that.
func TestDamageThatPasses(t *testing.T) {
	r := node(t, t.TempDir(), kv.Settings{URLs: []string{"nats://127.0.0.1:1"}})
	r.DamageLasts = time.Hour
	r.State.Reset(nil)
	for range 2 {
		if err := r.damage.lost(ErrDamaged); !errors.Is(err, kv.ErrUnavailable) || r.damage.failure.Load() != nil {
			t.Fatalf("it is believed at once: %v", err)
		}
	}
	r.DamageLasts = 0
	if err := r.damage.lost(ErrDamaged); err != nil || r.damage.failure.Load() == nil {
		t.Fatalf("it is not believed: %v", err)
	}
	r.DamageLasts = time.Hour
	r.damage.clearDamage()
	if err := r.damage.lost(ErrDamaged); !errors.Is(err, kv.ErrUnavailable) || r.damage.failure.Load() != nil {
		t.Errorf("another one is believed at once: %v", err)
	}
}

// A bucket that was made anew is another one, whatever is in it.
func TestBucketMadeAnewSinceTheCopy(t *testing.T) {
	r := served(t)
	var head Head
	var err error
	if head.Edge, err = r.Edge.Extent(t.Context()); err != nil {
		t.Fatal(err)
	}
	if head.Issuing, err = r.Issuing.Extent(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.damage.checkLoss(t.Context(), head, nil); err != nil {
		t.Errorf("the same: %v", err)
	}
	for _, x := range []*kv.Extent{&head.Edge, &head.Issuing} {
		former := x.Created
		x.Created = former.Add(-time.Hour)
		if err := r.damage.checkLoss(t.Context(), head, nil); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "made anew") {
			t.Errorf("another one: %v", err)
		}
		x.Created = former
	}
}

// A comparison finds what the store has lost, and has what the view has missed
// read anew.
func TestCompare(t *testing.T) {
	r := served(t)
	create(t, r, "revoked.a")
	if err := r.compare(t.Context()); err != nil {
		t.Errorf("the same: %v", err)
	}

	// The view misses a record, as after a message that was lost.
	v := state(r)
	v.mu.Lock()
	delete(v.entries, "revoked.a")
	v.mu.Unlock()
	if v.knows("revoked.a") {
		t.Fatal("it is not missing")
	}
	if err := r.compare(t.Context()); err != nil {
		t.Errorf("a record that was missed: %v", err)
	}
	kvtest.Eventually(t, "what was missed", func() bool { return v.knows("revoked.a") })

	// The view knows one that the store does not have.
	v.Apply(kv.Entry{Key: "org.beta", Value: []byte("1"), Revision: 1})
	if err := r.compare(t.Context()); !errors.Is(err, ErrDamaged) {
		t.Errorf("a record that was lost: %v", err)
	}

	// A server that is behind says nothing about what is lost.
	if err := r.compareWith(t.Context(), v.All(), 1<<40); err != nil {
		t.Errorf("one that is behind: %v", err)
	}
}
