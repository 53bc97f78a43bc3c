package registry

import (
	"context"
	"testing"
	"time"

	"github.com/playgate/playgate/module/token"
)

// Uses are stored in few records whatever their number, later times win, and
// those of tokens that have expired for sure go away.
func TestUses(t *testing.T) {
	r := open(t, t.TempDir())
	ctx := t.Context()
	now := time.Now().Truncate(time.Second)
	at := make(map[uint64]int64)
	for i := range uint64(5000) {
		at[i*0x9e3779b97f4a7c15] = now.Unix() - int64(i) //nolint:gosec // small
	}
	store := func(at map[uint64]int64) {
		t.Helper()
		if left, err := r.Tokens.NoteUses(ctx, at); err != nil || len(left) > 0 {
			t.Fatalf("%d left, %v", len(left), err)
		}
	}
	store(at)
	entries, err := r.issuing.List(ctx, usedPrefix)
	if err != nil || len(entries) > usedRecords {
		t.Fatalf("%d records, %v", len(entries), err)
	}
	index, err := r.Tokens.Index(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for hash, when := range at {
		if got := index.LastUsed(hash); got.Unix() != when {
			t.Fatalf("%x: last used %v, not %v", hash, got, time.Unix(when, 0))
		}
	}
	const one = 0x9e3779b97f4a7c15
	store(map[uint64]int64{one: now.Unix() - 100}) // another node was later with an earlier use
	if got := index.LastUsed(one).Unix(); got != at[one] {
		t.Errorf("last used %d, not %d", got, at[one])
	}
	store(map[uint64]int64{one: now.Unix() + 1})
	if got := index.LastUsed(one).Unix(); got != now.Unix()+1 {
		t.Errorf("last used %d", got)
	}
	if !index.LastUsed(12345).IsZero() {
		t.Error("one that was not used was")
	}
	r.now = func() time.Time { return now.Add(token.MaxLifetime + time.Hour) }
	store(map[uint64]int64{one + usedRecords: r.now().Unix()})
	if !index.LastUsed(one).IsZero() || index.LastUsed(one+usedRecords).IsZero() {
		t.Error("what is long past is kept, or what is not is gone")
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if left, err := r.Tokens.NoteUses(cancelled, map[uint64]int64{1: 2}); err == nil || left[1] != 2 {
		t.Errorf("without a store: left %v, %v", left, err)
	}
}
