package registry

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/playgate/playgate/module/internal/kv"
	"github.com/playgate/playgate/module/internal/kv/kvtest"
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
	r := New(Settings{Dir: dir, URLs: []string{n.URL()}}, zaptest.NewLogger(t, zaptest.Level(zap.ErrorLevel)))
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

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
		kvtest.Eventually(t, "the view", func() bool { return r.View().Complete() && len(r.View().Keys()) == 2 && len(r.View().Sessions()) == 1 })
	}
	if a.View().Keys()[0].ID != b.View().Keys()[0].ID {
		t.Error("two nodes have keys of their own")
	}
	if err := a.CreateOrg(t.Context(), &Org{Hash: "acme", Secure: "off"}, "test"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	kvtest.Eventually(t, "the organisation on the other node", func() bool { _, err := b.Org("acme"); return err == nil })
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %s", took)
	}
	kvtest.Eventually(t, "signs of life", func() bool { return time.Since(b.Seen()) < 2*beatEvery })
	kvtest.Eventually(t, "the copy", func() bool {
		_, entries, err := readCopy(dirs[1])
		return err == nil && slices.ContainsFunc(entries, func(e kv.Entry) bool { return e.Key == orgKey("acme") })
	})

	n.Stop()
	kvtest.Eventually(t, "the view to become stale", func() bool { return time.Since(b.Seen()) > 2*beatEvery })
	if word := b.View().Secure("acme", b.now()); word != Off {
		t.Errorf("cut off, the word is %d", word)
	}
	began = time.Now()
	if err := b.CreateOrg(t.Context(), &Org{Hash: "beta"}, "test"); !errors.Is(err, ErrUnavailable) {
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
	if age := time.Since(cold.Seen()); age < beatEvery {
		t.Errorf("at a cold start the view is %s old", age)
	}
	if err := cold.Close(); err != nil {
		t.Fatal(err)
	}
	head, entries, err := readCopy(dirs[1])
	if err != nil {
		t.Fatal(err)
	}
	head.Seen = time.Now().Add(-MaxCopyAge - time.Minute)
	if _, err := writeCopy(dirs[1], head, entries); err != nil {
		t.Fatal(err)
	}
	if old := n.edge(t, dirs[1]); old.View().Complete() {
		t.Error("a copy that is too old counts")
	}

	n.Start(t)
	kvtest.Eventually(t, "the node to follow again", func() bool { return time.Since(a.Seen()) < beatEvery })
	if _, err := a.ChangeOrg(t.Context(), "acme", "test", "org.change", nil, func(o *Org) error { o.Secure = "on"; return nil }); err != nil {
		t.Fatal(err)
	}
	kvtest.Eventually(t, "the change on the other node", func() bool { return early.View().Secure("acme", early.now()) == On })
}

// deafBucket is a bucket whose running watches bring nothing more, once it is
// deaf; those that begin later do.
type deafBucket struct {
	kv.Bucket
	now atomic.Bool
}

func (b *deafBucket) Watch(ctx context.Context, after uint64) (<-chan kv.Entry, error) {
	b.now.Store(false)
	from, err := b.Bucket.Watch(ctx, after)
	if err != nil {
		return nil, err
	}
	to := make(chan kv.Entry)
	go func() {
		defer close(to)
		for e := range from {
			if b.now.Load() {
				continue
			}
			select {
			case to <- e:
			case <-ctx.Done():
				return
			}
		}
	}()
	return to, nil
}

// A watch that is silent without an error is begun anew, and nothing is lost.
func TestSilentWatch(t *testing.T) {
	n := newNATS(t)
	n.Start(t)
	a := n.edge(t, t.TempDir())
	b := New(Settings{Dir: t.TempDir(), URLs: []string{n.URL()}}, zap.NewNop())
	deaf := &deafBucket{Bucket: b.edges.Bucket}
	b.edges.Bucket = deaf
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	kvtest.Eventually(t, "the view", func() bool { return a.View().Complete() && b.View().Complete() })
	// As the library's watcher after a server of a cluster has died: the
	// connection stands, and nothing arrives.
	deaf.now.Store(true)
	if err := a.CreateOrg(t.Context(), &Org{Hash: "acme"}, "test"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	kvtest.Eventually(t, "the change", func() bool { _, err := b.Org("acme"); return err == nil })
	t.Logf("it took %s", time.Since(began))
	if time.Since(began) < beatLost/2 {
		t.Error("the watch was not silent")
	}
}
