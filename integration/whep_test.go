package integration_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/playgate/playgate/integration/harness"
)

// signalling is an origin that speaks WHEP without media. It answers a DELETE as
// its test says, and else well.
type signalling struct {
	mu       sync.Mutex
	sessions int
	location string // of the next answers; "" for /live/ORG/STREAM/whep/N
	deletes  []int  // the statuses of the next DELETEs
}

func (s *signalling) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.Method {
	case http.MethodOptions:
		w.Header().Set("Link", `<stun:stun.example.com>; rel="ice-server"`)
		w.WriteHeader(http.StatusNoContent)
	case http.MethodPost:
		s.sessions++
		location := s.location
		if location == "" {
			location = fmt.Sprintf("%s/%d", r.URL.Path, s.sessions)
		}
		if location != "none" {
			w.Header().Set("Location", location)
		}
		w.Header().Set("Content-Type", "application/sdp")
		w.Header().Set("Etag", `"ice-1"`)
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte("v=0 answer"))
	case http.MethodPatch:
		w.WriteHeader(http.StatusNoContent)
	case http.MethodDelete:
		status := http.StatusOK
		if len(s.deletes) > 0 {
			status, s.deletes = s.deletes[0], s.deletes[1:]
		}
		w.WriteHeader(status)
	default:
		_, _ = w.Write([]byte("media"))
	}
}

func (s *signalling) set(location string, deletes ...int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.location, s.deletes = location, deletes
}

const whepRule = "stream /live/{org}/{stream}/* {\nmethods whep\n}\n"

const offer = "v=0 offer"

func post(target string, headers ...string) harness.Request {
	return harness.Request{Method: http.MethodPost, Target: target, Header: append(headers, "Content-Type: application/sdp"), Body: offer}
}

// calls are the requests of a method that the origin got.
func calls(o *harness.Origin, method string) (list []harness.Recorded) {
	for _, c := range o.Calls() {
		if c.Method == method {
			list = append(list, c)
		}
	}
	return list
}

// pathOf is a Location that may be absolute, without scheme and host.
func pathOf(location string) string {
	if i := strings.Index(location, "://"); i >= 0 {
		if j := strings.IndexByte(location[i+3:], '/'); j >= 0 {
			return location[i+3+j:]
		}
	}
	return location
}

