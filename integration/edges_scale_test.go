package integration_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/playgate/playgate/integration/harness"
)

// fillRevocations writes revocations of tokens that nobody has into the bucket.
func (f *fleet) fillRevocations(t *testing.T, n int) {
	t.Helper()
	now := time.Now().UTC()
	for i := range n {
		id := fmt.Sprintf("gone%012d", i)
		record := fmt.Sprintf(`{"schema":2,"id":%q,"org":"org1","kind":"token","value":%q,"reason":"posted in a forum","at":%q,"by":"test","until":%q}`,
			id, id, now.Format(time.RFC3339), now.Add(400*24*time.Hour).Format(time.RFC3339))
		if _, err := f.js.PublishAsync("$KV.playgate.revoked.org1."+id, []byte(record), jetstream.WithStallWait(time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-f.js.PublishAsyncComplete():
	case <-time.After(5 * time.Minute):
		t.Fatal("the bucket does not take the revocations")
	}
}

// manyRevocations are present in the tests of what happens then.
const manyRevocations = 100_000

// Revocation on any edge acts on all of them within two seconds, with many
// present, and a stream that runs on another edge ends within three. An edge that
// starts meanwhile, or is killed amid all this, has forgotten none.
func TestEdgesRevokeAmongMany(t *testing.T) {
	origin := new(endless)
	f := &fleet{nats: harness.StartNATS(t, 3, "2m"), origin: harness.NewOrigin(t, muxed(origin))}
	f.js = f.nats.Client()
	f.add(t, harness.Binary(t), edgeSite)
	f.ready(t)
	f.edges[0].do(t, "org", "create", "org1")
	harness.Wait(t, "the log to say that the servers do not sync", func() bool {
		return strings.Count(f.edges[0].Output(), "sync_interval: always into its jetstream block") == 3
	})
	began := time.Now()
	f.fillRevocations(t, manyRevocations)
	t.Logf("%d revocations written in %v", manyRevocations, time.Since(began))
	// From here on every write is synced.
	if err := f.edges[0].Stop(); err != nil {
		t.Fatal(err)
	}
	f.nats.Kill()
	f.nats.Sync("2m", "always")
	f.nats.Start()
	f.edges[0].Start()
	for range 4 {
		f.add(t, harness.Binary(t), edgeSite)
	}
	f.ready(t)
	harness.Wait(t, "the log to say that the servers sync", func() bool {
		return strings.Count(f.edges[0].Output(), "it syncs every write") == 3
	})
	for i, e := range f.edges {
		if n := e.revocations(t); n < manyRevocations {
			t.Errorf("edge %d knows %d revocations", i, n)
		}
	}

	t.Run("listed a page at a time", func(t *testing.T) {
		var list struct {
			Revocations []struct{ Value string }
			Next        string
		}
		for path, want := range map[string]int{
			"revocations?org=org1": 50, "revocations?limit=500": 500, "revocations?org=org1&kind=token&value=gone000000054321": 1,
		} {
			best := time.Minute
			for range 5 {
				list.Revocations, list.Next = nil, ""
				began := time.Now()
				f.edges[0].api(t, "GET", path, nil, &list)
				best = min(best, time.Since(began))
				if len(list.Revocations) != want || (list.Next == "") != (want == 1) {
					t.Fatalf("%s: %d, next %q", path, len(list.Revocations), list.Next)
				}
			}
			t.Logf("%s in %v", path, best)
			if best > time.Second {
				t.Errorf("%s takes %v", path, best)
			}
		}
	})

	t.Run("revoked everywhere", func(t *testing.T) {
		const rounds = 40
		tokens := f.edges[0].tokens(t, rounds)
		var mu sync.Mutex
		var took []time.Duration
		for i, token := range tokens {
			on := f.edges[i%len(f.edges)]
			if !on.revoke(t, token) {
				t.Fatal("a revocation is not acknowledged")
			}
			acknowledged := time.Now()
			f.everywhere(func(_ int, e *edge) {
				d := e.converge(t, acknowledged, []string{token})
				mu.Lock()
				defer mu.Unlock()
				took = append(took, d)
			})
		}
		slices.Sort(took)
		p99 := took[len(took)*99/100]
		t.Logf("%d revocations on 5 edges: p50 %v, p99 %v, last %v after they were acknowledged", rounds, took[len(took)/2], p99, took[len(took)-1])
		if p99 > convergesWithin {
			t.Errorf("p99 is %v", p99)
		}
	})

	t.Run("what runs elsewhere ends", func(t *testing.T) {
		token := f.edges[1].tokens(t, 1)[0]
		over := make([]<-chan time.Time, len(f.edges))
		for i, e := range f.edges {
			over[i], _ = crowd(t, e.Server, 20, "/live/org1/cam/stall?token="+token)
		}
		if !f.edges[1].revoke(t, token) {
			t.Fatal("the revocation is not acknowledged")
		}
		acknowledged := time.Now()
		for i := range over {
			took := (<-over[i]).Sub(acknowledged)
			t.Logf("the last of 20 streams on edge %d ended after %v", i, took)
			if took > 3*time.Second {
				t.Errorf("edge %d ended its streams after %v", i, took)
			}
		}
		harness.Wait(t, "the origin to be rid of them", func() bool { return origin.open.Load() == 0 })
	})

	t.Run("killed while it writes its view", func(t *testing.T) {
		victim := f.edges[4]
		tokens := f.edges[0].tokens(t, 12)
		good := f.edges[0].tokens(t, 1)[0]
		startAlone := func(what string, revoked []string) {
			for _, way := range victim.ways {
				way.Reset()
			}
			victim.Start()
			for _, token := range revoked {
				if got := victim.status(target(token)); got != http.StatusUnauthorized {
					t.Errorf("%s, and with the store down, a revoked token is answered with %d", what, got)
				}
			}
		}
		for round := range 3 {
			now := tokens[4*round : 4*round+4]
			for _, token := range now {
				if !f.edges[round].revoke(t, token) {
					t.Fatal("a revocation is not acknowledged")
				}
			}
			victim.converge(t, time.Now(), now) // it has acted upon them
			victim.Kill()
			startAlone("after kill -9", tokens[:4*round+4])
			if got := victim.status(target(good)); got != http.StatusOK {
				t.Errorf("round %d: a good token is answered with %d", round, got)
			}
			if n := victim.revocations(t); n < manyRevocations {
				t.Errorf("round %d: it knows %d revocations", round, n)
			}
			for _, way := range victim.ways {
				way.Heal()
			}
			// Killed again: at once, when it has begun to follow, and while it writes
			// the copy.
			switch round {
			case 1:
				harness.Wait(t, "the edge to follow", func() bool { s := victim.staleness(t); return s >= 0 && s < 2 })
			case 2:
				before, err := os.Stat(filepath.Join(victim.dir, "view"))
				if err != nil {
					t.Fatal(err)
				}
				harness.Wait(t, "the copy to be written", func() bool {
					files, err := filepath.Glob(filepath.Join(victim.dir, ".new-view-*"))
					now, gone := os.Stat(filepath.Join(victim.dir, "view"))
					return err == nil && len(files) > 0 || gone == nil && !os.SameFile(before, now) // or it was written between two looks
				})
			}
			victim.Kill()
			startAlone("killed at its start", tokens[:4*round+4])
			for _, way := range victim.ways {
				way.Heal()
			}
			harness.Wait(t, "the edge to follow again", func() bool { s := victim.staleness(t); return s >= 0 && s < 2 })
		}
		f.consumers(t)
		harness.Wait(t, "what killed processes have left to be gone", func() bool {
			files, err := os.ReadDir(victim.dir)
			if err != nil {
				t.Fatal(err)
			}
			return len(files) <= 4 // lock, seal.key, view and its journal
		})
	})

	// To read so much takes longer than anything is waited for elsewhere.
	t.Run("an edge on a slow line", func(t *testing.T) {
		e := f.edges[4]
		e.Kill()
		if err := os.RemoveAll(e.dir); err != nil {
			t.Fatal(err)
		}
		for _, way := range e.ways {
			way.Narrow(slowLine)
		}
		before := len(e.Output())
		began := time.Now()
		e.Start()
		if !harness.Eventually(2*time.Minute, func() bool { return e.status("/readyz") == http.StatusOK }) {
			t.Fatal("it does not become ready")
		}
		took := time.Since(began)
		t.Logf("ready after %v", took)
		if took < 14*time.Second {
			t.Errorf("that is no slow line")
		}
		if n := e.revocations(t); n < manyRevocations {
			t.Errorf("it knows %d revocations", n)
		}
		// With a kept copy it serves at once, and follows when it has compared that
		// with the store.
		harness.Wait(t, "the copy to be kept", func() bool {
			_, err := os.Stat(filepath.Join(e.dir, "view"))
			return err == nil
		})
		token := f.edges[0].tokens(t, 1)[0]
		e.Kill()
		e.Start()
		if got := e.status(target(token)); got != http.StatusOK {
			t.Errorf("a good token is answered with %d", got)
		}
		if !f.edges[0].revoke(t, token) {
			t.Fatal("not acknowledged")
		}
		if !harness.Eventually(2*time.Minute, func() bool { return e.status(target(token)) == http.StatusUnauthorized }) {
			t.Error("it does not follow")
		}
		t.Logf("followed %v after it was started again", time.Since(began)-took)
		said := e.Output()[before:]

		// The comparison after a gap takes the line too, once: it makes no gap itself.
		for _, way := range e.ways {
			way.Reset()
		}
		harness.Wait(t, "the servers to be missed", func() bool { return e.staleness(t) > 2 })
		for _, way := range e.ways {
			way.Heal()
		}
		calm := time.Now()
		if !harness.Eventually(2*time.Minute, func() bool {
			if e.staleness(t) > 1.5 {
				calm = time.Now()
			}
			return time.Since(calm) > 15*time.Second // another one would have begun within ten
		}) {
			t.Error("it compares again and again")
		}
		if strings.Contains(said, "is lost") || strings.Contains(said, "another server") {
			t.Error("it has begun anew meanwhile")
		}
		f.consumers(t)
	})
}

// slowLine is what passes in a second, in bytes.
const slowLine = 3 << 20

// revocations is how many the edge knows.
func (e *edge) revocations(t *testing.T) int {
	t.Helper()
	var status struct {
		Instance string
		Nodes    []struct {
			Name        string
			Revocations int
		}
	}
	e.api(t, "GET", "status", nil, &status)
	for _, n := range status.Nodes {
		if n.Name == status.Instance {
			return n.Revocations
		}
	}
	return -1
}

// muxed answers like endless where a path says so, and else at once.
func muxed(e *endless) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/stall") {
			e.ServeHTTP(w, r)
			return
		}
		_, _ = io.WriteString(w, "origin\n")
	})
}

