package gate

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/playgate/playgate/module/token"
)

// setFile publishes the public part of keys in a file.
func setFile(t testing.TB, keys ...*token.Key) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "jwks.json")
	writeSet(t, path, keys...)
	return path
}

func writeSet(t testing.TB, path string, keys ...*token.Key) {
	t.Helper()
	var set []string
	for _, key := range keys {
		jwk, err := key.MarshalJWK(true)
		if err != nil {
			t.Fatal(err)
		}
		set = append(set, string(jwk))
	}
	if err := os.WriteFile(path, []byte(`{"keys":[`+strings.Join(set, ",")+`]}`), 0o600); err != nil {
		t.Fatal(err)
	}
}

// startedGate is newGate with an app that runs, and keeps what it keeps in a
// directory of the test.
func startedGate(t testing.TB, lines string, appLines ...string) *Handler {
	t.Helper()
	before := caddy.DefaultStorage.Path
	caddy.DefaultStorage.Path = t.TempDir()
	t.Cleanup(func() { caddy.DefaultStorage.Path = before })
	h := newGate(t, lines, appLines...)
	if err := h.app.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.app.Cleanup(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func by(target, text string) *http.Request {
	return request(http.MethodGet, target+"?token="+text)
}

// A token by a key of a set plays in the set's organisations, and a key that is
// not in it is unknown.
func TestKeysOfASet(t *testing.T) {
	h := startedGate(t, "", "jwks "+setFile(t, strangerKey)+" {\norgs acme\n}")
	allowed(t, serve(t, h, new(origin), by(media, mintWith(t, strangerKey, nil))))
	allowed(t, serve(t, h, new(origin), by(media, mint(t, nil))))
	denied(t, h, by(media, mintWith(t, newKey("other", token.EdDSA), nil)), 401, "unknown_key")
	denied(t, h, by("/live/beta/cam/seg.ts", mintWith(t, strangerKey, func(g *token.Grant) { g.Org = "beta" })), 401, "unknown_key")
}

// As long as a set was never read, nobody can say that a key is unknown that it
// may have. What the gate has another key for goes on.
func TestSetThatWasNeverRead(t *testing.T) {
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	lines := "jwks " + dead.URL + " {\norgs acme\n}"
	for _, gate := range []string{"", "report_only on", "keys main", "keys stranger"} {
		h := startedGate(t, gate, lines)
		w := serve(t, h, new(origin), by(media, mintWith(t, strangerKey, nil)))
		p := readProblem(t, w, 503)
		if p.Reason != "keys_unavailable" || w.Header().Get("Retry-After") != "2" || w.Header().Get("WWW-Authenticate") != "" {
			t.Errorf("%s: reason %q, header %v", gate, p.Reason, w.Header())
		}
		if gate != "keys stranger" {
			allowed(t, serve(t, h, new(origin), by(media, mint(t, nil))))
		}
		if gate == "" {
			denied(t, h, by("/live/beta/cam/seg.ts", mintWith(t, strangerKey, func(g *token.Grant) { g.Org = "beta" })), 401, "unknown_key")
			denied(t, h, by(media, "a.b.c"), 401, "malformed_token")
			denied(t, h, request(http.MethodGet, media), 401, "missing_token")
		}
	}
}

// A site may name keys that no set has yet.
func TestKeysOfASetAreNarrowed(t *testing.T) {
	set := "jwks " + setFile(t, strangerKey) + " {\norgs *\n}"
	stranger, main := mintWith(t, strangerKey, nil), mint(t, nil)
	h := startedGate(t, "keys stranger later", set)
	allowed(t, serve(t, h, new(origin), by(media, stranger)))
	denied(t, h, by(media, main), 401, "unknown_key")
	h = startedGate(t, "keys main", set)
	allowed(t, serve(t, h, new(origin), by(media, main)))
	denied(t, h, by(media, stranger), 401, "unknown_key")
}

// The issuer and audience of a set replace the global ones, each on its own,
// for tokens of its keys alone; session tokens that come of such tokens play.
func TestTermsOfASet(t *testing.T) {
	issued := func(key *token.Key, issuer string, audience ...string) string {
		return mintWith(t, key, func(g *token.Grant) { g.Issuer, g.Audience = issuer, audience })
	}
	file := setFile(t, strangerKey)
	for name, tc := range map[string]struct{ set, good string }{
		"both":     {"issuer them\naudience cdn edge2", issued(strangerKey, "them", "edge2")},
		"issuer":   {"issuer them", issued(strangerKey, "them", "edge")},
		"audience": {"audience cdn", issued(strangerKey, "us", "cdn")},
		"neither":  {"", issued(strangerKey, "us", "edge")},
	} {
		t.Run(name, func(t *testing.T) {
			h := startedGate(t, "propagate session\nerrors verbose", "issuer us", "audience edge", "jwks "+file+" {\norgs *\n"+tc.set+"\n}", sessionKey(t, "a"))
			allowed(t, serve(t, h, new(origin), by(media, issued(testKey, "us", "edge"))))
			for _, bad := range []string{
				issued(strangerKey, ""), issued(strangerKey, "them"), issued(strangerKey, "", "cdn"), issued(strangerKey, "elsewhere", "edge"), issued(strangerKey, "them", "elsewhere"),
				issued(testKey, "them", "edge2"), issued(testKey, "them", "edge"), issued(testKey, "us", "cdn"),
			} {
				denied(t, h, by(media, bad), 401, "issuer")
			}
			if name == "both" {
				denied(t, h, by(media, issued(strangerKey, "us", "edge")), 401, "issuer")
			}
			session := sessionOf(t, h, playlist+"?token="+tc.good)
			allowed(t, serve(t, h, new(origin), by(media, session)))
		})
	}
}

// When a key goes from its set, its tokens and the sessions that came of them
// are refused at the next request.
func TestKeyThatVanishes(t *testing.T) {
	other := newKey("other", token.EdDSA)
	file := setFile(t, strangerKey, other)
	lines := []string{"jwks " + file + " {\norgs acme\n}", sessionKey(t, "a")}
	h := startedGate(t, "propagate session", lines...)
	text := mintWith(t, strangerKey, nil)
	session := sessionOf(t, h, playlist+"?token="+text)
	allowed(t, serve(t, h, new(origin), by(media, session)))
	writeSet(t, file, other)
	startedGate(t, "", lines...) // which reads the file again
	denied(t, h, by(media, text), 401, "unknown_key")
	denied(t, h, by(media, session), 401, "unknown_key")
	allowed(t, serve(t, h, new(origin), by(media, mintWith(t, other, nil))))
}

// A set alone makes a gate ready, once it was read.
func TestReadyWithASetAlone(t *testing.T) {
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	for lines, want := range map[string]int{
		"jwks " + setFile(t, strangerKey) + " {\norgs acme\n}": 200,
		"jwks " + dead.URL + " {\norgs acme\n}":                503,
	} {
		h := newHealth(t, lines)
		w := httptest.NewRecorder()
		if err := h.ServeHTTP(w, request(http.MethodGet, "/readyz"), new(origin)); err != nil || w.Code != want {
			t.Errorf("%s: status %d, %v", lines, w.Code, err)
		}
		if err := h.app.Cleanup(); err != nil {
			t.Error(err)
		}
	}
}
