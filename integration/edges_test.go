package integration_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/playgate/playgate/integration/harness"
)

// edgeSite is the Caddyfile of an edge: a gate, and the records on NATS servers.
const edgeSite = "{\n" + globals + `
	metrics
	log default {
		format playgate json
	}
	playgate {
		store nats {$NATS} {
			monitor {$MONITOR}
		}
	}
}

` + addresses + ` {
	playgate_health
	playgate {
		` + liveRule + `
	}
	log {
		format playgate json
	}
	reverse_proxy {$ORIGIN} {
		stream_close_delay 1h
	}
}
`

// edge is one of many, with ways to the NATS servers that can be cut.
type edge struct {
	*harness.Server
	ways []*harness.Relay
	dir  string // where it keeps the view's copy and the seal key
}

// fleet is a cluster of NATS servers and edges that share it.
type fleet struct {
	nats   *harness.NATS
	js     jetstream.JetStream
	edges  []*edge
	origin *harness.Origin
}

// startFleet starts edges on three NATS servers, and waits until all are ready.
func startFleet(t *testing.T, edges int, handler http.Handler) *fleet {
	t.Helper()
	f := &fleet{nats: harness.StartNATS(t, 3, "always"), origin: harness.NewOrigin(t, handler)}
	f.js = f.nats.Client()
	// The first one makes the keys; the others get its seal key before they start.
	for range edges {
		f.add(t, harness.Binary(t), edgeSite)
		if len(f.edges) == 1 {
			f.ready(t)
		}
	}
	f.ready(t)
	return f
}

// add starts one more edge.
func (f *fleet) add(t *testing.T, binary, caddyfile string) *edge {
	t.Helper()
	data := t.TempDir()
	e := &edge{dir: filepath.Join(data, "caddy", "playgate")}
	if len(f.edges) > 0 {
		e.takeSealKey(t, f.edges[0].dir)
	}
	var urls, monitors []string
	for _, node := range f.nats.Nodes {
		way := harness.NewRelay(t, node.Addr)
		e.ways = append(e.ways, way)
		urls, monitors = append(urls, "nats://"+way.Addr), append(monitors, node.Monitor)
	}
	e.Server = harness.ServeWith(t, binary, caddyfile, harness.Env{
		"NATS": strings.Join(urls, " "), "MONITOR": strings.Join(monitors, " "), "ORIGIN": f.origin.Addr, "XDG_DATA_HOME": data,
	})
	f.edges = append(f.edges, e)
	return e
}

