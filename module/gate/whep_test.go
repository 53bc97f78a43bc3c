package gate

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/playgate/playgate/module/token"
)

// beginner answers a POST with a session at /live/acme/cam/whep/NAME.
func beginner(name string) *origin {
	return &origin{answer: func(w http.ResponseWriter, r *http.Request) error {
		if r.Method != http.MethodPost {
			w.WriteHeader(http.StatusNoContent)
			return nil
		}
		w.Header().Set("Location", "/live/acme/cam/whep/"+name)
		w.WriteHeader(http.StatusCreated)
		_, err := io.WriteString(w, "answer")
		return err
	}}
}

const whepLines = "stream /live/{org}/{stream}/* {\nmethods whep\n}\ncut off\npropagate query"

// The owner may delete a session until ten minutes after the token's end, and do
// nothing else with it; all other rules of the token hold as before.
func TestLateDelete(t *testing.T) {
	minute := time.Minute
	for _, tc := range []struct {
		name   string
		method string
		after  time.Duration // the end of the token
		remote string
		status int
		reason string
	}{
		{"in time", "DELETE", -minute, "", 204, ""},
		{"at the end", "DELETE", 0, "", 204, ""},
		{"ten minutes later", "DELETE", 10 * minute, "", 204, ""},
		{"more than ten minutes later", "DELETE", 10*minute + time.Second, "", 401, "expired"},
		{"a year later", "DELETE", 365 * 24 * 60 * minute, "", 401, "expired"},
		{"PATCH", "PATCH", minute, "", 401, "expired"},
		{"POST", "POST", minute, "", 401, "expired"},
		{"GET", "GET", minute, "", 401, "expired"},
		{"from elsewhere", "DELETE", minute, "198.51.100.7:1", 403, "forbidden"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newGate(t, whepLines)
			text := mint(t, func(g *token.Grant) { g.IPs = addressRules(t, "192.0.2.0/24") })
			o := beginner(strings.ReplaceAll(tc.name, " ", "-"))
			made := serve(t, h, o, request(http.MethodPost, "/live/acme/cam/whep?token="+text))
			location := made.Header().Get("Location")
			if made.Code != http.StatusCreated || !strings.HasSuffix(location, "?token="+text) {
				t.Fatalf("status %d, Location %q", made.Code, location)
			}
			o.passed = nil
			h.now = func() time.Time { return noon.Add(time.Hour + tc.after) }
			r := request(tc.method, location)
			if tc.remote != "" {
				setVar(r, caddyhttp.ClientIPVarKey, "198.51.100.7")
			}
			w := serve(t, h, o, r)
			if tc.reason != "" {
				refusedWith(t, w, o, tc.status, tc.reason)
				return
			}
			if got := o.only(t); w.Code != tc.status || got.Method != "DELETE" || got.URL.RawQuery != "" {
				t.Errorf("status %d; the origin got %s %s", w.Code, got.Method, got.URL)
			}
		})
	}
}

// A token that is only late deletes nothing that is not its own.
func TestLateDeleteOfAnother(t *testing.T) {
	h := newGate(t, whepLines)
	o := beginner("mine")
	serve(t, h, o, request(http.MethodPost, "/live/acme/cam/whep?token="+mint(t, nil)))
	o.passed = nil
	h.now = func() time.Time { return noon.Add(time.Hour + time.Minute) }
	other := mint(t, func(g *token.Grant) { g.ID = "token-2" })
	refusedWith(t, serve(t, h, o, request(http.MethodDelete, "/live/acme/cam/whep/mine?token="+other)), o, 401, "expired")
	refusedWith(t, serve(t, h, o, request(http.MethodDelete, "/live/acme/cam/whep/nobodys?token="+mint(t, nil))), o, 401, "expired")
	refusedWith(t, serve(t, h, o, request(http.MethodDelete, "http://other.example.com/live/acme/cam/whep/mine?token="+mint(t, nil))), o, 401, "expired")
}