// A WHEP session begins, is changed and ends with nothing but its first URL, or
// with the token in the header, in each mode of propagation and version of HTTP.
// The origin gets what the client sent, and no token.
func TestWHEP(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"query", "path", "session", "off", "cookie"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s := setup{gate: whepRule + "propagate " + mode, playgate: "key main {\nfile {$KEY}\n}\nsession_key {env.SECRET}"}
			if mode == "cookie" {
				s.gate += "\ncors https://page.example.com"
			}
			key := harness.NewKey(t, "main", "EdDSA")
			origin := harness.NewOrigin(t, new(signalling))
			server := harness.Serve(t, s.caddyfile(), harness.Env{"KEY": key.PublicFile, "ORIGIN": origin.Addr, "SECRET": strings.Repeat("k", 32)})
			g := &guarded{server, origin, key}
			token := key.Sign(t, harness.Good("org1", "cam").With("jti", "viewer-1"))
			bearer := "Authorization: Bearer " + token
			for _, client := range harness.Clients() {
				for place, first := range map[string]harness.Request{
					"query":  post("/live/org1/cam/whep?token=" + token),
					"path":   post("/live/~" + token + "/org1/cam/whep"),
					"header": post("/live/org1/cam/whep", bearer),
				} {
					if place != "header" && (mode == "off" || mode == "cookie") && place != "path" {
						continue // nothing carries the token on
					}
					if place == "path" && mode == "cookie" {
						continue
					}
					what := client.Name + ", " + place
					origin.Forget()
					made := client.Do(t, server, first)
					if made.Status != http.StatusCreated || string(made.Body) != "v=0 answer" {
						t.Errorf("%s: status %d\n%s", what, made.Status, made.Body)
						continue
					}
					got := origin.Last(t)
					if got.Target != "/live/org1/cam/whep" || string(got.Body) != offer || strings.Join(got.Values("X-Playgate-Token-Id"), " ") != "viewer-1" || len(got.Values("Authorization")) > 0 {
						t.Errorf("%s: the origin got\n%s\n%s", what, got.Head, got.Body)
					}
					if cc := made.Header.Get("Cache-Control"); !strings.Contains(cc, "no-store") {
						t.Errorf("%s: Cache-Control %q", what, cc)
					}
					next := pathOf(made.Header.Get("Location"))
					var headers []string
					if place == "header" {
						headers = []string{bearer}
					}
					bare := calls(origin, "POST")[0].Target
					patch := client.Do(t, server, harness.Request{Method: http.MethodPatch, Target: next, Body: "a=candidate", Header: append(headers, `If-Match: "ice-1"`, "Content-Type: application/trickle-ice-sdpfrag")})
					got = origin.Last(t)
					if patch.Status != http.StatusNoContent || got.Method != "PATCH" || !strings.HasPrefix(got.Target, bare+"/") || string(got.Body) != "a=candidate" || strings.Join(got.Values("If-Match"), " ") != `"ice-1"` {
						t.Errorf("%s: PATCH %s: status %d\n%s\nthe origin got %s %s", what, next, patch.Status, patch.Body, got.Head, got.Body)
					}
					ended := client.Do(t, server, harness.Request{Method: http.MethodDelete, Target: next, Header: headers})
					if got = origin.Last(t); ended.Status != http.StatusOK || got.Method != "DELETE" || !strings.HasPrefix(got.Target, bare+"/") {
						t.Errorf("%s: DELETE: status %d, the origin got %s", what, ended.Status, got.Head)
					}
					// It is over: nothing of it gets to the origin any more.
					mark := len(origin.Raw())
					g.refused(t, client.Do(t, server, harness.Request{Method: http.MethodPatch, Target: next, Body: "x", Header: headers}), 404, "no_stream")
					g.refused(t, client.Do(t, server, harness.Request{Method: http.MethodDelete, Target: next, Header: headers}), 404, "no_stream")
					origin.SawNothing(t, mark)
				}
			}
			if strings.Contains(origin.Raw(), harness.Signature(token)) {
				t.Error("the origin got the token")
			}
		})
	}
}

// A session belongs to the token that began it. Another one, of the same stream
// or organisation too, can neither change nor end it.
func TestWHEPBelongsToItsToken(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{gate: whepRule}, new(signalling))
	mine := g.key.Token(t, "--org", "org1", "--stream", "cam")
	client := harness.Clients()[0]
	location := client.Do(t, g.Server, post("/live/org1/cam/whep?token="+mine)).Header.Get("Location")
	bare, _, _ := strings.Cut(location, "?")
	if bare == "" {
		t.Fatalf("Location %q", location)
	}
	mark := len(g.origin.Raw())
	try := func(method, target string, headers ...string) harness.Answer {
		return client.Do(t, g.Server, harness.Request{Method: method, Target: target, Header: headers})
	}
	for _, method := range []string{http.MethodPatch, http.MethodDelete} {
		g.refused(t, try(method, bare+"?token="+g.key.Token(t, "--org", "org1", "--stream", "cam")), 404, "no_stream")
		g.refused(t, try(method, bare+"?token="+g.key.Token(t, "--org", "org1", "--orgwide")), 404, "no_stream")
		g.refused(t, try(method, bare+"?token="+g.key.Token(t, "--org", "org1", "--stream", "cam2")), 403, "wrong_stream")
		g.refused(t, try(method, bare+"?token="+g.key.Token(t, "--org", "org2", "--stream", "cam")), 403, "wrong_org")
		g.refused(t, try(method, bare), 401, "missing_token")
		g.refused(t, try(method, bare+"0?token="+mine), 404, "no_stream")
		g.refused(t, try(method, bare+"?more=1&token="+mine), 404, "no_stream")
		g.refused(t, try(method, strings.Replace(bare, "/cam/", "/cam2/", 1)+"?token="+mine), 403, "wrong_stream")
		// Browsers send cookies along with what any page asks for.
		g.refused(t, try(method, bare, "Cookie: playgate_token="+mine), 401, "missing_token")
	}
	g.refused(t, client.Do(t, g.Server, post("/live/org1/cam/whep", "Cookie: playgate_token="+mine)), 401, "missing_token")
	g.refused(t, client.Do(t, g.Server, post("/live/org1/cam/whep")), 401, "missing_token")
	g.refused(t, client.Do(t, g.Server, post("/live/org1/cam2/whep?token="+mine)), 403, "wrong_stream")
	g.origin.SawNothing(t, mark)
	if got := try(http.MethodDelete, location).Status; got != http.StatusOK {
		t.Errorf("its own token: status %d", got)
	}
}

