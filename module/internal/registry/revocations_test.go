package registry

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/kv"
	"github.com/playgate/playgate/module/internal/replica"
	"github.com/playgate/playgate/module/token/sessiontoken"
)

// bearer is a token of acme with one of everything, issued at a time.
func bearer(r *Registry, issued int64) *access.Subject {
	h := hasherOf(r)
	return &access.Subject{
		Org: "acme", Stream: "cam", IssuedAt: issued,
		TokenID: h.Hash("token", "acme", "t1"), Tag: h.Hash("tag", "acme", "press"), User: h.Hash("user", "acme", "ann"),
	}
}

func sessionKeysOf(r *Registry) []sessiontoken.Key {
	keys, _ := r.View().Sessions()
	return keys
}

func hasherOf(r *Registry) sessiontoken.Hasher {
	_, hasher := r.View().Sessions()
	return hasher
}

// A token is revoked by each of its values, by those of its own organisation
// alone, and no more when that is undone.
func TestRevocation(t *testing.T) {
	dir := t.TempDir()
	r := open(t, dir)
	ctx, now := t.Context(), time.Now()
	add := func(c *Condition) *Condition {
		t.Helper()
		if err := r.Revocations.Add(ctx, c, time.Time{}, "test"); err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		return c
	}
	undo := func(c *Condition) {
		t.Helper()
		if err := r.Revocations.Undo(ctx, c.Org, c.ID, "test"); err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
	}
	for _, tc := range []struct {
		kind, value string
		until       int64
		issued      int64
		revoked     bool
	}{
		{"token", "t1", 0, 1000, true},
		{"token", "t2", 0, 1000, false},
		{"token", "press", 0, 1000, false},
		{"tag", "press", 0, 1000, true},
		{"tag", "Press", 0, 1000, false},
		{"user", "ann", 0, 1000, true},
		{"stream", "cam", 0, 1000, true},
		{"stream", "cam2", 0, 1000, false},
		{"org", "", 0, 1000, true},
		{"org", "", 1000, 1000, true},
		{"org", "", 1000, 1002, true},
		{"org", "", 1000, 1003, false},
		{"tag", "press", 1000, 999, true},
		{"tag", "press", 1000, 1003, false},
	} {
		for _, org := range []string{"acme", "other"} {
			name := fmt.Sprintf("%+v of %s", tc, org)
			c := &Condition{Org: org, Kind: tc.kind, Value: tc.value}
			if tc.until != 0 {
				c.IssuedUntil = time.Unix(tc.until, 0)
			}
			add(c)
			want := tc.revoked && org == "acme"
			if got := r.View().Revoked(bearer(r, tc.issued), now); got != want {
				t.Errorf("%s: revoked %t", name, got)
			}
			undo(c)
			if r.View().Revoked(bearer(r, tc.issued), now) {
				t.Errorf("%s: still revoked", name)
			}
		}
	}
	if r.View().Revocations() != 0 {
		t.Error("something is left")
	}
	for _, bad := range []*Condition{
		{Org: "acme"}, {Org: "acme", Kind: "tag"}, {Org: "acme", Kind: "org", Value: "x"}, {Org: "acme", Kind: "colour", Value: "x"}, {Org: "a-b", Kind: "org"},
		{Org: "acme", Kind: "token", Value: "t1", IssuedUntil: now},
	} {
		if err := r.Revocations.Add(ctx, bad, time.Time{}, "test"); !errors.Is(err, ErrCondition) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if err := r.Revocations.Undo(ctx, "acme", "nothing", "test"); !errors.Is(err, ErrNotFound) {
		t.Errorf("undoing nothing: %v", err)
	}

	// Each is one of its own: what one says holds until that one is undone.
	narrow := add(&Condition{Org: "acme", Kind: "tag", Value: "press", IssuedUntil: time.Unix(1000, 0)})
	wide := add(&Condition{Org: "acme", Kind: "tag", Value: "press"})
	later := add(&Condition{Org: "acme", Kind: "tag", Value: "press", IssuedUntil: time.Unix(3000, 0)})
	for _, step := range []struct {
		undone       *Condition
		upTo, beyond int64
	}{{nil, 5000, 0}, {wide, 3002, 3003}, {later, 1002, 1003}} {
		if step.undone != nil {
			undo(step.undone)
		}
		if !r.View().Revoked(bearer(r, step.upTo), now) || step.beyond != 0 && r.View().Revoked(bearer(r, step.beyond), now) {
			t.Errorf("without %+v: other than up to %d", step.undone, step.upTo)
		}
	}
	// One token is revoked once.
	one := add(&Condition{Org: "acme", Kind: "token", Value: "t9", Reason: "first"})
	if again := add(&Condition{Org: "acme", Kind: "token", Value: "t9", Reason: "second"}); again.ID != one.ID || again.Reason != "first" || r.View().Revocations() != 2 {
		t.Errorf("again: %+v", again)
	}
	sooner := add(&Condition{Org: "acme", Kind: "token", Value: "t8", From: now.Add(time.Hour)})
	if again := add(&Condition{Org: "acme", Kind: "token", Value: "t8"}); again.ID == sooner.ID {
		t.Error("what was planned does not hold at once")
	}

	// It holds after a restart, and from the copy.
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, dir)
	if !again.View().Revoked(bearer(again, 1002), now) || again.View().Revoked(bearer(again, 1003), now) {
		t.Error("it does not hold after a restart")
	}
	if narrow = again.Revocations.Get("acme", narrow.ID); narrow == nil {
		t.Error("it is not there after a restart")
	}
	_, entries, err := replica.ReadCopy(dir)
	if err != nil {
		t.Fatal(err)
	}
	fromCopy := newView(again.logger)
	fromCopy.Reset(entries)
	if !fromCopy.Revoked(bearer(again, 1002), now) {
		t.Error("it does not hold from the copy")
	}
	fromCopy.Replace(nil)
	if fromCopy.Revoked(bearer(again, 1002), now) {
		t.Error("a snapshot without it still has it")
	}
}

