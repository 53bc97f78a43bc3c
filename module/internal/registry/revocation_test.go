package registry

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/kv"
	"github.com/playgate/playgate/module/internal/kv/kvtest"
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
	ctx := t.Context()
	for _, tc := range []struct {
		kind, value string
		before      int64
		issued      int64
		revoked     bool
	}{
		{"token", "t1", 0, 1000, true},
		{"token", "t2", 0, 1000, false},
		{"tag", "press", 0, 1000, true},
		{"tag", "Press", 0, 1000, false},
		{"user", "ann", 0, 1000, true},
		{"stream", "cam", 0, 1000, true},
		{"stream", "cam2", 0, 1000, false},
		{"org", "", 0, 1000, true},
		{"org", "", 0, 0, true},
		{"org", "", 1000, 1000, true},
		{"org", "", 1000, 1001, false},
		{"org", "", 1000, 0, true},
		{"tag", "press", 1000, 999, true},
		{"tag", "press", 1000, 1001, false},
		{"token", "press", 0, 1000, false},
	} {
		for _, org := range []string{"acme", "other"} {
			name := fmt.Sprintf("%+v of %s", tc, org)
			v := &Revocation{Org: org, Kind: tc.kind, Value: tc.value}
			if tc.before != 0 {
				v.IssuedBefore = time.Unix(tc.before, 0)
			}
			if err := r.Revocations.Add(ctx, v, "test"); err != nil {
				t.Fatal(name, err)
			}
			want := tc.revoked && org == "acme"
			if got := r.View().Revoked(bearer(r, tc.issued)); got != want {
				t.Errorf("%s: revoked %t", name, got)
			}
			if err := r.Revocations.Undo(ctx, org, v.ID(), "test"); err != nil {
				t.Fatal(name, err)
			}
			if r.View().Revoked(bearer(r, tc.issued)) {
				t.Errorf("%s: still revoked", name)
			}
		}
	}
	if r.View().Revocations() != 0 {
		t.Error("something is left")
	}
	for _, bad := range []*Revocation{{Org: "acme"}, {Org: "acme", Kind: "tag"}, {Org: "acme", Kind: "org", Value: "x"}, {Org: "acme", Kind: "colour", Value: "x"}, {Org: "a-b", Kind: "org"}} {
		if err := r.Revocations.Add(ctx, bad, "test"); !errors.Is(err, ErrRevocation) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if err := r.Revocations.Undo(ctx, "acme", "nothing", "test"); !errors.Is(err, ErrNotFound) {
		t.Errorf("undoing nothing: %v", err)
	}

	// A second one of the same value never refuses less.
	narrow := func() *Revocation {
		return &Revocation{Org: "acme", Kind: "tag", Value: "press", IssuedBefore: time.Unix(1000, 0)}
	}
	for _, v := range []*Revocation{narrow(), {Org: "acme", Kind: "tag", Value: "press"}, narrow()} {
		if err := r.Revocations.Add(ctx, v, "test"); err != nil {
			t.Fatal(err)
		}
	}
	if !r.View().Revoked(bearer(r, 5000)) || r.View().Revocations() != 1 {
		t.Error("a second one has narrowed the first")
	}

	// It holds after a restart, and from the copy.
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, dir)
	if !again.View().Revoked(bearer(again, 5000)) {
		t.Error("it does not hold after a restart")
	}
	_, entries, err := replica.ReadCopy(dir)
	if err != nil {
		t.Fatal(err)
	}
	fromCopy := newView(again.logger)
	fromCopy.Reset(entries)
	if !fromCopy.Revoked(bearer(again, 5000)) {
		t.Error("it does not hold from the copy")
	}
	fromCopy.Replace(nil)
	if fromCopy.Revoked(bearer(again, 5000)) {
		t.Error("a snapshot without it still has it")
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
		if !r.View().Revoked(bearer(r, 1000)) {
			t.Errorf("%s: nothing is refused", raw)
		}
		other := bearer(r, 1000)
		other.Org = "other"
		if other.TokenID, other.Tag, other.User = 0, 0, 0; r.View().Revoked(other) {
			t.Errorf("%s: another organisation is refused", raw)
		}
		gone, err := r.edge.Delete(ctx, "revoked.acme.AAAA", revision)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.replica.Wait(ctx, gone); err != nil {
			t.Fatal(err)
		}
		if r.View().Revoked(bearer(r, 1000)) {
			t.Errorf("%s: something is still refused", raw)
		}
	}
}

// Revocations are kept until no token that they can concern is valid.
func TestRevocationsEnd(t *testing.T) {
	r := open(t, t.TempDir())
	ctx := t.Context()
	now := time.Now()
	r.now = func() time.Time { return now }
	for _, v := range []*Revocation{{Org: "acme", Kind: "org"}, {Org: "acme", Kind: "tag", Value: "x", IssuedBefore: now.Add(-100 * 24 * time.Hour)}} {
		if err := r.Revocations.Add(ctx, v, "test"); err != nil {
			t.Fatal(err)
		}
	}
	// Of a token that begins later than now its end is known, and counts.
	late := &Revocation{Org: "acme", Kind: "token", Value: "late", Until: now.Add(700 * 24 * time.Hour)}
	if err := r.Revocations.Add(ctx, late, "test"); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ days, left int }{{265, 3}, {267, 2}, {365, 2}, {367, 1}, {700, 1}, {702, 0}} {
		r.now = func() time.Time { return now.Add(time.Duration(step.days) * 24 * time.Hour) }
		r.Revocations.expire(ctx)
		if got := r.View().Revocations(); got != step.left {
			t.Errorf("after %d days there are %d", step.days, got)
		}
	}
}

