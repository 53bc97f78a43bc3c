package cache

import (
	"sync"
	"testing"

	"github.com/playgate/playgate/module/internal/cluster"
)

// The caches of a process share one store. The largest amount counts, what is stored
// outlives a reload, and the last cache that leaves frees it.
func TestMemoryOfTheProcess(t *testing.T) {
	join := func(h *Handler, bytes int64) *store {
		t.Helper()
		s, err := acquire(h, bytes)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	leave := func(h *Handler) {
		t.Helper()
		if err := release(h); err != nil {
			t.Fatal(err)
		}
	}
	largest := func(s *store, bytes int64, caches int) {
		t.Helper()
		s.mu.Lock()
		defer s.mu.Unlock()
		if n := len(current().amounts); s.most != bytes/8 || n != caches {
			t.Errorf("the largest object may have %d bytes, of %d caches; want %d of %d", s.most, n, bytes/8, caches)
		}
	}
	if current() != nil {
		t.Fatal("there is a store without a cache")
	}
	a, b, reloaded := new(Handler), new(Handler), new(Handler)
	first := join(a, 16<<20)
	largest(first, 16<<20, 1)
	if join(b, 64<<20) != first {
		t.Fatal("a second cache has a store of its own")
	}
	largest(first, 64<<20, 2)
	first.put(key{uri: "/x"}, &object{kind: uncached})
	if join(reloaded, 32<<20) != first {
		t.Fatal("a reload has a store of its own")
	}
	leave(a)
	leave(b)
	largest(first, 32<<20, 1)
	if first.find(key{uri: "/x"}) == nil {
		t.Error("what was stored is gone after a reload")
	}
	if n := purge(func(c *cluster.Cached) bool { return c.URI == "/x" }); n != 0 || first.find(key{uri: "/x"}) != nil {
		t.Errorf("a purge counts %d answers where there is a note alone, or leaves that", n)
	}
	leave(reloaded)
	if current() != nil {
		t.Error("the store is there after the last cache has left")
	}
	if purge(func(*cluster.Cached) bool { return true }) != 0 {
		t.Error("a purge without a cache forgets something")
	}
	if join(a, 16<<20) == first {
		t.Error("a store has come back")
	}
	leave(a)
}

// Caches come and go at the same time.
func TestMemoryOfManyCaches(t *testing.T) {
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				h := new(Handler)
				s, err := acquire(h, 16<<20)
				if err != nil {
					t.Error(err)
					return
				}
				s.find(key{uri: "/x"})
				if err := release(h); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if current() != nil {
		t.Error("caches are left")
	}
}
