package replica

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/playgate/playgate/module/internal/kv"
	"github.com/playgate/playgate/module/internal/kv/kvtest"
)

// memory is a state of entries alone.
type memory struct {
	mu      sync.Mutex
	entries Entries
	changes uint64
}

func (m *memory) become(snapshot []kv.Entry) {
	m.entries = make(Entries)
	for _, e := range snapshot {
		m.entries.Apply(e)
	}
	m.changes++
}

func (m *memory) Reset(snapshot []kv.Entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.become(m.entries.Later(snapshot))
}

func (m *memory) Merge(snapshot []kv.Entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.become(m.entries.Best(snapshot))
}

func (m *memory) Replace(snapshot []kv.Entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.become(snapshot)
}

func (m *memory) Apply(e kv.Entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, changed := m.entries.Apply(e); changed {
		m.changes++
	}
}

func (m *memory) News(snapshot []kv.Entry) []kv.Entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.entries.News(snapshot)
}

func (m *memory) All() []kv.Entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.entries.Sorted()
}

func (m *memory) Changes() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changes
}

func (m *memory) Complete() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.entries != nil
}

func (m *memory) knows(key string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, known := m.entries[key]
	return known
}

func state(p *Replica) *memory { return p.State.(*memory) }

// node is a replica that does not run yet.
func node(t *testing.T, dir string, s kv.Settings) *Replica {
	t.Helper()
	logger := zaptest.NewLogger(t, zaptest.Level(zap.ErrorLevel))
	store := kv.NewStore(s, logger)
	return New(Config{
		Dir: dir, Store: store, State: new(memory), Logger: logger,
		Edge: store.Add(kv.BucketSettings{Name: "test"}), Issuing: store.Add(kv.BucketSettings{Name: "test_issuing"}), Probe: store.Add(kv.BucketSettings{Name: "test_audit"}),
	})
}

// on is where a server is.
func on(n *kvtest.Server) kv.Settings { return kv.Settings{URLs: []string{n.URL()}} }

// start starts a replica, and closes it with the test.
func start(t *testing.T, p *Replica) *Replica {
	t.Helper()
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// served is a replica on a server of its own, when its state is there.
func served(t *testing.T) *Replica {
	t.Helper()
	n := kvtest.New(t)
	n.Start(t)
	p := start(t, node(t, t.TempDir(), on(n)))
	kvtest.Eventually(t, "the state", p.State.Complete)
	return p
}

// create writes an entry, and waits until it is known.
func create(t *testing.T, p *Replica, key string) {
	t.Helper()
	revision, err := p.Edge.Create(t.Context(), key, []byte("1"))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(t.Context(), revision); err != nil {
		t.Fatal(err)
	}
}

// fill writes an entry into the edge bucket, and a hundred into the other.
func fill(t *testing.T, p *Replica) {
	t.Helper()
	create(t, p, "org.acme")
	for i := range 100 {
		if _, err := p.Issuing.Create(t.Context(), fmt.Sprintf("token.%d", i), []byte("1")); err != nil {
			t.Fatal(err)
		}
	}
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
	n := kvtest.New(t)
	n.Start(t)
	a, b := node(t, t.TempDir(), on(n)), node(t, t.TempDir(), on(n))
	deaf := &deafBucket{Bucket: b.follower.Bucket}
	b.follower.Bucket = deaf
	start(t, a)
	start(t, b)
	kvtest.Eventually(t, "the view", func() bool { return a.State.Complete() && b.State.Complete() })
	// As the library's watcher after a server of a cluster has died: the
	// connection stands, and nothing arrives.
	deaf.now.Store(true)
	create(t, a, "org.acme")
	began := time.Now()
	kvtest.Eventually(t, "the change", func() bool { return state(b).knows("org.acme") })
	t.Logf("it took %s", time.Since(began))
	if time.Since(began) < beatLost/2 {
		t.Error("the watch was not silent")
	}
}