// Only a rule that says so lets the methods of WHEP pass, and preflights tell.
func TestWHEPMethods(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{gate: "stream /rtc/{org}/{stream}/* {\nmethods whep\n}\n" + liveRule}, new(signalling))
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	client := harness.Clients()[0]
	mark := len(g.origin.Raw())
	for _, method := range []string{"POST", "PATCH", "DELETE", "OPTIONS", "PUT", "TRACE", "post", "PROPFIND"} {
		answer := client.Do(t, g.Server, harness.Request{Method: method, Target: target(token)})
		g.refused(t, answer, 405, "method")
		if got := answer.Header.Get("Allow"); got != "GET, HEAD, OPTIONS" {
			t.Errorf("%s: Allow %q", method, got)
		}
	}
	for _, method := range []string{"PUT", "TRACE", "post", "PROPFIND"} {
		answer := client.Do(t, g.Server, harness.Request{Method: method, Target: "/rtc/org1/cam/whep?token=" + token})
		g.refused(t, answer, 405, "method")
		if got := answer.Header.Get("Allow"); got != "GET, HEAD, POST, PATCH, DELETE, OPTIONS" {
			t.Errorf("%s: Allow %q", method, got)
		}
	}
	preflight := client.Do(t, g.Server, harness.Request{Method: "OPTIONS", Target: "/rtc/org1/cam/whep", Header: []string{
		"Origin: https://page.example.com", "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization, content-type, if-match",
	}})
	if got := preflight.Header.Get("Access-Control-Allow-Methods"); preflight.Status != 204 || got != "GET, HEAD, POST, PATCH, DELETE, OPTIONS" {
		t.Errorf("preflight: status %d, methods %q", preflight.Status, got)
	}
	if got := preflight.Header.Get("Access-Control-Allow-Headers"); !strings.Contains(got, "If-Match") {
		t.Errorf("preflight: headers %q", got)
	}
	// Without a token the servers for ICE, which may hold a password, stay unknown.
	g.refused(t, client.Do(t, g.Server, harness.Request{Method: "OPTIONS", Target: "/rtc/org1/cam/whep"}), 401, "missing_token")
	g.origin.SawNothing(t, mark)
	servers := client.Do(t, g.Server, harness.Request{Method: "OPTIONS", Target: "/rtc/org1/cam/whep?token=" + token})
	if servers.Header.Get("Link") == "" || servers.Status != 204 {
		t.Errorf("OPTIONS: status %d, Link %q", servers.Status, servers.Header.Get("Link"))
	}
}

// deletedIn waits for a number of DELETEs at the origin.
func deletedIn(t *testing.T, o *harness.Origin, n int, within time.Duration) []harness.Recorded {
	t.Helper()
	if !harness.Eventually(within, func() bool { return len(calls(o, "DELETE")) >= n }) {
		t.Fatalf("the origin got %d DELETEs instead of %d within %v", len(calls(o, "DELETE")), n, within)
	}
	return calls(o, "DELETE")
}

