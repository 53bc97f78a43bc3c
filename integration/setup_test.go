package integration_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// globals are the options that every server of these tests needs to keep to
// loopback, to ports that were free, and to its own directory.
const globals = `
	admin {$ADMIN}
	skip_install_trust
	auto_https disable_redirects
	http_port {$HTTP_PORT}
	https_port {$HTTPS_PORT}
	default_bind 127.0.0.1
	grace_period 2s
`

// addresses are those of the one site that most tests use.
const addresses = "http://127.0.0.1:{$HTTP_PORT}, http://localhost:{$HTTP_PORT}, https://localhost:{$HTTPS_PORT}"

// setup is the part of a Caddyfile that a test is about; the rest is the same
// for all. Each field is lines of the block after which it is named.
type setup struct {
	globals  string
	playgate string // in the global options
	gate     string
	site     string
}

// liveRule is the rule of most tests.
const liveRule = "stream /live/{org}/{stream}/*"

func (s setup) caddyfile() string {
	gate := s.gate
	if !strings.Contains(gate, "stream /") {
		gate = liveRule + "\n" + gate
	}
	app := s.playgate
	if !strings.Contains(app, "key ") {
		app = "key main {\nfile {$KEY}\n}\n" + app
	}
	if !strings.Contains(app, "store ") {
		app = "store off\n" + app
	}
	return "{\n" + globals + s.globals + `
	log default {
		format playgate json
	}
	playgate {
		` + app + `
	}
}

` + addresses + ` {
	playgate {
		` + gate + `
	}
	log {
		format playgate json
	}
	` + s.site + `
	reverse_proxy {$ORIGIN}
}
`
}

// guarded is a server with a gate, an origin behind it and the key that the
// gate accepts.
type guarded struct {
	*harness.Server
	origin *harness.Origin
	key    *harness.Key
}

// guard starts all three.
func guard(t *testing.T, s setup, handler http.Handler) *guarded {
	t.Helper()
	key := harness.NewKey(t, "main", "EdDSA")
	origin := harness.NewOrigin(t, handler)
	server := harness.Serve(t, s.caddyfile(), harness.Env{"KEY": key.PublicFile, "ORIGIN": origin.Addr})
	return &guarded{server, origin, key}
}

// get fetches a target of the site without TLS.
func (g *guarded) get(t *testing.T, target string, headers ...string) harness.Answer {
	t.Helper()
	return harness.Clients()[0].Do(t, g.Server, harness.Request{Target: target, Header: headers})
}

// target is a segment of org1/cam with a token in the query.
func target(token string) string { return "/live/org1/cam/seg.ts?token=" + token }

// problem is the body of a refusal.
type problem struct {
	Type, Title, Reason, ID string
	Status                  int
	ExpiredAt               string `json:"expired_at"`
}

func problemOf(t *testing.T, a harness.Answer) problem {
	t.Helper()
	if got := a.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("a refusal's Content-Type is %q", got)
	}
	var p problem
	if err := json.Unmarshal(a.Body, &p); err != nil {
		t.Errorf("a refusal's body: %v\n%s", err, a.Body)
	}
	return p
}

// refused fails the test when the answer is anything else than this refusal,
// as the access log has it.
func (g *guarded) refused(t *testing.T, a harness.Answer, status int, reason string) {
	t.Helper()
	if a.Status != status {
		t.Errorf("status %d instead of %d (%s)\n%s", a.Status, status, reason, a.Body)
	}
	id := a.Header.Get("Playgate-Id")
	if id == "" {
		t.Errorf("no Playgate-Id, so no refusal by the gate; wanted %s", reason)
		return
	}
	lines := g.AccessLines(id)
	if len(lines) != 1 {
		t.Errorf("the id of the refusal finds %d access-log lines instead of one", len(lines))
	}
	if got := lines[0].Text("playgate_reason"); got != reason {
		t.Errorf("the access log has the reason %q instead of %q", got, reason)
	}
}

// allowed fails the test when the answer is not the origin's 200.
func (g *guarded) allowed(t *testing.T, a harness.Answer) {
	t.Helper()
	if a.Status != http.StatusOK {
		t.Errorf("status %d instead of 200\n%s", a.Status, a.Body)
	}
}
