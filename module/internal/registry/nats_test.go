package registry

import (
	"errors"
	"slices"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/playgate/playgate/module/internal/kv"
	"github.com/playgate/playgate/module/internal/kv/kvtest"
	"github.com/playgate/playgate/module/internal/replica"
)

// natsServer is a server as an operator has one.
type natsServer struct{ *kvtest.Server }

func newNATS(t *testing.T) natsServer {
	t.Helper()
	return natsServer{kvtest.New(t)}
}

// edge is a registry on the server, with a directory of its own.
func (n natsServer) edge(t *testing.T, dir string) *Registry {
	t.Helper()
	return n.start(t, Settings{Dir: dir})
}

// impatient is one that believes a damage soon.
func (n natsServer) impatient(t *testing.T, dir string) *Registry {
	t.Helper()
	return n.start(t, Settings{Dir: dir, damageLasts: time.Second})
}

func (n natsServer) start(t *testing.T, s Settings) *Registry {
	t.Helper()
	s.URLs = []string{n.URL()}
	r := New(s, zaptest.NewLogger(t, zaptest.Level(zap.ErrorLevel)))
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// beat is how long after the last sign of life another one is due.
const beat = 500 * time.Millisecond

// served is a registry on a server of its own, when its view is there.
func served(t *testing.T) (natsServer, *Registry) {
	t.Helper()
	n := newNATS(t)
	n.Start(t)
	r := n.edge(t, t.TempDir())
	kvtest.Eventually(t, "the view", func() bool { return r.View().Complete() && len(r.View().Keys()) == 2 })
	return n, r
}

// Two nodes share what servers of the operator's keep. One that is cut off goes
// on with what it knows and follows again by itself; one that starts while it
// is cut off knows what its copy says, if that is young.
func TestOperatorsServers(t *testing.T) {
	n := newNATS(t)
	dirs := [2]string{t.TempDir(), t.TempDir()}
	early := n.edge(t, t.TempDir()) // there is no server yet
	if early.View().Complete() {
		t.Error("something is known before the server is there")
	}
	n.Start(t)
	a, b := n.edge(t, dirs[0]), n.edge(t, dirs[1])
	for _, r := range []*Registry{early, a, b} {
		kvtest.Eventually(t, "the view", func() bool { return r.View().Complete() && len(r.View().Keys()) == 2 && len(sessionKeysOf(r)) == 1 })
	}
	if a.View().Keys()[0].ID != b.View().Keys()[0].ID {
		t.Error("two nodes have keys of their own")
	}
	if err := a.Orgs.Create(t.Context(), &Org{Hash: "acme", Secure: "off"}, "test"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	kvtest.Eventually(t, "the organisation on the other node", func() bool { _, err := b.Orgs.Get("acme"); return err == nil })
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %s", took)
	}
	kvtest.Eventually(t, "signs of life", func() bool { return time.Since(b.Seen()) < 2*beat })
	kvtest.Eventually(t, "the copy", func() bool {
		_, entries, err := replica.ReadCopy(dirs[1])
		return err == nil && slices.ContainsFunc(entries, func(e kv.Entry) bool { return e.Key == orgKey("acme") })
	})

	n.Stop()
	kvtest.Eventually(t, "the view to become stale", func() bool { return time.Since(b.Seen()) > 2*beat })
	if word := b.View().Secure("acme", b.now()); word != Off {
		t.Errorf("cut off, the word is %d", word)
	}
	began = time.Now()
	if err := b.Orgs.Create(t.Context(), &Org{Hash: "beta"}, "test"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a change while cut off: %v", err)
	}
	if took := time.Since(began); took > kv.WritePatience+kv.WriteTry+time.Second {
		t.Errorf("it took %s to say that nothing can be changed", took)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	cold := n.edge(t, dirs[1])
	if !cold.View().Complete() || cold.View().Secure("acme", cold.now()) != Off || len(cold.View().Keys()) != 2 {
		t.Error("the copy does not count at a cold start")
	}
	if age := time.Since(cold.Seen()); age < beat {
		t.Errorf("at a cold start the view is %s old", age)
	}
	if err := cold.Close(); err != nil {
		t.Fatal(err)
	}
	head, entries, err := replica.ReadCopy(dirs[1])
	if err != nil {
		t.Fatal(err)
	}
	head.Seen = time.Now().Add(-replica.MaxCopyAge - time.Minute)
	if _, err := replica.WriteCopy(dirs[1], head, entries); err != nil {
		t.Fatal(err)
	}
	if old := n.edge(t, dirs[1]); old.View().Complete() {
		t.Error("a copy that is too old counts")
	}

	n.Start(t)
	kvtest.Eventually(t, "the node to follow again", func() bool { return time.Since(a.Seen()) < beat })
	if _, err := a.Orgs.Change(t.Context(), "acme", "test", "org.change", nil, func(o *Org) error { o.Secure = "on"; return nil }); err != nil {
		t.Fatal(err)
	}
	kvtest.Eventually(t, "the change on the other node", func() bool { return early.View().Secure("acme", early.now()) == On })
}
