package integration_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/playgate/playgate/integration/harness"
)

// One token cannot end another's WHEP session, whatever it sends, nor keep its own
// alive: only the origin that has a session says that it is gone. Another origin that
// can be reached under the same host says nothing about it.
func TestWHEPSessionIsGoneOnlyAtItsOwnOrigin(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		option  string // of the other gate
		request func(token, session string) harness.Request
		other   int // what the other origin answers
		status  int
		asked   bool // its own origin is asked at once
	}{
		{"DELETE, 200", "", func(token, session string) harness.Request {
			return harness.Request{Method: http.MethodDelete, Target: session + "?token=" + token}
		}, 200, 200, true},
		{"DELETE, 404", "", func(token, session string) harness.Request {
			return harness.Request{Method: http.MethodDelete, Target: session + "?token=" + token}
		}, 404, 404, true},
		{"DELETE, 410", "", func(token, session string) harness.Request {
			return harness.Request{Method: http.MethodDelete, Target: session + "?token=" + token}
		}, 410, 410, true},
		{"DELETE without a token, reported", "report_only on", func(_, session string) harness.Request {
			return harness.Request{Method: http.MethodDelete, Target: session}
		}, 200, 200, false},
		{"DELETE, reported", "report_only on", func(token, session string) harness.Request {
			return harness.Request{Method: http.MethodDelete, Target: session + "?token=" + token}
		}, 404, 404, true},
		{"a session of the same URL", "", func(token, _ string) harness.Request {
			return post("/live/org1/cam/whep?token=" + token)
		}, 200, 502, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			key := harness.NewKey(t, "main", "EdDSA")
			signals, elsewhere := new(signalling), new(signalling)
			elsewhere.set("", tc.other)
			origin, other := harness.NewOrigin(t, signals), harness.NewOrigin(t, elsewhere)
			port := harness.Loopback(harness.Port(t))
			caddyfile := setup{playgate: "leeway 0s", gate: whepRule}.caddyfile() + `
http://` + port + ` {
	playgate {
		` + whepRule + tc.option + `
	}
	log {
		format playgate json
	}
	reverse_proxy {$OTHER}
}
`
			server := harness.Serve(t, caddyfile, harness.Env{"KEY": key.PublicFile, "ORIGIN": origin.Addr, "OTHER": other.Addr})
			expires := time.Now().Add(4 * time.Second).Truncate(time.Second)
			token := key.Sign(t, harness.Good("org1", "cam").With("exp", expires.Unix()))
			client := harness.Clients()[0]
			session := bare(client.Do(t, server, post("/live/org1/cam/whep?token="+token)).Header.Get("Location"))
			if session == "" {
				t.Fatal("no session began")
			}
			signals.set("", 500) // the next DELETE fails
			second := *server
			second.HTTP = port
			if answer := client.Do(t, &second, tc.request(token, session)); answer.Status != tc.status {
				t.Fatalf("the other site: status %d\n%s", answer.Status, answer.Body)
			}
			want := 2 // with the one that fails
			if tc.asked {
				deletedIn(t, origin, 1, cutWithin)
			}
			for _, c := range deletedIn(t, origin, want, time.Until(expires.Add(cutWithin))) {
				if c.Target != session || strings.Contains(c.Head, token) {
					t.Errorf("its origin got\n%s", c.Head)
				}
			}
		})
	}
}