// When a token expires, the gate itself deletes the sessions that it began, also
// after a reload, and tries three times. Its owner may do so 10 minutes longer.
func TestWHEPEndsAtExpiry(t *testing.T) {
	t.Parallel()
	origin := new(signalling)
	s := setup{playgate: "leeway 0s", gate: whepRule, site: "header X-Below yes\nrequest_header X-Handler below"}
	g := guard(t, s, origin)
	client := harness.Clients()[0]
	expires := time.Now().Add(4 * time.Second).Truncate(time.Second)
	token := g.key.Sign(t, harness.Good("org1", "cam").With("jti", "viewer-1").With("exp", expires.Unix()))
	var locations []string
	for range 3 {
		locations = append(locations, client.Do(t, g.Server, post("/live/org1/cam/whep?x=1&token="+token)).Header.Get("Location"))
	}
	// One of them ends before.
	if got := client.Do(t, g.Server, harness.Request{Method: "DELETE", Target: locations[0]}).Status; got != 200 {
		t.Fatalf("DELETE: status %d", got)
	}
	g.origin.Forget()
	origin.set("", 500, 503, 500, 500, 500)
	s.gate = whepRule + "errors verbose"
	g.Reload(s.caddyfile())
	got := deletedIn(t, g.origin, 6, time.Until(expires.Add(cutWithin+time.Second)))
	late := time.Since(expires)
	tries := map[string]int{}
	for _, c := range got {
		tries[c.Target]++
		if strings.Join(c.Values("X-Playgate-Token-Id"), " ") != "viewer-1" || strings.Join(c.Values("X-Handler"), " ") != "below" || strings.Contains(c.Head, "token=") {
			t.Errorf("the origin got\n%s", c.Head)
		}
	}
	t.Logf("the last of 6 DELETEs came %v after expiry: %v", late, tries)
	if len(tries) != 2 || tries["/live/org1/cam/whep/2"]+tries["/live/org1/cam/whep/3"] != 6 || late < 0 {
		t.Errorf("%v after expiry: %v", late, tries)
	}
	// Five answers said no: one session has ended at its second or third try, the
	// other not at all, and only that one is still there for its owner.
	harness.Wait(t, "a line about the session that goes on", func() bool { return strings.Contains(g.Everything(), "could not be ended") })
	answers := map[int]int{}
	for _, location := range locations[1:] {
		refused := client.Do(t, g.Server, harness.Request{Method: "PATCH", Target: location, Body: "x"})
		g.refused(t, refused, 401, "expired")
		answers[client.Do(t, g.Server, harness.Request{Method: "DELETE", Target: location}).Status]++
	}
	if answers[200] != 1 || answers[401] != 1 {
		t.Errorf("DELETE by the owner after expiry: %v", answers)
	}
	if n := len(calls(g.origin, "PATCH")); n != 0 {
		t.Errorf("the origin got %d PATCHes after expiry", n)
	}
}