// Conditions that concern later tokens never end by themselves. An organisation may have
// a thousand.
func TestFutureConditionsAreCounted(t *testing.T) {
	r := open(t, t.TempDir())
	now := time.Now()
	values := make(map[string]jsontext.Value, MaxFuture-1)
	for i := range MaxFuture - 1 {
		c := &Condition{Header: Header{Schema: conditionSchema}, ID: fmt.Sprintf("c%d", i), Org: "acme", Kind: byTag, Value: fmt.Sprint(i), At: now}
		data, err := encode(c)
		if err != nil {
			t.Fatal(err)
		}
		values[c.key()] = data
	}
	last, err := putAll(t.Context(), r.edge, values, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.replica.Wait(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	future := func(org string) (*Condition, error) {
		c := &Condition{Org: org, Kind: byTag, Value: "more"}
		return c, r.Revocations.Add(t.Context(), c, time.Time{}, "test")
	}
	c, err := future("acme")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := future("acme"); !errors.Is(err, ErrTooManyFuture) {
		t.Errorf("one more than %d: %v", MaxFuture, err)
	}
	if _, err := future("other"); err != nil {
		t.Error(err)
	}
	if err := r.Revocations.Add(t.Context(), &Condition{Org: "acme", Kind: byTag, Value: "x", IssuedUntil: now}, time.Time{}, "test"); err != nil {
		t.Errorf("one that ends: %v", err)
	}
	if err := r.Revocations.Undo(t.Context(), "acme", c.ID, "test"); err != nil {
		t.Fatal(err)
	}
	if _, err := future("acme"); err != nil {
		t.Error(err)
	}
}

// A revocation that cannot be read refuses everything of its organisation, until
// it is gone or can be read.
func TestUnreadableRevocation(t *testing.T) {
	r := open(t, t.TempDir())
	ctx := t.Context()
	put := func(key, raw string) uint64 {
		t.Helper()
		revision, err := r.edge.Create(ctx, key, []byte(raw))
		if err != nil {
			t.Fatal(err)
		}
		if err := r.replica.Wait(ctx, revision); err != nil {
			t.Fatal(err)
		}
		return revision
	}
	for _, raw := range []string{"{", `{"schema":2,"needs":["only_from"],"org":"acme","kind":"tag","value":"x"}`, `{"schema":1,"org":"acme","kind":"tag","value":"another key's"}`} {
		revision := put("revoked.acme.AAAA", raw)
		if !r.View().Revoked(bearer(r, 1000), time.Now()) {
			t.Errorf("%s: nothing is refused", raw)
		}
		other := bearer(r, 1000)
		other.Org = "other"
		if other.TokenID, other.Tag, other.User = 0, 0, 0; r.View().Revoked(other, time.Now()) {
			t.Errorf("%s: another organisation is refused", raw)
		}
		gone, err := r.edge.Delete(ctx, "revoked.acme.AAAA", revision)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.replica.Wait(ctx, gone); err != nil {
			t.Fatal(err)
		}
		if r.View().Revoked(bearer(r, 1000), time.Now()) {
			t.Errorf("%s: something is still refused", raw)
		}
	}
}

// Conditions are kept until no token that they concern is valid, and a day longer, by the
// clock of the store. Those that concern later tokens stay.
func TestRevocationsEnd(t *testing.T) {
	r := open(t, t.TempDir())
	ctx := t.Context()
	began := time.Now().UTC()
	const day = 24 * time.Hour
	// Made by a node whose clock is that much behind.
	made := func(ago time.Duration, c *Condition, expires time.Time) {
		t.Helper()
		r.now = func() time.Time { return began.Add(-ago) }
		if err := r.Revocations.Add(ctx, c, expires, "test"); err != nil {
			t.Fatal(err)
		}
	}
	at := func(ago time.Duration) time.Time { return began.Add(-ago) }
	for ago, kept := range map[time.Duration]bool{366*day - time.Minute: true, 366*day + time.Minute: false} {
		made(ago, &Condition{Org: "acme", Kind: byOrg, IssuedUntil: at(ago), Reason: fmt.Sprint(kept)}, time.Time{})
		made(ago, &Condition{Org: "acme", Kind: byToken, Value: fmt.Sprint("unknown", ago), Reason: fmt.Sprint(kept)}, time.Time{})
		made(0, &Condition{Org: "acme", Kind: byTag, Value: "x", IssuedUntil: at(ago), Reason: fmt.Sprint(kept)}, time.Time{})
		made(500*day, &Condition{Org: "acme", Kind: byUser, Value: "x", IssuedUntil: at(500 * day), From: at(ago - 365*day), Reason: fmt.Sprint(kept)}, time.Time{})
		made(ago, &Condition{Org: "acme", Kind: byTag, Value: "x", Reason: "true"}, time.Time{})
	}
	for left, kept := range map[time.Duration]bool{-day + time.Minute: true, -day - time.Minute: false, 700 * day: true} {
		made(100*day, &Condition{Org: "acme", Kind: byToken, Value: fmt.Sprint("known", left), Reason: fmt.Sprint(kept)}, began.Add(left))
	}
	r.now = func() time.Time { return began.Add(-1000 * day) } // nobody asks this clock
	r.Revocations.expire(ctx)
	r.now = func() time.Time { return began.Add(10000 * day) }
	r.Revocations.expire(ctx)
	list, _ := r.Revocations.List(RevocationFilter{}, nil, 100)
	for _, c := range list {
		if c.Reason != "true" {
			t.Errorf("kept: %+v", c)
		}
	}
	if len(list) != 4+2+2 {
		t.Errorf("%d are kept", len(list))
	}
}

// Who asks is told of each revocation once, when it has come into force; not of
// those that were there at the start, and of those that this node has missed.
func TestOnRevoke(t *testing.T) {
	dir := t.TempDir()
	r := New(Settings{Dir: dir}, zap.NewNop())
	var told []string
	r.OnRevoke(func(c *Condition) {
		if set, hash := r.View().revoked.locate(c); len(set.all(hash)) == 0 {
			t.Errorf("%s is told before it is in force", c.Value)
		}
		told = append(told, c.Value)
	})
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	revoke := func(value string) {
		t.Helper()
		if err := r.Revocations.Add(t.Context(), &Condition{Org: "acme", Kind: "tag", Value: value}, time.Time{}, "test"); err != nil {
			t.Fatal(err)
		}
	}
	revoke("one")
	revoke("two")
	revoke("one") // with a reason of its own, perhaps
	if want := []string{"one", "two", "one"}; !slices.Equal(told, want) {
		t.Errorf("told of %v instead of %v", told, want)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}

	told = nil
	again := New(Settings{Dir: dir}, zap.NewNop())
	again.OnRevoke(func(c *Condition) { told = append(told, c.Value) })
	if err := again.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = again.Close() })
	if len(told) > 0 {
		t.Errorf("told at the start of %v, which are old", told)
	}
	missed := &Condition{Header: Header{Schema: conditionSchema}, ID: "missed", Org: "acme", Kind: "tag", Value: "three"}
	data, err := encode(missed)
	if err != nil {
		t.Fatal(err)
	}
	v := again.View()
	v.Reset(append(v.All(), kv.Entry{Key: missed.key(), Value: data, Revision: 1000}))
	if want := []string{"three"}; !slices.Equal(told, want) {
		t.Errorf("told of %v instead of %v", told, want)
	}
}