// What the gate deletes itself goes through what stands below it, which may
// fail or panic.
func TestOwnDelete(t *testing.T) {
	for name, answers := range map[string][]any{
		"at once": {204}, "gone already": {404}, "at the third try": {500, "error", 200}, "after panics": {"panic", "panic", 410}, "never": {500, "panic", 401},
	} {
		t.Run(name, func(t *testing.T) {
			h := newGate(t, whepLines)
			var got []string
			below := caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
				next := answers[len(got)]
				got = append(got, r.Method+" "+r.RequestURI+" "+r.Host+" "+r.Header.Get("X-Playgate-Token-Id")+" "+replacer(r).ReplaceAll("{http.request.orig_uri}", ""))
				switch next {
				case "panic":
					panic("below")
				case "error":
					return errors.New("below")
				}
				w.WriteHeader(next.(int))
				return nil
			})
			o := beginner("own-" + strings.ReplaceAll(name, " ", "-"))
			location := "/live/acme/cam/whep/own-" + strings.ReplaceAll(name, " ", "-")
			serve(t, h, o, request(http.MethodPost, "/live/acme/cam/whep?token="+mint(t, nil)))
			resource := h.app.Edge().Resources.Find("example.com" + location)
			if resource == nil {
				t.Fatal("no session is kept")
			}
			text := mint(t, nil)
			x := exchange{incoming: incoming{h: h, r: request(http.MethodPost, "/live/acme/cam/whep?token="+text)}, next: below}
			if x.decision = x.judge(); !x.verdict.Allowed {
				t.Fatal(x.verdict.Reason)
			}
			target, err := h.rules.Find(location, x.query)
			if err != nil {
				t.Fatal(err)
			}
			query, err := h.places.ReadQuery(x.query.WithoutTokens())
			if err != nil {
				t.Fatal(err)
			}
			x.deletion(target, location, query).run(resource)
			for _, line := range got {
				if line != "DELETE "+location+" example.com token-1 "+location {
					t.Errorf("below the gate came %q", line)
				}
			}
			if len(got) != len(answers) {
				t.Errorf("%d tries instead of %d", len(got), len(answers))
			}
			if left := h.app.Edge().Resources.Find("example.com"+location) != nil; left != (name == "never") {
				t.Errorf("the session is still kept: %v", left)
			}
		})
	}
}

// crowded makes the limits of WHEP sessions small, for organisations that no other test
// has.
func crowded(t *testing.T, h *Handler, perToken, perOrg int) {
	t.Helper()
	limits := &h.app.Edge().Resources
	limits.PerToken, limits.PerOrg = perToken, perOrg
	t.Cleanup(func() { limits.PerToken, limits.PerOrg = 0, 0 })
}

// numbered answers each POST with a session of its own, under the path that was asked.
func numbered() *origin {
	n := 0
	return &origin{answer: func(w http.ResponseWriter, r *http.Request) error {
		if r.Method == http.MethodPost {
			n++
			w.Header().Set("Location", r.URL.Path+"/"+strconv.Itoa(n))
		}
		w.WriteHeader(http.StatusCreated)
		return nil
	}}
}

// Where an organisation has no room, a token that has no session is refused before the
// origin is asked; whatever else becomes of a request, it gives its room back.
func TestRoomForSessions(t *testing.T) {
	h := newGate(t, whepLines)
	crowded(t, h, 2, 2)
	of := func(id string) string {
		return "/live/crowd/cam/whep?token=" + mint(t, func(g *token.Grant) { g.Org, g.ID = "crowd", id })
	}
	begin := func(id string, o *origin) (int, http.Header) {
		w := serve(t, h, o, request(http.MethodPost, of(id)))
		return w.Code, w.Header()
	}
	// What fails takes no room for longer than it takes.
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request) error{
		"an error":      func(http.ResponseWriter, *http.Request) error { return caddyhttp.Error(502, errors.New("x")) },
		"a panic":       func(http.ResponseWriter, *http.Request) error { panic(http.ErrAbortHandler) },
		"another panic": func(http.ResponseWriter, *http.Request) error { panic("x") },
		"a refusal":     func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(400); return nil },
		"no Location":   func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(201); return nil },
		"Location elsewhere": func(w http.ResponseWriter, _ *http.Request) error {
			w.Header().Set("Location", "https://elsewhere.test/1")
			w.WriteHeader(201)
			return nil
		},
	} {
		for range 5 {
			if code, _ := begin("failing", &origin{answer: answer}); code == http.StatusTooManyRequests {
				t.Fatalf("%s keeps its room", name)
			}
		}
	}
	o := numbered()
	for _, id := range []string{"one", "two"} {
		if code, _ := begin(id, o); code != http.StatusCreated {
			t.Fatalf("%s: status %d", id, code)
		}
	}
	var none origin
	r := request(http.MethodPost, of("three"))
	w := serve(t, h, &none, r)
	refusedWith(t, w, &none, 429, "too_many_sessions")
	if w.Header().Get("Retry-After") != "2" || logFields(r)["playgate_token_id"] != "three" {
		t.Errorf("header %v, log %v", w.Header(), logFields(r))
	}
	for range 5 {
		code, header := begin("two", o)
		if code != http.StatusCreated || !strings.Contains(header.Get("Location"), "token=") {
			t.Errorf("a token that has one: status %d, header %v", code, header)
		}
	}
	if h.app.Edge().Resources.Find("example.com/live/crowd/cam/whep/1") == nil {
		t.Error("another token's has ended")
	}
	// Where it is only reported, the origin is asked, and the session is nobody's.
	reported := newGate(t, whepLines+"\nreport_only on")
	r = request(http.MethodPost, of("three"))
	if w := serve(t, reported, o, r); w.Code != http.StatusCreated || strings.Contains(w.Header().Get("Location"), "token") || logFields(r)["playgate_reason"] != "too_many_sessions" {
		t.Errorf("reported: status %d, header %v, log %v", w.Code, w.Header(), logFields(r))
	}
	if h.app.Edge().Resources.Find("example.com/live/crowd/cam/whep/8") != nil {
		t.Error("a session without room is kept")
	}
	// Without a token the oldest of those without one makes room.
	public := newGate(t, whepLines, "org crowd {\nsecure off\n}")
	for range 5 {
		if w := serve(t, public, o, request(http.MethodPost, "/live/crowd/cam/whep")); w.Code != http.StatusCreated {
			t.Errorf("public: status %d", w.Code)
		}
	}
	for path, kept := range map[string]bool{"1": true, "7": true, "9": false, "10": false, "11": false, "12": true, "13": true} {
		if (h.app.Edge().Resources.Find("example.com/live/crowd/cam/whep/"+path) != nil) != kept {
			t.Errorf("the session %s is kept: %v", path, !kept)
		}
	}
}

