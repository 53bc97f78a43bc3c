package integration_test

import (
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// publisher serves a key set on one port of loopback, which it can leave.
type publisher struct {
	server *http.Server
	addr   string
	set    atomic.Value
	asked  atomic.Int64
}

func publish(t *testing.T, keys ...*harness.Key) *publisher {
	t.Helper()
	p := &publisher{}
	p.publish(t, keys...)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.addr = listener.Addr().String()
	p.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		p.asked.Add(1)
		io.WriteString(w, p.set.Load().(string))
	})}
	go p.server.Serve(listener)
	t.Cleanup(p.die)
	return p
}

// publish replaces the set.
func (p *publisher) publish(t *testing.T, keys ...*harness.Key) {
	t.Helper()
	var set []string
	for _, key := range keys {
		set = append(set, string(fileOf(t, key.PublicFile)))
	}
	p.set.Store(`{"keys":[` + strings.Join(set, ",") + `]}`)
}

// die closes the port, so that nobody answers there.
func (p *publisher) die() { p.server.Close() }

// A key set is fetched, followed when its keys change, kept for a start at
// which its server is dead, and carried over a reload. Without any of these,
// the gate says that it cannot tell, and not that the token is bad.
func TestJWKS(t *testing.T) {
	t.Parallel()
	store := t.TempDir()
	own, first, second := harness.NewKey(t, "main", "EdDSA"), harness.NewKey(t, "first", "ES256"), harness.NewKey(t, "second", "EdDSA")
	published := publish(t, first)
	origin := harness.NewOrigin(t, nil)
	caddyfile := setup{
		globals: "storage file_system {$STORE}\n",
		playgate: `
			key main {
				file {$KEY}
			}
			jwks http://{$PUBLISHER}/jwks.json {
				orgs org1
				issuer https://issuer.test
			}`,
		site: "playgate_health",
	}.caddyfile()
	serve := func() *guarded {
		t.Helper()
		return &guarded{origin: origin, key: own, Server: harness.Serve(t, caddyfile, harness.Env{
			"KEY": own.PublicFile, "ORIGIN": origin.Addr, "PUBLISHER": published.addr, "STORE": store,
		})}
	}
	sign := func(key *harness.Key, org string) string {
		return "/live/" + org + "/cam/seg.ts?token=" + key.Sign(t, harness.Good(org, "cam").With("iss", "https://issuer.test"))
	}
	plays := func(g *guarded, key *harness.Key) func() bool {
		return func() bool { return g.get(t, sign(key, "org1")).Status == http.StatusOK }
	}
	kept := func() bool {
		files, _ := filepath.Glob(filepath.Join(store, "playgate", "jwks", "*.json"))
		return len(files) == 1 && string(fileOf(t, files[0])) == published.set.Load().(string)
	}

	g := serve()
	harness.Wait(t, "the set to be fetched", plays(g, first))
	g.refused(t, g.get(t, sign(second, "org1")), 401, "unknown_key")
	g.refused(t, g.get(t, sign(first, "org2")), 401, "unknown_key")
	g.refused(t, g.get(t, target(first.Sign(t, harness.Good("org1", "cam")))), 401, "issuer")
	g.allowed(t, g.get(t, target(own.Sign(t, harness.Good("org1", "cam")))))
	published.publish(t, second)
	harness.Wait(t, "the set to be fetched again, because a token names a new key", plays(g, second))
	if asked := published.asked.Load(); asked > 3 {
		t.Errorf("the publisher was asked %d times", asked)
	}
	g.refused(t, g.get(t, sign(first, "org1")), 401, "unknown_key")
	harness.Wait(t, "the set to be kept", kept)
	published.die()
	if result := g.Reload(caddyfile + "\n# another configuration\n"); result.Code != 0 {
		t.Fatalf("reload: %+v", result)
	}
	g.allowed(t, g.get(t, sign(second, "org1")))
	if err := g.Stop(); err != nil {
		t.Fatal(err)
	}

	g = serve()
	harness.Wait(t, "the kept set", plays(g, second))
	g.refused(t, g.get(t, sign(first, "org1")), 401, "unknown_key")
	if err := g.Stop(); err != nil {
		t.Fatal(err)
	}

	if err := os.RemoveAll(filepath.Join(store, "playgate")); err != nil {
		t.Fatal(err)
	}
	g = serve()
	mark := len(g.origin.Raw())
	for range 20 {
		answer := g.get(t, sign(second, "org1"))
		g.refused(t, answer, 503, "keys_unavailable")
		if answer.Header.Get("Retry-After") != "2" {
			t.Errorf("Retry-After %q", answer.Header.Get("Retry-After"))
		}
	}
	g.refused(t, g.get(t, sign(second, "org2")), 401, "unknown_key")
	g.origin.SawNothing(t, mark)
	g.allowed(t, g.get(t, target(own.Sign(t, harness.Good("org1", "cam")))))
}
