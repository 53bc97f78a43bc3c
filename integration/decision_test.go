package integration_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/playgate/playgate/integration/harness"
)

// playlistAnd serves a playlist of one segment, and all else by another handler.
func playlistAnd(other http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, ".m3u8") {
			other.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/vnd.apple.mpegurl")
		_, _ = io.WriteString(w, "#EXTM3U\nseg.ts\n")
	})
}

// segments answers with a segment.
var segments = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "segment") })

var sessionInPlaylist = regexp.MustCompile(`s\.[A-Za-z0-9_-]{116}`)

// sessionToken is the one that the playlist of a stream carries for its segments.
func (g *guarded) sessionToken(t *testing.T, token string, headers ...string) string {
	t.Helper()
	a := g.get(t, "/live/org1/cam/index.m3u8?token="+token, headers...)
	g.allowed(t, a)
	st := sessionInPlaylist.FindString(string(a.Body))
	if st == "" {
		t.Fatalf("no session token in %q", a.Body)
	}
	return st
}

// guardSessions is guard with a session key.
func guardSessions(t *testing.T, s setup, handler http.Handler) (*guarded, setup) {
	t.Helper()
	s.playgate += "\nkey main {\nfile {$KEY}\n}\nsession_key {env.SESSION_KEY}"
	key := harness.NewKey(t, "main", "EdDSA")
	origin := harness.NewOrigin(t, handler)
	server := harness.Serve(t, lasting(s), harness.Env{
		"KEY": key.PublicFile, "ORIGIN": origin.Addr, "SESSION_KEY": strings.Repeat("only for tests; ", 4), "OTHER_KEY": strings.Repeat("another one; ", 4),
	})
	return &guarded{server, origin, key}, s
}

// lasting is a configuration under which WebSockets outlive reloads.
func lasting(s setup) string {
	return strings.Replace(s.caddyfile(), "reverse_proxy {$ORIGIN}", "reverse_proxy {$ORIGIN} {\nstream_close_delay 1h\n}", 1)
}

// A key whose material is replaced under its id ends sessions and running answers
// within a second of the reload.
func TestReplacedKeyEndsSessions(t *testing.T) {
	t.Parallel()
	e := new(endless)
	g, s := guardSessions(t, setup{}, playlistAnd(e))
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	st := g.sessionToken(t, token)
	for name, text := range map[string]string{"its token": token, "a session of it": st} {
		t.Run(name, func(t *testing.T) {
			original, err := os.ReadFile(g.key.PublicFile)
			if err != nil {
				t.Fatal(err)
			}
			replace := func(text []byte, gate string) {
				if err := os.WriteFile(g.key.PublicFile, text, 0o600); err != nil {
					t.Fatal(err)
				}
				s.gate = gate
				g.Reload(lasting(s))
			}
			other, err := os.ReadFile(harness.NewKey(t, "main", "EdDSA").PublicFile)
			if err != nil {
				t.Fatal(err)
			}
			watchAll(t, g.Server, e, func(path string) string { return "/live/org1/cam/" + path + "?token=" + text }, time.Time{}, func() {
				replace(other, "errors verbose")
			}, 4403)
			g.refused(t, g.get(t, target(st)), 401, "unknown_key")
			g.refused(t, g.get(t, target(token)), 401, "bad_signature")
			replace(original, "errors terse")
		})
	}
}

// So does one that is replaced in a key set, within a second of its being fetched.
func TestReplacedKeyOfSetEndsSessions(t *testing.T) {
	t.Parallel()
	e := new(endless)
	before, after := harness.NewKey(t, "shared", "EdDSA"), harness.NewKey(t, "shared", "EdDSA")
	published := publish(t, before)
	origin := harness.NewOrigin(t, playlistAnd(e))
	caddyfile := lasting(setup{playgate: "key main {\nfile {$KEY}\n}\nsession_key {env.SESSION_KEY}\njwks http://{$PUBLISHER}/jwks.json {\norgs org1\nissuer https://issuer.test\n}"})
	own := harness.NewKey(t, "main", "EdDSA")
	g := &guarded{origin: origin, key: own, Server: harness.Serve(t, caddyfile, harness.Env{
		"KEY": own.PublicFile, "ORIGIN": origin.Addr, "PUBLISHER": published.addr, "SESSION_KEY": strings.Repeat("only for tests; ", 4),
	})}
	sign := func(key *harness.Key) string {
		return key.Sign(t, harness.Good("org1", "cam").With("iss", "https://issuer.test"))
	}
	token := sign(before)
	playlist := func(token string) harness.Answer { return g.get(t, "/live/org1/cam/index.m3u8?token="+token) }
	harness.Wait(t, "the set to be fetched", func() bool { return playlist(token).Status == http.StatusOK })
	st := g.sessionToken(t, token)
	var over []chan ended
	for _, text := range []string{token, st} {
		over = append(over, g.begin(t, "?token="+text))
	}

	asked := published.asked.Load()
	published.publish(t, after)
	g.get(t, target(sign(harness.NewKey(t, "unknown", "EdDSA")))) // has the set fetched again
	harness.Wait(t, "the set to be fetched again", func() bool { return published.asked.Load() > asked })
	for i, over := range over {
		select {
		case got := <-over:
			if got.err == nil {
				t.Errorf("viewer %d: it looks complete", i)
			}
		case <-time.After(cutWithin):
			t.Errorf("viewer %d was not cut", i)
		}
	}
	g.allowed(t, playlist(sign(after)))
	g.refused(t, g.get(t, target(st)), 401, "unknown_key")
	g.refused(t, g.get(t, target(token)), 401, "bad_signature")
}