// A session of a token that plays a public stream cannot be reached by another writing of
// its URL, under another host, with another query, or with a slash that an origin drops.
func TestWHEPSessionHasOneURL(t *testing.T) {
	t.Parallel()
	sloppy := new(signalling)
	g := guard(t, setup{playgate: "org org1 {\nsecure off\n}", gate: whepRule}, sloppy)
	client := harness.Clients()[0]
	token, other := g.key.Token(t, "--org", "org1", "--stream", "cam"), g.key.Token(t, "--org", "org1", "--orgwide")
	bearer := "Authorization: Bearer " + token
	mine := bare(client.Do(t, g.Server, post("/live/org1/cam/whep", bearer)).Header.Get("Location"))
	public := client.Do(t, g.Server, post("/live/org1/cam/whep")).Header.Get("Location")
	g.origin.Forget()
	port := strings.Split(g.HTTP, ":")[1]
	for _, method := range []string{http.MethodPatch, http.MethodDelete} {
		for _, path := range []string{mine + "?x=1", mine + "/", mine + "?token=" + other, mine + "?x=1&token=" + other, mine + ";x=1", strings.Replace(mine, "whep", "%77hep", 1) + "?y", mine + "/x", "/live/org1/cam/whep/99"} {
			for _, host := range []string{g.HTTP, "localhost:" + port, "LOCALHOST.:" + port} {
				a := harness.Raw(t, g.Server, fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", method, path, host))
				if a.Status != 404 && a.Status != 400 && a.Status != 200 || len(g.origin.Calls()) > 0 {
					t.Fatalf("%s %s at %s: status %d; the origin got %v", method, path, host, a.Status, g.origin.Calls())
				}
			}
		}
	}
	for path, header := range map[string]string{mine: bearer, public: "X: y"} {
		if a := client.Do(t, g.Server, harness.Request{Method: http.MethodDelete, Target: path, Header: []string{header}}); a.Status != 200 {
			t.Errorf("DELETE %s: status %d\n%s", path, a.Status, a.Body)
		}
	}
}

// While its stream needs no token, a session is changed and ended by its owner's also when
// that has expired.
func TestWHEPOfAnExpiredTokenOnAPublicStream(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{playgate: "leeway 0s\norg org1 {\nsecure off\n}", gate: whepRule}, new(signalling))
	client := harness.Clients()[0]
	expires := time.Now().Unix() + 2
	token := g.key.Sign(t, harness.Good("org1", "cam").With("exp", expires))
	other := g.key.Sign(t, harness.Good("org1", "cam").With("exp", expires).With("jti", "other"))
	mine := bare(client.Do(t, g.Server, post("/live/org1/cam/whep?token="+token)).Header.Get("Location"))
	harness.Wait(t, "the token's end", func() bool { return time.Now().Unix() > expires })
	for _, method := range []string{http.MethodPatch, http.MethodDelete} {
		g.refused(t, client.Do(t, g.Server, harness.Request{Method: method, Target: mine + "?token=" + other}), 401, "expired")
		if a := client.Do(t, g.Server, harness.Request{Method: method, Target: mine + "?token=" + token}); a.Status >= 300 {
			t.Errorf("%s: status %d\n%s", method, a.Status, a.Body)
		}
	}
}

// stuck is an origin that never answers a DELETE.
type stuck struct {
	signalling

	end chan struct{}
}

func (s *stuck) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodDelete {
		select {
		case <-s.end:
		case <-r.Context().Done():
		}
		return
	}
	s.signalling.ServeHTTP(w, r)
}

// Two sites have hosts, organisations and origins of their own. What one tenant does with
// its sessions, and what its origin makes of it, delays and blocks nothing of the other.
func TestWHEPTenantsDoNotMeet(t *testing.T) {
	t.Parallel()
	key := harness.NewKey(t, "main", "EdDSA")
	slow := &stuck{end: make(chan struct{})}
	t.Cleanup(func() { close(slow.end) })
	origin, evil := harness.NewOrigin(t, new(signalling)), harness.NewOrigin(t, slow)
	caddyfile := "{\n" + globals + "playgate {\nstore off\nleeway 0s\nkey main {\nfile {$KEY}\n}\n}\nlog default {\nformat playgate json\n}\n}\n"
	for host, site := range map[string]string{"acme.test": "org1 {$ORIGIN}", "evil.test": "org2 {$OTHER}"} {
		org, upstream, _ := strings.Cut(site, " ")
		caddyfile += "http://" + host + ":{$HTTP_PORT} {\nplaygate {\nstream /live/{stream}/* {\nmethods whep\n}\ndefault_org " + org + "\n}\nreverse_proxy " + upstream + "\n}\n"
	}
	caddyfile += "http://127.0.0.1:{$HTTP_PORT} {\nrespond x\n}\n" // which tells that it listens
	server := harness.Serve(t, caddyfile, harness.Env{"KEY": key.PublicFile, "ORIGIN": origin.Addr, "OTHER": evil.Addr})
	begin := func(host, token string) harness.Answer {
		t.Helper()
		return harness.Raw(t, server, fmt.Sprintf("POST /live/cam/whep HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx", host, token))
	}
	// Sessions of the same numbers at both origins.
	expires := time.Now().Add(6 * time.Second).Truncate(time.Second)
	sign := func(org, id string) string {
		return key.Sign(t, harness.Good(org, "cam").With("jti", id).With("exp", expires.Unix()))
	}
	const tokens = 16
	for n := range tokens {
		for range 8 {
			if a := begin("evil.test", sign("org2", fmt.Sprint("evil-", n))); a.Status != 201 {
				t.Fatalf("evil: status %d\n%s", a.Status, a.Body)
			}
		}
	}
	mine := sign("org1", "mine")
	for range 3 {
		if a := begin("acme.test", mine); a.Status != 201 {
			t.Fatalf("status %d\n%s", a.Status, a.Body)
		}
	}
	deletedIn(t, origin, 3, time.Until(expires.Add(cutWithin)))
	t.Logf("the last of 3 DELETEs came %v after expiry", time.Since(expires))
}