// Who asks is told of each revocation once, when it has come into force; not of
// those that were there at the start, and of those that this node has missed.
func TestOnRevoke(t *testing.T) {
	dir := t.TempDir()
	r := New(Settings{Dir: dir}, zap.NewNop())
	var told []string
	r.OnRevoke(func(v *Revocation) {
		if !r.View().revoked.values.has(r.View().revoked.hash(v), 1) {
			t.Errorf("%s is told before it is in force", v.Value)
		}
		told = append(told, v.Value)
	})
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	revoke := func(value string) {
		t.Helper()
		if err := r.Revocations.Add(t.Context(), &Revocation{Org: "acme", Kind: "tag", Value: value}, "test"); err != nil {
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
	again.OnRevoke(func(v *Revocation) { told = append(told, v.Value) })
	if err := again.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = again.Close() })
	if len(told) > 0 {
		t.Errorf("told at the start of %v, which are old", told)
	}
	missed := &Revocation{Org: "acme", Kind: "tag", Value: "three"}
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
// says: on a node that was up, on one that was not, and not after it was taken
// back. A plan never delays what is revoked already.
func TestPlannedRevocation(t *testing.T) {
	dir := t.TempDir()
	r := New(Settings{Dir: dir}, zap.NewNop())
	told := make(chan string, 10)
	r.OnRevoke(func(v *Revocation) { told <- v.Value })
	var changed atomic.Int64
	r.OnChange(func() { changed.Add(1) })
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	plan := func(value string, from time.Time) *Revocation {
		t.Helper()
		v := &Revocation{Org: "acme", Kind: "tag", Value: value, From: from}
		if err := r.Revocations.Add(t.Context(), v, "test"); err != nil {
			t.Fatal(err)
		}
		return v
	}
	revoked := func(r *Registry, value string) bool {
		return r.View().Revoked(&access.Subject{Org: "acme", Stream: "cam", Tag: hasherOf(r).Hash("tag", "acme", value), IssuedAt: 1000})
	}
	hour := time.Now().Add(time.Hour)

	changes, from := changed.Load(), time.Now().Add(300*time.Millisecond)
	plan("soon", from)
	if revoked(r, "soon") && time.Now().Before(from) {
		t.Error("it holds before its time")
	}
	far := time.Now().Add(30 * 24 * time.Hour)
	if v := plan("far", far); !v.Until.After(far.Add(365 * 24 * time.Hour)) {
		t.Errorf("it is forgotten at %v", v.Until)
	}
	if got := <-told; got != "soon" || time.Now().Before(from) || !revoked(r, "soon") {
		t.Errorf("%s began at %v instead of %v", got, time.Now(), from)
	}
	if changed.Load() < changes+2 {
		t.Error("what runs is not judged again when it begins")
	}

	undone := plan("undone", hour)
	if err := r.Revocations.Undo(t.Context(), "acme", undone.ID(), "test"); err != nil {
		t.Fatal(err)
	}
	if r.View().revoked.planned[undone.key()] != nil {
		t.Error("a timer is left of what was taken back")
	}
	r.View().begin(undone) // by a timer that could not be stopped any more
	plan("later", hour)
	plan("later", time.Time{})
	plan("now", time.Time{})
	plan("now", hour)
	plan("sooner", hour)
	plan("sooner", time.Now().Add(time.Millisecond))
	for _, value := range []string{"later", "now", "sooner"} {
		if got := <-told; got == "now" {
			<-told // said twice
		} else if got != value {
			t.Errorf("%s is told instead of %s", got, value)
		}
		if !revoked(r, value) {
			t.Errorf("%s does not hold", value)
		}
	}
	last := plan("last", time.Now().Add(20*time.Millisecond))
	if got := <-told; got != "last" {
		t.Errorf("%s is told instead of last", got)
	}
	r.View().begin(last)
	if len(told) > 0 {
		t.Errorf("%s is told twice", <-told)
	}
	if revoked(r, "undone") {
		t.Error("what was taken back holds")
	}

	plan("down", time.Now().Add(50*time.Millisecond))
	plan("up", hour)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, dir)
	kvtest.Eventually(t, "what began meanwhile", func() bool { return revoked(again, "down") })
	if revoked(again, "up") {
		t.Error("a plan holds after a restart")
	}
	again.View().revoked.now = func() time.Time { return hour }
	again.View().Reset(again.View().All())
	if !revoked(again, "up") {
		t.Error("its time has come, and it does not hold")
	}

	record := &Token{Org: "acme", ID: "t1", Tag: "up", User: "ann", Created: time.Now(), Expires: hour.Add(time.Hour)}
	if status := again.Revocations.StatusOf(record, time.Now()); status != StatusActive {
		t.Errorf("status %s", status)
	}
	if status := again.Revocations.StatusOf(record, hour); status != StatusRevoked {
		t.Errorf("status %s when it is time", status)
	}
	if v := again.Revocations.Of(record); v == nil || v.Value != "up" {
		t.Errorf("revoked by %v", v)
	}
	if err := again.Revocations.Add(t.Context(), &Revocation{Org: "acme", Kind: "user", Value: "ann"}, "test"); err != nil {
		t.Fatal(err)
	}
	if v := again.Revocations.Of(record); v == nil || v.Kind != "user" {
		t.Errorf("revoked by %v, and another holds now", v)
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
		x := Revocation{Header: Header{Schema: schema}, Org: []string{"acme", "beta"}[i%2], Kind: []string{byTag, byUser, byToken}[i%3], Value: fmt.Sprint(i), At: begin.Add(time.Duration(i/2) * time.Hour), Until: begin.Add(1000 * time.Hour)}
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
