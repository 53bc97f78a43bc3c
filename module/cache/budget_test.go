package cache

import (
	"testing"
)

// finished is a body that has left the store while somebody reads it.
func finished(t *testing.T, room *budget, size int) *body {
	t.Helper()
	b := newBody(room, 1<<30)
	b.begin(int64(size), 1<<30)
	b.hold()
	if _, err := b.write(t.Context(), make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	b.end(nil)
	return b
}

// What has left the store longest ago makes room first, and the newest one when it
// is the only one.
func TestPinnedBodiesMakeRoom(t *testing.T) {
	room := &budget{limit: 1000 << 10}
	var all []*body
	for range 4 {
		b := finished(t, room, 300<<10)
		b.leaveStore()
		all = append(all, b)
	}
	for i, b := range all {
		if got, want := b.dropped.Load(), i == 0; got != want {
			t.Errorf("body %d is dropped: %v", i, got)
		}
	}
	if room.inUse() > room.limit {
		t.Errorf("%d bytes of %d", room.inUse(), room.limit)
	}
	all[1].letGo()
	if !room.take(300<<10) || all[2].dropped.Load() {
		t.Error("what was let go takes room")
	}
	room.resize(100 << 10)
	large := finished(t, &budget{limit: 1 << 30}, 300<<10)
	large.room = room
	large.leaveStore()
	if !large.dropped.Load() {
		t.Error("what is larger than there is room is kept")
	}
}

// What is stored again is not counted twice.
func TestStoredAgain(t *testing.T) {
	room := &budget{limit: 1000 << 10}
	b := finished(t, room, 300<<10)
	b.leaveStore()
	b.stored.Add(1)
	room.unpin(b)
	if room.inUse() != 0 {
		t.Errorf("%d bytes", room.inUse())
	}
	b.letGo()
	if room.inUse() != 0 {
		t.Errorf("%d bytes after the reader has left", room.inUse())
	}
}

// What is derived of a body is worked out once, takes of the budget, and goes with
// the body.
func TestDerived(t *testing.T) {
	room := &budget{limit: 2000}
	b := newBody(room, 0)
	b.hold()
	worked := 0
	get := func(key string, size int) {
		t.Helper()
		if got := b.Derive(key, func() (any, int) { worked++; return "of " + key, size }); got != "of "+key {
			t.Errorf("%q", got)
		}
	}
	for range 3 {
		get("a", 400)
		get("b", 400)
	}
	if worked != 2 || room.inUse() != 800 {
		t.Errorf("worked out %d times, %d bytes", worked, room.inUse())
	}
	for range 2 {
		get("too large", 400) // half is for answers on their way
	}
	if worked != 4 || room.inUse() != 800 {
		t.Errorf("without room: worked out %d times, %d bytes", worked, room.inUse())
	}
	b.letGo()
	if room.inUse() != 0 {
		t.Errorf("%d bytes after the end", room.inUse())
	}
	get("a", 400)
	if worked != 5 || room.inUse() != 0 {
		t.Errorf("after the end: worked out %d times, %d bytes", worked, room.inUse())
	}
	b.stored.Add(1) // it was complete only after its last viewer had left
	get("a", 400)
	get("a", 400)
	if worked != 6 || room.inUse() != 400 {
		t.Errorf("stored: worked out %d times, %d bytes", worked, room.inUse())
	}
	b.stored.Add(-1)
	b.leaveStore()
	if room.inUse() != 0 {
		t.Errorf("%d bytes after it has left the store", room.inUse())
	}
}

// What is derived of stored bodies never takes what answers on their way need.
func TestDerivedLeavesRoom(t *testing.T) {
	room := &budget{limit: 1000}
	for range 100 {
		b := newBody(room, 0)
		b.stored.Add(1)
		b.Derive("a", func() (any, int) { return 1, 100 })
	}
	if !room.take(500) {
		t.Errorf("%d bytes are in use", room.inUse())
	}
}