// So does a key of the registry that is retired, or in whose place a restore puts another
// one of the same id.
func TestReplacedKeyOfTheRegistryEndsSessions(t *testing.T) {
	t.Parallel()
	for name, replace := range map[string]func(t *testing.T, i *issuing, backup string){
		"retired":  func(t *testing.T, i *issuing, _ string) { i.do(t, "key", "retire", "partner", "--org", "org1") },
		"restored": func(t *testing.T, i *issuing, backup string) { i.do(t, "restore", backup, "--yes") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// A backup in which the id is that of another key.
			before, now := harness.NewKey(t, "partner", "EdDSA"), harness.NewKey(t, "partner", "EdDSA")
			other := startIssuingFor(t, nil, issuer, nil)
			other.do(t, "org", "create", "org1")
			other.do(t, "key", "add", before.PublicFile, "--org", "org1")
			backup := filepath.Join(t.TempDir(), "backup")
			other.do(t, "backup", backup)

			i := startIssuingFor(t, playlistAnd(new(endless)), issuer, nil)
			i.do(t, "org", "create", "org1")
			i.do(t, "key", "add", now.PublicFile, "--org", "org1")
			token := now.Sign(t, harness.Good("org1", "cam"))
			st := i.sessionToken(t, token)
			var over []chan ended
			for _, text := range []string{token, st} {
				over = append(over, i.begin(t, "?token="+text))
			}
			replace(t, i, backup)
			for n, over := range over {
				select {
				case got := <-over:
					if got.err == nil {
						t.Errorf("viewer %d: it looks complete", n)
					}
				case <-time.After(cutWithin):
					t.Errorf("viewer %d was not cut", n)
				}
			}
			i.refused(t, i.get(t, target(st)), 401, "unknown_key")
			reason := map[string]string{"retired": "unknown_key", "restored": "bad_signature"}[name]
			i.refused(t, i.get(t, target(token)), 401, reason)
		})
	}
}

// begin begins to watch a response that never ends, with a query.
func (g *guarded) begin(t *testing.T, query string) (over chan ended) {
	t.Helper()
	begun, over := make(chan struct{}), make(chan ended, 1)
	go func() {
		over <- viewers()[0].watch(t.Context(), g.Server, "/live/org1/cam/stall"+query, func() { close(begun) })
	}()
	select {
	case <-begun:
	case <-time.After(harness.Deadline):
		t.Fatalf("%s: it does not begin", query)
	}
	return over
}

// A viewer whose token is good plays on when a public stream stops being public;
// those without one, or with a bad one, are cut.
func TestPublicStreamThatIsSecured(t *testing.T) {
	t.Parallel()
	e := new(endless)
	public, secure := setup{playgate: "org org1 {\nsecure off\n}"}, setup{playgate: "org org1 {\nsecure on\n}"}
	g := guard(t, public, e)
	good := g.key.Token(t, "--org", "org1", "--stream", "cam")
	stays := g.begin(t, "?token="+good)
	var cut []chan ended
	for _, query := range []string{"", "?token=" + harness.BreakSignature(good), "?token=" + g.key.Token(t, "--org", "org1", "--stream", "other"), "?token=x"} {
		cut = append(cut, g.begin(t, query))
	}
	g.Reload(secure.caddyfile())
	for i, over := range cut {
		select {
		case got := <-over:
			if got.err == nil {
				t.Errorf("viewer %d: it looks complete", i)
			}
		case <-time.After(cutWithin + time.Second):
			t.Errorf("viewer %d was not cut", i)
		}
	}
	select {
	case got := <-stays:
		t.Errorf("the viewer with a good token was cut: %v", got.err)
	default:
	}
}