// A planned revocation refuses nothing until its time has come, and then what it
// says, whenever somebody asks: with the time, and with no timer. Who watches is told once
// that it has begun, also after the clock went back, or over it.
func TestPlannedRevocation(t *testing.T) {
	dir := t.TempDir()
	r := New(Settings{Dir: dir}, zap.NewNop())
	var told []string
	r.OnRevoke(func(c *Condition) { told = append(told, c.Value) })
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	now := time.Now().Truncate(time.Millisecond)
	at := func(minutes int) time.Time { return now.Add(time.Duration(minutes) * time.Minute) }
	plan := func(value string, from time.Time) *Condition {
		t.Helper()
		c := &Condition{Org: "acme", Kind: "tag", Value: value, From: from, IssuedUntil: now}
		if err := r.Revocations.Add(t.Context(), c, time.Time{}, "test"); err != nil {
			t.Fatal(err)
		}
		return c
	}
	revoked := func(r *Registry, value string, at time.Time) bool {
		return r.View().Revoked(&access.Subject{Org: "acme", Stream: "cam", Tag: hasherOf(r).Hash("tag", "acme", value), IssuedAt: 1000}, at)
	}
	plan("ten", at(10))
	plan("twenty", at(20))
	undone := plan("undone", at(15))
	if err := r.Revocations.Undo(t.Context(), "acme", undone.ID, "test"); err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{"ten", "twenty", "undone"} {
		from := map[string]int{"ten": 10, "twenty": 20, "undone": 1 << 20}[value]
		for _, minute := range []int{0, 10, 20, 30} {
			if got := revoked(r, value, at(minute)); got != (minute >= from) {
				t.Errorf("%s after %d minutes: %t", value, minute, got)
			}
		}
		if from < 1<<20 && revoked(r, value, at(from).Add(-time.Millisecond)) {
			t.Errorf("%s holds before its time", value)
		}
	}
	view := r.View()
	for _, step := range []struct {
		after, until int
		begun        bool
		told         string
	}{{0, 9, false, ""}, {9, 10, true, "ten"}, {10, 11, false, ""}, {11, 5, false, ""}, {5, 12, true, ""}, {12, 60, true, "twenty"}, {60, 70, false, ""}} {
		told = nil
		if begun := view.RevocationsBegun(at(step.after), at(step.until)); begun != step.begun {
			t.Errorf("from %d to %d: %t", step.after, step.until, begun)
		}
		if got := strings.Join(told, " "); got != step.told {
			t.Errorf("from %d to %d: told of %q", step.after, step.until, got)
		}
	}

	record := &Token{Org: "acme", ID: "t1", Tag: "ten", User: "ann", Streams: []string{"cam"}, Created: now, Expires: at(100)}
	for minute, want := range map[int]string{0: StatusActive, 10: StatusRevoked, 100: StatusExpired} {
		if status := r.Revocations.StatusOf(record, at(minute)); status != want {
			t.Errorf("after %d minutes %s", minute, status)
		}
	}
	if c := r.Revocations.Revoked(record); c == nil || c.Value != "ten" {
		t.Errorf("revoked by %v", c)
	}
	if err := r.Revocations.Add(t.Context(), &Condition{Org: "acme", Kind: "user", Value: "ann", IssuedUntil: now}, time.Time{}, "test"); err != nil {
		t.Fatal(err)
	}
	if c := r.Revocations.Revoked(record); c == nil || c.Kind != "user" {
		t.Errorf("revoked by %v, and another holds already", c)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, dir)
	if revoked(again, "ten", at(9)) || !revoked(again, "ten", at(10)) || !again.View().RevocationsBegun(at(9), at(10)) {
		t.Error("a plan is another one after a restart")
	}
}

