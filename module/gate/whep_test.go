package gate

import (
	"errors"
	"io"
	"net/http"
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
			resource := h.app.Edge().Resource("example.com" + location)
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
			query, err := h.places.readQuery(x.query.WithoutTokens())
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
			if left := h.app.Edge().Resource("example.com"+location) != nil; left != (name == "never") {
				t.Errorf("the session is still kept: %v", left)
			}
		})
	}
}