// A player may send its token in the Authorization header of each request, beside the
// session token that the playlist gave it; the header decides.
func TestTokenInTheHeaderOfEachRequest(t *testing.T) {
	t.Parallel()
	g, _ := guardSessions(t, setup{}, playlistAnd(http.NotFoundHandler()))
	token, other := g.key.Token(t, "--org", "org1", "--stream", "cam"), g.key.Token(t, "--org", "org1", "--stream", "other")
	st := g.sessionToken(t, token, "Authorization: Bearer "+token)
	before := len(g.origin.Calls())
	for range 2 {
		a := g.get(t, target(st), "Authorization: Bearer "+token)
		if a.Status != http.StatusNotFound { // the origin's
			t.Errorf("status %d: %s", a.Status, a.Body)
		}
	}
	for _, seen := range g.origin.Calls()[before:] {
		if text := seen.Head; strings.Contains(text, st) || strings.Contains(text, token) || strings.Contains(text, "Authorization") {
			t.Errorf("the origin got %q", text)
		}
	}
	g.refused(t, g.get(t, target(st), "Authorization: Bearer "+other), 403, "wrong_stream")
	g.refused(t, g.get(t, target(token), "Authorization: Bearer "+harness.BreakSignature(token)), 401, "bad_signature")
}

// Issuer and audience that a reload adds count for sessions as for their tokens.
func TestSessionsAreOfTheirIssuer(t *testing.T) {
	t.Parallel()
	g, s := guardSessions(t, setup{}, playlistAnd(segments))
	token := g.key.Sign(t, harness.Good("org1", "cam").With("iss", "https://one.test").With("aud", []string{"app", "web"}))
	st := g.sessionToken(t, token)
	playgate := s.playgate
	for _, tc := range []struct {
		lines string
		good  bool
	}{
		{"", true},
		{"issuer https://one.test", true},
		{"issuer https://two.test", false},
		{"audience other app", true},
		{"audience other", false},
		{"audience web", true}, // a site that changes from one to the other
		{"audience other web", true},
		{"issuer https://one.test\naudience app", true},
		{"issuer https://one.test\naudience One", false},
		{"issuer https://One.test\naudience app", false},
		{"", true},
	} {
		s.playgate = playgate + "\n" + tc.lines
		g.Reload(lasting(s))
		for what, text := range map[string]string{"the token": token, "its session": st} {
			a := g.get(t, target(text))
			switch {
			case tc.good:
				g.allowed(t, a)
			case a.Status != http.StatusUnauthorized || problemOf(t, a).Reason != "issuer":
				t.Errorf("%q: %s: status %d\n%s", tc.lines, what, a.Status, a.Body)
			}
		}
	}
}

// A token that lives as long as it may, and was issued within a second, is good for as
// long as its session.
func TestSessionOfTheLongestToken(t *testing.T) {
	t.Parallel()
	g, _ := guardSessions(t, setup{playgate: "lifetime 1h 2h"}, playlistAnd(segments))
	now := time.Now().Unix()
	for iat, reason := range map[float64]string{float64(now) - 10: "", float64(now) - 10.5: "", float64(now) - 11: "lifetime"} {
		token := g.key.Sign(t, harness.Good("org1", "cam").With("iat", iat).With("exp", now-10+7200))
		a := g.get(t, "/live/org1/cam/index.m3u8?token="+token)
		if reason != "" {
			g.refused(t, a, http.StatusUnauthorized, reason)
			continue
		}
		g.allowed(t, g.get(t, target(token)))
		g.allowed(t, g.get(t, target(g.sessionToken(t, token))))
	}
}

// A session key that is replaced ends sessions, and nothing that is running.
func TestReplacedSessionKeyCutsNothing(t *testing.T) {
	t.Parallel()
	g, s := guardSessions(t, setup{playgate: "leeway 0s"}, playlistAnd(new(endless)))
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	st := g.sessionToken(t, token)
	var over []chan ended
	for _, text := range []string{token, st} {
		over = append(over, g.begin(t, "?token="+text))
	}
	other := strings.Replace(lasting(s), "session_key {env.SESSION_KEY}", "session_key {env.OTHER_KEY}", 1)
	for _, caddyfile := range []string{other, strings.Replace(lasting(s), "session_key {env.SESSION_KEY}", "", 1)} {
		g.Reload(caddyfile)
		g.refused(t, g.get(t, target(st)), 401, "unknown_key")
		// What runs has been looked at when a token's end has cut another viewer.
		short := g.key.Sign(t, harness.Good("org1", "cam").With("exp", time.Now().Unix()+2))
		select {
		case <-g.begin(t, "?token="+short):
		case <-time.After(harness.Deadline):
			t.Fatal("an expired token is not cut")
		}
		for n, over := range over {
			select {
			case got := <-over:
				t.Fatalf("viewer %d was cut: %v", n, got.err)
			default:
			}
		}
	}
	g.allowed(t, g.get(t, "/live/org1/cam/index.m3u8?token="+token))
}
