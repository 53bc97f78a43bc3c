package registry

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
)

// natsServer is a server as an operator has one.
type natsServer struct {
	dir  string
	port int
	s    *server.Server
}

func newNATS(t *testing.T) *natsServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &natsServer{dir: t.TempDir(), port: l.Addr().(*net.TCPAddr).Port}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.stop)
	return n
}

func (n *natsServer) url() string { return fmt.Sprintf("nats://127.0.0.1:%d", n.port) }

func (n *natsServer) start(t *testing.T) {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: n.port, JetStream: true, StoreDir: n.dir, NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	go s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server does not start")
	}
	n.s = s
}

func (n *natsServer) stop() {
	if n.s != nil {
		n.s.Shutdown()
		n.s.WaitForShutdown()
		n.s = nil
	}
}

// edge is a registry on the server, with a directory of its own.
func (n *natsServer) edge(t *testing.T, dir string) *Registry {
	t.Helper()
	r := New(Settings{Dir: dir, URLs: []string{n.url()}}, zaptest.NewLogger(t, zaptest.Level(zap.ErrorLevel)))
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// served is a registry on a server of its own, when its view is there.
func served(t *testing.T) (*natsServer, *Registry) {
	t.Helper()
	n := newNATS(t)
	n.start(t)
	r := n.edge(t, t.TempDir())
	eventually(t, "the view", func() bool { return r.View().Complete() && len(r.View().Keys()) == 2 })
	return n, r
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited 20 s for %s", what)
		}
	}
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
	n.start(t)
	a, b := n.edge(t, dirs[0]), n.edge(t, dirs[1])
	for _, r := range []*Registry{early, a, b} {
		eventually(t, "the view", func() bool { return r.View().Complete() && len(r.View().Keys()) == 2 && len(r.View().Sessions()) == 1 })
	}
	if a.View().Keys()[0].ID != b.View().Keys()[0].ID {
		t.Error("two nodes have keys of their own")
	}
	if err := a.CreateOrg(t.Context(), &Org{Hash: "acme", Secure: "off"}, "test"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	eventually(t, "the organisation on the other node", func() bool { _, err := b.Org("acme"); return err == nil })
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %s", took)
	}
	eventually(t, "signs of life", func() bool { return time.Since(b.Seen()) < 2*beatEvery })
	eventually(t, "the copy", func() bool {
		_, entries, err := readCopy(dirs[1])
		return err == nil && slices.ContainsFunc(entries, func(e Entry) bool { return e.Key == orgKey("acme") })
	})

	n.stop()
	eventually(t, "the view to become stale", func() bool { return time.Since(b.Seen()) > 2*beatEvery })
	if word := b.View().Secure("acme", b.now()); word != Off {
		t.Errorf("cut off, the word is %d", word)
	}
	began = time.Now()
	if err := b.CreateOrg(t.Context(), &Org{Hash: "beta"}, "test"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a change while cut off: %v", err)
	}
	if took := time.Since(began); took > writePatience+writeTry+time.Second {
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

	n.start(t)
	eventually(t, "the node to follow again", func() bool { return time.Since(a.Seen()) < beatEvery })
	if _, err := a.ChangeOrg(t.Context(), "acme", "test", "org.change", nil, func(o *Org) error { o.Secure = "on"; return nil }); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the change on the other node", func() bool { return early.View().Secure("acme", early.now()) == On })
}

// deafBucket is a bucket whose running watches bring nothing more, once it is
// deaf; those that begin later do.
type deafBucket struct {
	Bucket
	now atomic.Bool
}

func (b *deafBucket) Watch(ctx context.Context, after uint64) (<-chan Entry, error) {
	b.now.Store(false)
	from, err := b.Bucket.Watch(ctx, after)
	if err != nil {
		return nil, err
	}
	to := make(chan Entry)
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
	n.start(t)
	a := n.edge(t, t.TempDir())
	b := New(Settings{Dir: t.TempDir(), URLs: []string{n.url()}}, zap.NewNop())
	deaf := &deafBucket{Bucket: b.edges.bucket}
	b.edges.bucket = deaf
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	eventually(t, "the view", func() bool { return a.View().Complete() && b.View().Complete() })
	// As the library's watcher after a server of a cluster has died: the
	// connection stands, and nothing arrives.
	deaf.now.Store(true)
	if err := a.CreateOrg(t.Context(), &Org{Hash: "acme"}, "test"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	eventually(t, "the change", func() bool { _, err := b.Org("acme"); return err == nil })
	t.Logf("it took %s", time.Since(began))
	if time.Since(began) < beatLost/2 {
		t.Error("the watch was not silent")
	}
}
