package integration_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/playgate/playgate/integration/harness"
)

// livePlaylist is an origin of HLS: every playlist names one segment.
func livePlaylist() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".m3u8") {
			w.Header().Set("Content-Type", "application/vnd.apple.mpegurl")
			_, _ = io.WriteString(w, "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nseg.ts\n")
			return
		}
		_, _ = io.WriteString(w, "origin\n")
	})
}

// body is what the edge answers to a target with 200; empty otherwise.
func (e *edge) body(target string) string {
	response, err := edgeClient.Get(e.Plain() + target)
	if err != nil {
		return ""
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusOK {
		return ""
	}
	return string(text)
}

// within fails the test when a condition does not come to hold on every edge in
// time.
func (f *fleet) within(t *testing.T, d time.Duration, what string, holds func(e *edge) bool) {
	t.Helper()
	began := time.Now()
	f.everywhere(func(i int, e *edge) {
		if !harness.Eventually(d, func() bool { return holds(e) }) {
			t.Errorf("edge %d: not %s within %v", i, what, d)
		}
	})
	t.Logf("%s on %d edges after %v", what, len(f.edges), time.Since(began))
}

// What one edge is told holds on all: keys, organisations, a broken glass, and
// sessions that another edge has begun.
func TestEdgesHoldTheSame(t *testing.T) {
	f := startFleet(t, 5, livePlaylist())
	f.edges[0].do(t, "org", "create", "org1")
	f.within(t, convergesWithin, "the organisation known", func(e *edge) bool {
		return harness.Playgate(t, "org", "show", "org1", "--address", e.Admin).Code == 0
	})

	// A session that began on one edge plays on every other one, and ends with
	// the token that it began with.
	token := f.edges[0].tokens(t, 1)[0]
	list := f.edges[0].body("/live/org1/cam/index.m3u8?token=" + token)
	session := sessionToken.FindString(list)
	if session == "" {
		t.Fatalf("no session in %s", list)
	}
	f.within(t, 0, "a session of another edge played", func(e *edge) bool { return e.status(target(session)) == http.StatusOK })
	if !f.edges[1].revoke(t, token) {
		t.Fatal("not acknowledged")
	}
	f.within(t, convergesWithin, "the session ended", func(e *edge) bool { return e.status(target(session)) == http.StatusUnauthorized })

	// A rotation refuses no token anywhere; a retired key refuses its own.
	former := f.edges[0].tokens(t, 1)[0]
	var keys struct{ Active, Former string }
	if err := json.Unmarshal([]byte(f.edges[1].do(t, "key", "rotate", "--json")), &keys); err != nil {
		t.Fatal(err)
	}
	for i, e := range f.edges {
		made := e.tokens(t, 1)[0]
		f.within(t, 0, fmt.Sprintf("what edge %d signs since the rotation played", i), func(e *edge) bool {
			return e.status(target(made)) == http.StatusOK && e.status(target(former)) == http.StatusOK
		})
		if i == 4 {
			f.edges[3].do(t, "key", "retire", keys.Former)
			f.within(t, convergesWithin, "the former key refused", func(e *edge) bool { return e.status(target(former)) == http.StatusUnauthorized })
			f.within(t, 0, "the active key played", func(e *edge) bool { return e.status(target(made)) == http.StatusOK })
		}
	}

	// The glass.
	const open = "/live/org1/cam/seg.ts"
	f.edges[2].do(t, "org", "secure", "org1", "off", "--for", "1h", "--reason", "the test")
	f.within(t, convergesWithin, "the glass broken", func(e *edge) bool { return e.status(open) == http.StatusOK })
	f.edges[4].do(t, "org", "secure", "org1", "mend")
	f.within(t, convergesWithin, "the glass mended", func(e *edge) bool { return e.status(open) == http.StatusUnauthorized })

	// Who watches is counted over all edges, and whom a revocation would end.
	watched := f.edges[0].tokens(t, 1)[0]
	for _, e := range f.edges {
		if got := e.status("/live/org1/watched/seg.ts?token=" + watched); got != http.StatusForbidden {
			t.Errorf("another stream is answered with %d", got)
		}
		if got := e.status(target(watched)); got != http.StatusOK {
			t.Errorf("status %d", got)
		}
	}
	var use struct {
		Viewers  int
		LastUsed time.Time `json:"last_used"`
	}
	id := harness.TokenID(t, watched)
	for i, e := range f.edges {
		harness.Wait(t, "all edges to be asked who watches", func() bool {
			return e.api(t, "GET", "tokens/"+id+"?org=org1", nil, &use) == http.StatusOK && use.Viewers == len(f.edges) && time.Since(use.LastUsed) < time.Minute
		})
		var ending struct{ Viewers, Streams int }
		e.api(t, "POST", "revocations/preview", map[string]any{"org": "org1", "kind": "token", "value": id}, &ending)
		if ending.Viewers != len(f.edges) || ending.Streams != 1 {
			t.Errorf("edge %d says that it would end %+v", i, ending)
		}
	}

	// The reference on a viewer's screen is known to whichever edge is asked.
	refused, err := edgeClient.Get(f.edges[3].Plain() + "/live/org1/other/seg.ts?token=" + watched)
	if err != nil {
		t.Fatal(err)
	}
	refused.Body.Close()
	for i, e := range f.edges {
		var refusal struct {
			Reason  string
			TokenID string `json:"token_id"`
		}
		e.api(t, "GET", "refusals/"+refused.Header.Get("Playgate-Id"), nil, &refusal)
		if refusal.Reason != "wrong_stream" || refusal.TokenID != id {
			t.Errorf("edge %d explains a refusal of edge 3 by %+v", i, refusal)
		}
	}

	var status struct {
		Nodes []struct {
			Ready    bool
			Position uint64
			Stale    float64 `json:"staleness_seconds"`
		}
	}
	f.edges[3].api(t, "GET", "status", nil, &status)
	if len(status.Nodes) != len(f.edges) {
		t.Fatalf("%d nodes are listed", len(status.Nodes))
	}
	for _, n := range status.Nodes {
		if !n.Ready || n.Stale > 2 || n.Position+20 < status.Nodes[0].Position {
			t.Errorf("a node is %+v", n)
		}
	}

	// When a token was used last is known everywhere once its edge has written it.
	// Its edge is gone when it is asked for.
	used := f.edges[0].tokens(t, 1)[0]
	if got := f.edges[4].status(target(used)); got != http.StatusOK {
		t.Fatalf("status %d", got)
	}
	if err := f.edges[4].Stop(); err != nil {
		t.Fatal(err)
	}
	gone := f.edges[4]
	f.edges = f.edges[:4]
	f.within(t, convergesWithin+time.Second, "the last use known", func(e *edge) bool {
		var found struct {
			LastUsed time.Time `json:"last_used"`
		}
		return e.api(t, "GET", "tokens/"+harness.TokenID(t, used)+"?org=org1", nil, &found) == http.StatusOK && time.Since(found.LastUsed) < time.Minute
	})
	f.consumers(t)
	gone.Start()
}

// manyPlayers watch while edges are restarted.
const manyPlayers = 500

// player fetches the playlist and the segment again and again, at the next edge
// when one does not answer. It returns why it stopped, when it did.
func (f *fleet) player(client *http.Client, first int, token string, stop <-chan struct{}, played *atomic.Int64) error {
	const patience = 5 * time.Second // what a player has buffered
	at, last, carried := first, time.Now(), ""
	get := func(target string) (string, error) {
		response, err := client.Get(f.edges[at%len(f.edges)].Plain() + target)
		if err != nil {
			return "", err
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		switch {
		case err != nil || response.StatusCode >= 500:
			return "", fmt.Errorf("status %d, %w", response.StatusCode, errors.Join(err))
		case response.StatusCode != http.StatusOK:
			return "", fmt.Errorf("%w: %d at edge %d", errRefused, response.StatusCode, at%len(f.edges))
		}
		return string(text), nil
	}
	for {
		target := "/live/org1/cam/index.m3u8?token=" + token
		if carried != "" {
			target = "/live/org1/cam/index.m3u8?token=" + carried
		}
		list, err := get(target)
		if err == nil {
			carried = sessionToken.FindString(list)
			_, err = get("/live/org1/cam/seg.ts?token=" + carried)
		}
		switch {
		case errors.Is(err, errRefused):
			return err
		case err == nil:
			last = time.Now()
			played.Add(1)
		case time.Since(last) > patience:
			return fmt.Errorf("nothing for %v: %w", patience, err)
		default:
			at++
			continue
		}
		select {
		case <-stop:
			return nil
		case <-time.After(time.Second):
		}
	}
}

var errRefused = errors.New("refused")

// All edges are restarted one after the other, while many play: nobody stops.
func TestEdgesRollingRestart(t *testing.T) {
	f := startFleet(t, 5, livePlaylist())
	f.edges[0].do(t, "org", "create", "org1")
	token := f.edges[0].tokens(t, 1)[0]
	f.within(t, convergesWithin, "the token played", func(e *edge) bool { return e.status(target(token)) == http.StatusOK })
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 200}}
	stop := make(chan struct{})
	var played atomic.Int64
	var players sync.WaitGroup
	for i := range manyPlayers {
		players.Go(func() {
			if err := f.player(client, i, token, stop, &played); err != nil {
				t.Errorf("player %d stopped: %v", i, err)
			}
		})
	}
	harness.Wait(t, "all to play", func() bool { return played.Load() > manyPlayers })
	began := time.Now()
	for i, e := range f.edges {
		if err := e.Stop(); err != nil {
			t.Fatal(err)
		}
		e.Start()
		harness.Wait(t, "the edge to be ready again", func() bool { return e.status("/readyz") == http.StatusOK })
		before := played.Load()
		harness.Wait(t, "everybody to play on", func() bool { return played.Load() > before+manyPlayers || t.Failed() })
		t.Logf("edge %d restarted after %v", i, time.Since(began))
	}
	close(stop)
	players.Wait()
	t.Logf("%d rounds of %d players", played.Load(), manyPlayers)
	f.consumers(t)
}