// The gate's own DELETE goes nowhere once the URL is not that session's any more: the
// origin may have given it to another one.
func TestNoDeleteOfWhatIsGone(t *testing.T) {
	h := newGate(t, whepLines)
	serve(t, h, beginner("gone"), request(http.MethodPost, "/live/acme/cam/whep?token="+mint(t, nil)))
	resources := &h.app.Edge().Resources
	const location = "/live/acme/cam/whep/gone"
	resource := resources.Find("example.com" + location)
	if resource == nil {
		t.Fatal("no session is kept")
	}
	var o origin
	x := exchange{incoming: incoming{h: h, r: request(http.MethodDelete, location+"?token="+mint(t, nil))}, next: &o}
	if x.decision = x.judge(); !x.verdict.Allowed {
		t.Fatal(x.verdict.Reason)
	}
	resources.Remove(resource)
	x.deletion(x.target, location, x.query).run(resource)
	o.sawNothing(t)
}

// A session is known by its URL, however that is written, and without tokens.
func TestURLsOfSessions(t *testing.T) {
	h := newGate(t, "")
	for _, tc := range [][2]string{
		{"/live/acme/cam/1", "example.com/live/acme/cam/1"},
		{"/live/acme/cam/%31", "example.com/live/acme/cam/1"},
		{"/live/acme/cam/a%20b~%7e", "example.com/live/acme/cam/a%20b~~"},
		{"/live/acme/cam/1?a=%31&b&token=" + mint(t, nil), "example.com/live/acme/cam/1?a=1&b="},
		{"/live/acme/cam/1?a=1%26b%3D2", "example.com/live/acme/cam/1?a=1%26b%3D2"},
		{"/live/acme/cam/1?a=1&b=2", "example.com/live/acme/cam/1?a=1&b=2"},
		{"/live/acme/cam/1?b=2&a=1", "example.com/live/acme/cam/1?b=2&a=1"},
	} {
		path, raw, _ := strings.Cut(tc[0], "?")
		query, err := h.places.ReadQuery(raw)
		if err != nil {
			t.Fatal(err)
		}
		for _, host := range []string{"example.com", "EXAMPLE.com:8443"} {
			if got := resourceURL(host, path, query); got != tc[1] {
				t.Errorf("%s: %s", tc[0], got)
			}
		}
	}
}

// A Location that is another token's session already is nobody else's: the client
// does not learn the origin's answer, or, where nothing is cut, gets no token for it.
func TestLocationOfAnotherSession(t *testing.T) {
	for lines, status := range map[string]int{whepLines: http.StatusCreated, strings.Replace(whepLines, "cut off", "cut on", 1): http.StatusBadGateway} {
		h := newGate(t, lines)
		o := beginner("taken")
		mine, other := mint(t, nil), mint(t, func(g *token.Grant) { g.ID = "token-2" })
		first := serve(t, h, o, request(http.MethodPost, "/live/acme/cam/whep?token="+mine))
		if first.Code != http.StatusCreated {
			t.Fatalf("status %d", first.Code)
		}
		for _, host := range []string{"", "http://other.example.com"} {
			w := serve(t, h, o, request(http.MethodPost, host+"/live/acme/cam/whep?token="+other))
			if location := w.Header().Get("Location"); w.Code != status || strings.Contains(location, "token") || status >= 500 && (location != "" || w.Body.String() == "answer") {
				t.Errorf("%s: status %d, Location %q\n%s", host, w.Code, location, w.Body)
			}
			o.passed = nil
			refusedWith(t, serve(t, h, o, request(http.MethodDelete, host+"/live/acme/cam/whep/taken?token="+other)), o, 404, "no_stream")
		}
		if w := serve(t, h, o, request(http.MethodDelete, "/live/acme/cam/whep/taken?token="+mine)); w.Code != http.StatusNoContent {
			t.Errorf("its owner: status %d", w.Code)
		}
	}
}