// A token that is yet to be made is refused by a condition that concerns later tokens, and
// by no other: it is issued after them.
func TestAhead(t *testing.T) {
	r := open(t, t.TempDir())
	now := time.Unix(1_800_000_000, 700e6)
	add := func(c *Condition) string {
		t.Helper()
		c.Org = "acme"
		if err := r.Revocations.Add(t.Context(), c, time.Time{}, "test"); err != nil {
			t.Fatal(err)
		}
		return c.ID
	}
	add(&Condition{Kind: "tag", Value: "press", IssuedUntil: now})
	add(&Condition{Kind: "tag", Value: "press", IssuedUntil: now.Add(-time.Hour)})
	add(&Condition{Kind: "stream", Value: "cam2", IssuedUntil: now.Add(time.Second)})
	user := add(&Condition{Kind: "user", Value: "ann"})
	stream := add(&Condition{Kind: "stream", Value: "closed", From: time.Now().Add(time.Hour)})
	for _, tc := range []struct {
		wanted Token
		future string
		after  int64
	}{
		{Token{Streams: []string{"cam"}}, "", 0},
		{Token{Streams: []string{"cam"}, Tag: "press"}, "", now.Unix() + 2},
		{Token{OrgWide: true, Tag: "press"}, "", now.Unix() + 3}, // or cam2 would be dead for it
		{Token{Streams: []string{"cam", "cam2"}, Tag: "press"}, "", now.Unix() + 3},
		{Token{Streams: []string{"cam"}, Tag: "press", User: "ann"}, user, 0},
		{Token{Streams: []string{"cam", "closed"}}, stream, 0},
		{Token{OrgWide: true}, "", now.Unix() + 3}, // it plays all but closed
	} {
		tc.wanted.Org = "acme"
		future, after := r.Revocations.Ahead(&tc.wanted)
		if after != tc.after || (future == nil) != (tc.future == "") || future != nil && future.ID != tc.future {
			t.Errorf("%+v: %+v, %d", tc.wanted, future, after)
		}
		tc.wanted.Org = "other"
		if future, after := r.Revocations.Ahead(&tc.wanted); future != nil || after != 0 {
			t.Errorf("of another organisation: %+v, %d", future, after)
		}
	}
}