// takeSealKey copies the seal key of another edge's directory, so that this one
// makes tokens too.
func (e *edge) takeSealKey(t *testing.T, from string) {
	t.Helper()
	key, err := os.ReadFile(filepath.Join(from, "seal.key"))
	if err == nil {
		err = os.MkdirAll(e.dir, 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(e.dir, "seal.key"), key, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// ready waits until every edge says that it is.
func (f *fleet) ready(t *testing.T) {
	t.Helper()
	for i, e := range f.edges {
		harness.Wait(t, "edge "+strconv.Itoa(i)+" to be ready", func() bool { return e.status("/readyz") == http.StatusOK })
	}
}

// edgeClient keeps its connections: many requests ask who plays where.
var edgeClient = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// status is that of a target at the edge; 0 where there is no answer.
func (e *edge) status(target string) int {
	response, err := edgeClient.Get(e.Plain() + target)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

// api asks the edge's API as its operator, and returns the status.
func (e *edge) api(t *testing.T, method, path string, in, out any) int {
	t.Helper()
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+e.Admin+"/playgate/api/v1/"+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if in != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := edgeClient.Do(request)
	if err != nil {
		t.Logf("%s %s: %v", method, path, err)
		return 0
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	if response.StatusCode >= 300 {
		t.Logf("%s %s: %d %s", method, path, response.StatusCode, text)
	} else if out != nil {
		if err := json.Unmarshal(text, out); err != nil {
			t.Fatalf("%s %s: %v", method, path, err)
		}
	}
	return response.StatusCode
}

// do runs a command on an edge that has to succeed.
func (e *edge) do(t *testing.T, args ...string) string {
	t.Helper()
	return harness.MustPlaygate(t, append(args, "--address", e.Admin)...)
}

// tokens makes tokens for org1/cam at the edge.
func (e *edge) tokens(t *testing.T, n int) []string {
	t.Helper()
	list := make([]string, n)
	for i := range list {
		var made struct{ Token string }
		if status := e.api(t, "POST", "tokens", map[string]any{"org": "org1", "streams": []string{"cam"}}, &made); status != http.StatusCreated {
			t.Fatalf("making a token: status %d", status)
		}
		list[i] = made.Token
	}
	return list
}

// revoke revokes a token at the edge by its id, and reports whether that was
// acknowledged.
func (e *edge) revoke(t *testing.T, token string) bool {
	t.Helper()
	return e.api(t, "POST", "revocations", map[string]any{"org": "org1", "kind": "token", "value": harness.TokenID(t, token)}, nil) == http.StatusCreated
}

// staleness is how old the edge says that its view is, in seconds.
func (e *edge) staleness(t *testing.T) float64 {
	t.Helper()
	response, err := edgeClient.Get("http://" + e.Admin + "/metrics")
	if err != nil {
		return -1
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "playgate_store_staleness_seconds "); ok {
			seconds, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			return seconds
		}
	}
	return -1
}

// converge waits until an edge refuses all of some tokens, and returns how long
// that took since a moment.
func (e *edge) converge(t *testing.T, since time.Time, revoked []string) time.Duration {
	t.Helper()
	for _, token := range revoked {
		harness.Wait(t, "a revocation to arrive", func() bool { return e.status(target(token)) == http.StatusUnauthorized })
	}
	return time.Since(since)
}

// everywhere does something for each edge at the same time.
func (f *fleet) everywhere(do func(i int, e *edge)) {
	var all sync.WaitGroup
	for i, e := range f.edges {
		all.Go(func() { do(i, e) })
	}
	all.Wait()
}

// consumers waits until the servers have one consumer of the edge bucket for each
// edge, and no more.
func (f *fleet) consumers(t *testing.T) {
	t.Helper()
	last := -1
	ok := harness.Eventually(harness.Deadline, func() bool {
		if info := f.nats.Bucket(f.js, "playgate"); info != nil {
			last = info.State.Consumers
		}
		return last == len(f.edges)
	})
	if !ok {
		t.Errorf("%d consumers for %d edges", last, len(f.edges))
	}
}

// convergesWithin is how long edges may take to know what was revoked, once
// nothing is in the way.
const convergesWithin = 2 * time.Second

// Whatever is cut off, killed or started again: no acknowledged revocation is lost
// or forgotten, valid tokens play all the time, and edges converge.
func TestEdgesWhateverBreaks(t *testing.T) {
	t.Parallel()
	f := startFleet(t, 5, nil)
	f.edges[0].do(t, "org", "create", "org1")
	good := f.edges[0].tokens(t, 1)[0]
	var revoked []string
	seen := func(t *testing.T) {
		t.Helper()
		for i, e := range f.edges {
			for _, token := range revoked {
				if got := e.status(target(token)); got != http.StatusUnauthorized {
					t.Errorf("edge %d lets a revoked token play: %d", i, got)
				}
			}
			if got := e.status(target(good)); got != http.StatusOK {
				t.Errorf("edge %d answers a good token with %d", i, got)
			}
		}
	}

	// Four rounds cut every edge off in both ways.
	for _, round := range []struct {
		reset, swallow []int
		writer         int
	}{{[]int{0, 1}, []int{2, 3}, 4}, {[]int{2, 3}, []int{0, 1}, 4}, {[]int{4}, nil, 0}, {nil, []int{4}, 0}} {
		t.Run(fmt.Sprintf("reset %v, swallow %v", round.reset, round.swallow), func(t *testing.T) {
			writer := f.edges[round.writer]
			now := writer.tokens(t, 10)
			for _, i := range round.reset {
				for _, way := range f.edges[i].ways {
					way.Reset()
				}
			}
			for _, i := range round.swallow {
				for _, way := range f.edges[i].ways {
					way.Swallow()
				}
			}
			cut := time.Now()
			for _, token := range now {
				if !writer.revoke(t, token) {
					t.Error("a revocation was not acknowledged, though a majority is there")
				}
			}
			lost := append(append([]int{}, round.reset...), round.swallow...)
			harness.Eventually(time.Until(cut.Add(10*time.Second)), func() bool {
				for i, e := range f.edges {
					if got := e.status(target(good)); got != http.StatusOK {
						t.Errorf("edge %d answers a good token with %d during the cut", i, got)
					}
				}
				return t.Failed()
			})
			for _, i := range lost {
				if s := f.edges[i].staleness(t); s < 8 || s > 30 {
					t.Errorf("edge %d says that what it knows is %v s old after 10 s", i, s)
				}
				for _, way := range f.edges[i].ways {
					way.Heal()
				}
			}
			healed := time.Now()
			took := make([]time.Duration, len(f.edges))
			f.everywhere(func(i int, e *edge) { took[i] = e.converge(t, healed, now) })
			t.Logf("edges converged %v after healing", took)
			for i, d := range took {
				if d > convergesWithin {
					t.Errorf("edge %d converged after %v", i, d)
				}
			}
			revoked = append(revoked, now...)
			seen(t)
			f.consumers(t)
		})
	}

	t.Run("the leader is killed", func(t *testing.T) {
		now := f.edges[0].tokens(t, 10)
		leader := f.nats.Leader(f.js, "playgate")
		leader.Kill()
		killed := time.Now()
		if !f.edges[1].revoke(t, now[0]) {
			t.Error("a revocation is not acknowledged while the servers elect a leader")
		}
		t.Logf("acknowledged %v after the leader was killed", time.Since(killed))
		for i, token := range now[1:] {
			if !f.edges[i%5].revoke(t, token) {
				t.Error("a revocation is not acknowledged by two of three servers")
			}
		}
		acknowledged := time.Now()
		f.everywhere(func(i int, e *edge) {
			if took := e.converge(t, acknowledged, now); took > convergesWithin {
				t.Errorf("edge %d knows it after %v", i, took)
			}
		})
		revoked = append(revoked, now...)
		leader.Start()
		leader.Await()
		seen(t)
		f.consumers(t)
	})

	t.Run("all nodes are killed", func(t *testing.T) {
		now := f.edges[0].tokens(t, 10)
		for i, token := range now {
			if !f.edges[i%5].revoke(t, token) {
				t.Error("a revocation is not acknowledged")
			}
		}
		f.nats.Kill()
		revoked = append(revoked, now...)
		seen(t)
		for _, e := range f.edges {
			if s := e.status("/readyz"); s != http.StatusOK {
				t.Errorf("/readyz is %d while the servers are down", s)
			}
		}
		f.nats.Start()
		f.nats.Leader(f.js, "playgate")
		healed := time.Now()
		next := f.edges[2].tokens(t, 3)
		for i, token := range next {
			if !f.edges[i].revoke(t, token) {
				t.Error("a revocation is not acknowledged after all servers are back")
			}
		}
		acknowledged := time.Now()
		f.everywhere(func(i int, e *edge) {
			took := e.converge(t, acknowledged, next)
			t.Logf("edge %d knows what is new %v after it was acknowledged, %v after the servers were back", i, took, time.Since(healed))
			if took > convergesWithin {
				t.Errorf("edge %d knows it after %v", i, took)
			}
		})
		revoked = append(revoked, next...)
		seen(t)
		f.consumers(t)
	})
}
