package integration_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/playgate/playgate/integration/harness"
)

// nextVersion writes records of the next schema: organisations have a member
// more, which may be ignored, and public streams are restricted by one.
var nextVersion = map[string][][2]string{
	"module/internal/registry/record.go": {
		{"const schema = 1", "const schema = 2"},
		{"var known = []string{}", `var known = []string{"geo"}`},
	},
	"module/internal/registry/org.go": {
		{"	Name string `json:\"name,omitempty\"`\n", "	Name string `json:\"name,omitempty\"`\n	Region string `json:\"region,omitempty\"`\n"},
		{"	o.Created, o.By = ", "	o.Region = \"eu\"\n	o.Created, o.By = "},
	},
	"module/internal/registry/stream.go": {
		{"	s.Created, s.By = ", "	if s.Public {\n		s.Needs = []string{\"geo\"}\n	}\n	s.Created, s.By = "},
	},
}

// Edges of two neighbouring versions share one cluster: what either writes the
// other acts upon, keeps what it does not know, and refuses what it must not act
// upon. An edge goes to the next version and back.
func TestEdgesOfTwoVersions(t *testing.T) {
	present, next := harness.Binary(t), harness.Variant(t, nextVersion)
	f := startFleet(t, 1, livePlaylist())
	f.add(t, next, edgeSite)
	f.add(t, present, edgeSite)
	f.ready(t)
	old, young := f.edges[0], f.edges[1]

	old.do(t, "org", "create", "org1", "--name", "First")
	young.do(t, "org", "create", "org2", "--name", "Second")
	record := func(key string) string {
		t.Helper()
		kv, err := f.js.KeyValue(t.Context(), "playgate")
		if err != nil {
			t.Fatal(err)
		}
		e, err := kv.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		return string(e.Value())
	}
	// A rewriting by the present version keeps what it does not know.
	old.do(t, "org", "secure", "org2", "off")
	if text := record("org.org2"); !strings.Contains(text, `"schema":2`) || !strings.Contains(text, `"region":"eu"`) || !strings.Contains(text, `"secure":"off"`) {
		t.Errorf("a record of the next version became %s", text)
	}
	f.within(t, convergesWithin, "the switch of the other version known", func(e *edge) bool {
		return e.status("/live/org2/cam/seg.ts") == http.StatusOK
	})
	young.do(t, "org", "secure", "org2", "on")
	f.within(t, convergesWithin, "the switch back known", func(e *edge) bool {
		return e.status("/live/org2/cam/seg.ts") == http.StatusUnauthorized
	})
	if text := record("org.org1"); !strings.Contains(text, `"schema":1`) {
		t.Errorf("a record of the present version is %s", text)
	}

	// Tokens, sessions and revocations, there and back.
	for _, way := range [][2]*edge{{old, young}, {young, old}} {
		token := way[0].tokens(t, 1)[0]
		f.within(t, convergesWithin, "the token played", func(e *edge) bool { return e.status(target(token)) == http.StatusOK })
		session := sessionToken.FindString(way[0].body("/live/org1/cam/index.m3u8?token=" + token))
		f.within(t, 0, "the session played", func(e *edge) bool { return session != "" && e.status(target(session)) == http.StatusOK })
		if !way[1].revoke(t, token) {
			t.Fatal("not acknowledged")
		}
		f.within(t, convergesWithin, "both refused", func(e *edge) bool {
			return e.status(target(token)) == http.StatusUnauthorized && e.status(target(session)) == http.StatusUnauthorized
		})
	}

	// What restricts in a way that a version does not know is refused there.
	young.do(t, "stream", "create", "--org", "org1", "open", "--public")
	harness.Wait(t, "the public stream", func() bool { return young.status("/live/org1/open/seg.ts") == http.StatusOK })
	harness.Wait(t, "the present version to have read it", func() bool {
		return strings.Contains(old.Output(), "the record of a stream cannot be read; the stream counts as not public")
	})
	for _, e := range []*edge{old, f.edges[2]} {
		if got := e.status("/live/org1/open/seg.ts"); got != http.StatusUnauthorized {
			t.Errorf("a stream with a restriction that is not known is answered with %d", got)
		}
	}

	// Nodes of both versions are asked, and answer.
	var status struct{ Nodes []struct{ Ready bool } }
	for i, e := range f.edges {
		if e.api(t, "GET", "status", nil, &status); len(status.Nodes) != len(f.edges) {
			t.Errorf("edge %d knows of %d nodes", i, len(status.Nodes))
		}
	}

	// An upgrade and a rollback, while the store is down: the kept view of the
	// other version counts.
	tokens := old.tokens(t, 2)
	if !old.revoke(t, tokens[1]) {
		t.Fatal("not acknowledged")
	}
	f.edges[2].converge(t, time.Now(), tokens[1:])
	f.nats.Kill()
	for i, binary := range []string{next, present} {
		if err := f.edges[2].Stop(); err != nil {
			t.Fatal(err)
		}
		f.edges[2].Exchange(binary)
		f.edges[2].Start()
		what := fmt.Sprintf("after exchange %d", i+1)
		if got := f.edges[2].status(target(tokens[0])); got != http.StatusOK {
			t.Errorf("%s a good token is answered with %d", what, got)
		}
		if got := f.edges[2].status(target(tokens[1])); got != http.StatusUnauthorized {
			t.Errorf("%s a revoked token is answered with %d", what, got)
		}
	}
	f.nats.Start()
	harness.Wait(t, "the edge to follow again", func() bool { s := f.edges[2].staleness(t); return s >= 0 && s < 2 })
	f.consumers(t)
}