// Revocations are listed a page at a time, the newest first, each once.
func TestRevocationPages(t *testing.T) {
	v := newView(zap.NewNop())
	r := &Registry{Revocations: &Revocations{&records{view: v}}}
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var want []string
	for i := range 20 {
		// Two of a time each.
		x := Condition{Header: Header{Schema: conditionSchema}, ID: fmt.Sprintf("c%02d", i), Org: []string{"acme", "beta"}[i%2], Kind: []string{byTag, byUser, byToken}[i%3], Value: fmt.Sprint(i), At: begin.Add(time.Duration(i/2) * time.Hour), Until: begin.Add(1000 * time.Hour)}
		text, err := json.Marshal(&x)
		if err != nil {
			t.Fatal(err)
		}
		v.Apply(kv.Entry{Key: x.key(), Value: text, Revision: uint64(i + 1)})
		want = append(want, x.Value)
	}
	for i := 0; i < len(want); i += 2 { // acme stands before beta
		want[len(want)-2-i], want[len(want)-1-i] = fmt.Sprint(i), fmt.Sprint(i+1)
	}
	for _, tc := range []struct {
		filter RevocationFilter
		keep   func(i int) bool
	}{
		{RevocationFilter{}, func(int) bool { return true }},
		{RevocationFilter{Orgs: []string{"acme"}}, func(i int) bool { return i%2 == 0 }},
		{RevocationFilter{Orgs: []string{}}, func(int) bool { return false }},
		{RevocationFilter{Kind: byUser}, func(i int) bool { return i%3 == 1 }},
		{RevocationFilter{Kind: byUser, Value: "4"}, func(i int) bool { return i == 4 }},
		{RevocationFilter{Value: "5"}, func(i int) bool { return i == 5 }},
		{RevocationFilter{Orgs: []string{"beta"}, Value: "4"}, func(int) bool { return false }},
	} {
		var wanted []string
		for _, value := range want {
			if i, _ := strconv.Atoi(value); tc.keep(i) {
				wanted = append(wanted, value)
			}
		}
		for _, n := range []int{1, 3, 20, 500} {
			var got []string
			for after := (*SortCursor)(nil); ; {
				page, next := r.Revocations.List(tc.filter, after, n)
				if len(page) > n || next != nil && len(page) != n {
					t.Fatalf("%+v: a page of %d", tc.filter, len(page))
				}
				for _, x := range page {
					got = append(got, x.Value)
				}
				if after = next; next == nil {
					break
				}
			}
			if !slices.Equal(got, wanted) {
				t.Errorf("%+v by %d: %v instead of %v", tc.filter, n, got, wanted)
			}
		}
	}
}