// An edge that starts for the first time while the store is down answers 503 and
// serves once there is a view; one with a kept view serves at once, and says how
// old that is. With stale_after it refuses when it has become too old.
func TestEdgesStartWithoutTheStore(t *testing.T) {
	t.Parallel()
	f := startFleet(t, 1, nil)
	f.edges[0].do(t, "org", "create", "org1")
	tokens := f.edges[0].tokens(t, 2)
	good, gone := tokens[0], tokens[1]
	if !f.edges[0].revoke(t, gone) {
		t.Fatal("not acknowledged")
	}
	kept := f.edges[0]
	f.nats.Kill()
	fresh := f.add(t, harness.Binary(t), edgeSite)
	strict := f.add(t, harness.Binary(t), strings.Replace(edgeSite, "\tplaygate {\n\t\tstore", "\tplaygate {\n\t\tstale_after 6s deny\n\t\tstore", 1))
	for what, e := range map[string]*edge{"a fresh edge": fresh, "a strict one": strict} {
		for _, path := range []string{target(good), target(gone), target("nonsense"), "/readyz"} {
			if got := e.status(path); got != http.StatusServiceUnavailable && path != target("nonsense") {
				t.Errorf("%s answers %.40s with %d while nothing is known", what, path, got)
			}
		}
		if got := e.status("/healthz"); got != http.StatusOK {
			t.Errorf("%s: /healthz is %d", what, got)
		}
	}
	if err := kept.Stop(); err != nil {
		t.Fatal(err)
	}
	kept.Start()
	began := time.Now()
	for path, want := range map[string]int{target(good): http.StatusOK, target(gone): http.StatusUnauthorized, "/readyz": http.StatusOK} {
		if got := kept.status(path); got != want {
			t.Errorf("an edge with a kept view answers %.40s with %d instead of %d", path, got, want)
		}
	}
	t.Logf("with a kept view it served within %v of listening", time.Since(began))
	if s := kept.staleness(t); s <= 0 {
		t.Errorf("a kept view is %v s old", s)
	}

	f.nats.Start()
	healed := time.Now()
	f.ready(t)
	t.Logf("all edges were ready %v after the servers were", time.Since(healed))
	for i, e := range f.edges {
		for path, want := range map[string]int{target(good): http.StatusOK, target(gone): http.StatusUnauthorized} {
			if got := e.status(path); got != want {
				t.Errorf("edge %d answers %.40s with %d instead of %d", i, path, got, want)
			}
		}
	}

	// Cut off for longer than stale_after.
	f.nats.Kill()
	cut := time.Now()
	harness.Wait(t, "the strict edge to refuse", func() bool { return strict.status(target(good)) == http.StatusServiceUnavailable })
	if after := time.Since(cut); after < 4*time.Second {
		t.Errorf("the strict edge refuses after %v", after)
	}
	if got := strict.status("/readyz"); got != http.StatusServiceUnavailable {
		t.Errorf("/readyz of the strict edge is %d", got)
	}
	if got := fresh.status(target(good)); got != http.StatusOK {
		t.Errorf("the other edge answers with %d", got)
	}
	f.nats.Start()
	harness.Wait(t, "the strict edge to serve again", func() bool { return strict.status(target(good)) == http.StatusOK })
	f.consumers(t)
}

// Cluster buckets are kept on three servers.
func TestEdgesKeepThreeReplicas(t *testing.T) {
	f := startFleet(t, 1, nil)
	for _, bucket := range []string{"playgate", "playgate_issuing", "playgate_audit"} {
		info := f.nats.Bucket(f.js, bucket)
		if info == nil || info.Config.Replicas != 3 || info.Config.AllowDirect {
			t.Errorf("%s: %+v", bucket, info)
		}
	}
}
