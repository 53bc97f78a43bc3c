package registry

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/kv"
	"github.com/playgate/playgate/module/internal/kv/kvtest"
	"github.com/playgate/playgate/module/internal/replica"
)

func revoke(t *testing.T, r *Registry, id string) {
	t.Helper()
	if err := r.Revocations.Add(t.Context(), &Condition{Org: "acme", Kind: byToken, Value: id}, time.Time{}, "test"); err != nil {
		t.Fatal(err)
	}
}

func revoked(r *Registry, id string) bool { return len(r.Revocations.OfToken("acme", id)) > 0 }

// Servers that were put in the place of others, with nothing on their disks, make
// no edge forget what was revoked. What they say is added to it, and nothing is
// changed through an edge that knows better, until its operator accepts the loss.
func TestServersMadeAnew(t *testing.T) {
	n := newNATS(t)
	n.Start(t)
	dir, dir2 := t.TempDir(), t.TempDir()
	knows, accepts := n.impatient(t, dir), n.impatient(t, dir2)
	kvtest.Eventually(t, "the view", func() bool { return knows.View().Complete() && len(knows.View().Keys()) == 2 })
	// Later than anything that the servers will know when they are new.
	for i := range 200 {
		revoke(t, knows, fmt.Sprintf("before%d", i))
	}
	revoke(t, knows, "leaked")
	kvtest.Eventually(t, "the other node to know it", func() bool { return revoked(accepts, "leaked") })
	n.Stop()
	if err := os.RemoveAll(n.Dir); err != nil {
		t.Fatal(err)
	}
	n.Start(t)
	fresh := n.impatient(t, t.TempDir())
	kvtest.Eventually(t, "the other view", func() bool { return fresh.View().Complete() && len(fresh.View().Keys()) == 2 })
	kvtest.Eventually(t, "the damage", func() bool { return errors.Is(knows.Writable(), replica.ErrDamaged) })
	if text := knows.Writable().Error(); !strings.Contains(text, "made anew") || !strings.Contains(text, "touch "+filepath.Join(dir, replica.AcceptFile)) {
		t.Errorf("the error is %s", text)
	}
	if !revoked(knows, "leaked") || revoked(fresh, "leaked") {
		t.Error("what was revoked was forgotten, or was not lost")
	}
	revoke(t, fresh, "new")
	kvtest.Eventually(t, "what the others revoke", func() bool { return revoked(knows, "new") })
	if !revoked(knows, "leaked") {
		t.Error("what was revoked was forgotten later")
	}
	if err := knows.Revocations.Add(t.Context(), &Condition{Org: "acme", Kind: byToken, Value: "x"}, time.Time{}, "test"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a change: %v", err)
	}

	// The loss is accepted while what was lost is later than all that is there.
	kvtest.Eventually(t, "the damage on the other node", func() bool { return errors.Is(accepts.Writable(), replica.ErrDamaged) })
	if err := os.WriteFile(filepath.Join(dir2, replica.AcceptFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	kvtest.Eventually(t, "the loss to be accepted", func() bool { return accepts.Writable() == nil && !revoked(accepts, "leaked") })

	// So it is after a restart, when there is more than was lost.
	for i := range 300 {
		revoke(t, fresh, fmt.Sprintf("after%d", i))
	}
	if err := knows.Close(); err != nil {
		t.Fatal(err)
	}
	knows = n.impatient(t, dir)
	if !revoked(knows, "leaked") {
		t.Error("what was revoked was forgotten by a restart")
	}
	kvtest.Eventually(t, "the damage after a restart", func() bool { return errors.Is(knows.Writable(), replica.ErrDamaged) })
	revoke(t, fresh, "meanwhile")
	kvtest.Eventually(t, "what the others revoke after a restart", func() bool { return revoked(knows, "meanwhile") })
	if !revoked(knows, "leaked") {
		t.Error("what was revoked was forgotten after a restart")
	}

	if err := os.WriteFile(filepath.Join(dir, replica.AcceptFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	kvtest.Eventually(t, "the loss to be accepted", func() bool { return knows.Writable() == nil && !revoked(knows, "leaked") })
	if !revoked(knows, "new") {
		t.Error("what the servers say was forgotten")
	}
	revoke(t, knows, "later")
	kvtest.Eventually(t, "the change on the other edge", func() bool { return revoked(fresh, "later") })
}

// Servers whose disks were set back to what they had been make no edge forget what
// was revoked since.
func TestServersSetBack(t *testing.T) {
	n := newNATS(t)
	n.Start(t)
	r := n.impatient(t, t.TempDir())
	kvtest.Eventually(t, "the view", func() bool { return r.View().Complete() && len(r.View().Keys()) == 2 })
	revoke(t, r, "before")
	n.Stop()
	former := t.TempDir()
	if err := os.CopyFS(former, os.DirFS(n.Dir)); err != nil {
		t.Fatal(err)
	}
	n.Start(t)
	kvtest.Eventually(t, "the node to follow again", func() bool { return time.Since(r.Seen()) < 3*beat })
	for i := range 50 {
		revoke(t, r, fmt.Sprintf("since%d", i))
	}
	n.Stop()
	if err := os.RemoveAll(n.Dir); err != nil {
		t.Fatal(err)
	}
	n.Dir = former
	n.Start(t)
	kvtest.Eventually(t, "the damage", func() bool { return errors.Is(r.Writable(), replica.ErrDamaged) })
	if text := r.Writable().Error(); !strings.Contains(text, "changes are missing") {
		t.Errorf("the error is %s", text)
	}
	if !revoked(r, "before") || !revoked(r, "since49") {
		t.Error("what was revoked was forgotten")
	}
}

// An issuing bucket that was made anew is read anew by those who list tokens.
func TestIssuingBucketMadeAnew(t *testing.T) {
	_, r := served(t)
	secret, err := r.APIKeys.Create(t.Context(), &APIKey{Role: Admin}, "test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.APIKeys.Authenticate(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(r.store.Conn())
	if err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteKeyValue(t.Context(), DefaultBucket+"_issuing"); err != nil {
		t.Fatal(err)
	}
	if err := r.store.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	kvtest.Eventually(t, "the API key to be forgotten", func() bool { _, err := r.APIKeys.Authenticate(t.Context(), secret); return err != nil })
}

// A snapshot of a server that is behind takes nothing away that is known of later
// changes; one of a store that has lost something takes nothing away at all.
func TestSnapshotsThatAreBehind(t *testing.T) {
	entry := func(org string, revision uint64) kv.Entry {
		return kv.Entry{Key: orgKey(org), Value: []byte(`{"schema":1,"org":"` + org + `","secure":"off"}`), Revision: revision}
	}
	gone := entry("a", 9)
	gone.Deleted = true
	for _, tc := range []struct {
		what string
		take func(*View, []kv.Entry)
		want map[string]bool
	}{
		{"reset", (*View).Reset, map[string]bool{"a": false, "b": false, "c": true, "d": true}},
		{"merge", (*View).Merge, map[string]bool{"a": true, "b": true, "c": true, "d": true}},
		{"replace", (*View).Replace, map[string]bool{"a": false, "b": false, "c": false, "d": true}},
	} {
		v := newView(zap.NewNop())
		v.Reset([]kv.Entry{entry("a", 1), entry("b", 2), entry("c", 7)})
		tc.take(v, []kv.Entry{entry("d", 5)})
		for org, want := range tc.want {
			if got := v.Secure(org, time.Now()) == Off; got != want {
				t.Errorf("%s: %s is known: %v", tc.what, org, got)
			}
		}
		// A record of which a later revision is known.
		former := entry("e", 4)
		former.Value = []byte(`{"schema":1,"org":"e","secure":"on"}`)
		v.Apply(entry("e", 8))
		tc.take(v, []kv.Entry{entry("d", 5), former})
		if got := v.Secure("e", time.Now()); (got == Off) != tc.want["c"] {
			t.Errorf("%s: a record of a later revision says %v", tc.what, got)
		}
		tc.take(v, []kv.Entry{entry("d", 5), gone})
		if v.Secure("a", time.Now()) == Off {
			t.Errorf("%s: what was deleted is there", tc.what)
		}
	}
}

// A change that comes again, or later than a newer one, changes nothing.
func TestChangesThatAreOld(t *testing.T) {
	v := newView(zap.NewNop())
	v.Reset(nil)
	entry := func(secure string, revision uint64) kv.Entry {
		return kv.Entry{Key: orgKey("a"), Value: []byte(`{"schema":1,"org":"a","secure":"` + secure + `"}`), Revision: revision}
	}
	v.Apply(entry("on", 5))
	for _, revision := range []uint64{4, 5} {
		v.Apply(entry("off", revision))
		if v.Secure("a", time.Now()) != On {
			t.Errorf("revision %d counts after 5", revision)
		}
	}
	v.Apply(entry("off", 6))
	if v.Secure("a", time.Now()) != Off {
		t.Error("revision 6 does not count")
	}
}

// All others are asked, and not who asks.
func TestAsk(t *testing.T) {
	n := newNATS(t)
	n.Start(t)
	var nodes []*Registry
	for i := range 3 {
		r := New(Settings{Dir: t.TempDir(), URLs: []string{n.URL()}}, zap.NewNop())
		r.Link.OnAsk(func(question []byte) []byte { return fmt.Appendf(question, " %d", i) })
		if err := r.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = r.Close() })
		nodes = append(nodes, r)
	}
	for i, r := range nodes {
		want := slices.Delete([]string{"who 0", "who 1", "who 2"}, i, i+1)
		kvtest.Eventually(t, "all others, and nobody else, to answer", func() bool {
			var got []string
			for _, answer := range r.Link.Ask([]byte("who")) {
				got = append(got, string(answer))
			}
			slices.Sort(got)
			return slices.Equal(got, want)
		})
	}
}