// Revocation ends sessions within a second, those of session tokens too, and only
// those; so does the end of the process.
func TestWHEPEndsAtRevocation(t *testing.T) {
	t.Parallel()
	i := startIssuingFor(t, new(signalling), strings.Replace(issuer, liveRule, whepRule, 1), nil)
	i.do(t, "org", "create", "org1")
	token := i.do(t, "token", "create", "--org", "org1", "--stream", "cam")
	other := i.do(t, "token", "create", "--org", "org1", "--stream", "cam")
	client := harness.Clients()[0]
	first := client.Do(t, i.Server, post("/live/org1/cam/whep?token="+token)).Header.Get("Location")
	session := sessionToken.FindString(first)
	if session == "" {
		t.Fatalf("Location %q", first)
	}
	second := client.Do(t, i.Server, post("/live/org1/cam/whep?token="+session)).Header.Get("Location")
	third := client.Do(t, i.Server, post("/live/org1/cam/whep?token="+other)).Header.Get("Location")
	if second == "" || third == "" {
		t.Fatalf("Locations %q and %q", second, third)
	}
	i.do(t, "token", "revoke", harness.TokenID(t, token), "--org", "org1")
	began := time.Now()
	got := deletedIn(t, i.origin, 2, cutWithin)
	t.Logf("deleted %v after the revocation", time.Since(began))
	if targets := got[0].Target + " " + got[1].Target; !strings.Contains(targets, "/whep/1") || !strings.Contains(targets, "/whep/2") {
		t.Errorf("deleted %s", targets)
	}
	if status := client.Do(t, i.Server, harness.Request{Method: "PATCH", Target: third, Body: "x"}).Status; status != 204 {
		t.Errorf("the other token's session: status %d", status)
	}
	if err := i.Stop(); err != nil {
		t.Error(err)
	}
	if got := deletedIn(t, i.origin, 3, harness.Deadline)[2].Target; !strings.HasSuffix(got, "/whep/3") {
		t.Errorf("at the end of the process: %s", got)
	}
}

// A session that began without a token ends when its stream needs one.
func TestWHEPEndsWhenNotPublicAnyMore(t *testing.T) {
	t.Parallel()
	i := startIssuingFor(t, new(signalling), strings.Replace(issuer, liveRule, whepRule, 1), nil)
	i.do(t, "org", "create", "org1")
	i.do(t, "org", "secure", "org1", "off", "--for", "1h", "--reason", "rehearsal")
	client := harness.Clients()[0]
	made := client.Do(t, i.Server, post("/live/org1/cam/whep"))
	location := made.Header.Get("Location")
	if made.Status != 201 || location != "/live/org1/cam/whep/1" {
		t.Fatalf("status %d, Location %q", made.Status, location)
	}
	if got := client.Do(t, i.Server, harness.Request{Method: "PATCH", Target: location, Body: "x"}).Status; got != 204 {
		t.Errorf("PATCH: status %d", got)
	}
	i.do(t, "org", "secure", "org1", "mend")
	if got := deletedIn(t, i.origin, 1, cutWithin)[0]; got.Target != location || len(got.Values("X-Playgate-Token-Id")) > 0 {
		t.Errorf("the origin got\n%s", got.Head)
	}
	i.refused(t, client.Do(t, i.Server, harness.Request{Method: "DELETE", Target: location}), 401, "missing_token")
}

// A session that the gate could not end does not begin, unless nothing is cut.
func TestWHEPWithoutAUsableLocation(t *testing.T) {
	t.Parallel()
	for _, option := range []string{"", "cut off"} {
		t.Run(option, func(t *testing.T) {
			t.Parallel()
			origin := new(signalling)
			g := guard(t, setup{gate: whepRule + option}, origin)
			token := g.key.Token(t, "--org", "org1", "--stream", "cam")
			for _, location := range []string{
				"none", "https://elsewhere.example.com/live/org1/cam/whep/1", "//elsewhere.example.com/live/org1/cam/1",
				"/live/org1/cam2/whep/1", "/live/org2/cam/whep/1", "/other/1", "/live/org1/cam/../cam2/1", "/live/org1/cam/%2e%2e/1", "mailto:x@example.com", "",
			} {
				origin.set(location)
				for _, client := range harness.Clients() {
					answer := client.Do(t, g.Server, post("/live/org1/cam/whep?token="+token))
					good := location == "" || option != ""
					if good != (answer.Status == 201) || !good && (answer.Status != 502 || strings.Contains(string(answer.Body), "v=0") || answer.Header.Get("Location") != "") {
						t.Errorf("%s: Location %q: status %d\n%s", client.Name, location, answer.Status, answer.Body)
					}
					if got := answer.Header.Get("Location"); location != "" && strings.Contains(got, token) {
						t.Errorf("the token leaks to %s", got)
					}
				}
			}
		})
	}
}
