package gate

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/token"
)

// panicOf runs f and returns what it panics with.
func panicOf(f func()) (p any) {
	defer func() { p = recover() }()
	f()
	return nil
}

// A panic in our own code is a refusal: what cannot be judged is not let through.
func TestOwnPanicIsARefusal(t *testing.T) {
	for name, breakIt := range map[string]func(*Handler){
		"a clock that fails": func(h *Handler) { h.now = func() time.Time { panic("clock") } },
		"no clock":           func(h *Handler) { h.now = nil },
		"a rule that is nil": func(h *Handler) { h.rules.Rules[0] = nil },
		"no terms of tokens": func(h *Handler) { h.policy.Terms = nil },
	} {
		for _, option := range []string{"", "report_only on"} {
			t.Run(name+" "+option, func(t *testing.T) {
				h := newGate(t, option)
				breakIt(h)
				var o origin
				p := refusedWith(t, get(t, h, &o, media+"?token="+mint(t, nil)), &o, 500, "internal")
				if p.Detail != "" {
					t.Errorf("the client is told %q", p.Detail)
				}
			})
		}
	}
}

// So is one that comes when the header is about to go out.
func TestOwnPanicInTheAnswerIsARefusal(t *testing.T) {
	for _, target := range []string{media, playlist} {
		h := newGate(t, "")
		calls := 0
		h.now = func() time.Time {
			if calls++; calls > 1 {
				panic("clock")
			}
			return noon
		}
		o := origin{answer: func(w http.ResponseWriter, _ *http.Request) error {
			w.Header().Set("Etag", `"below"`)
			_, err := io.WriteString(w, "#EXTM3U\nseg.ts\n")
			return err
		}}
		w := httptest.NewRecorder()
		r := request(http.MethodGet, target+"?token="+mint(t, nil))
		var err error
		if p := panicOf(func() { err = h.ServeHTTP(w, r, &o) }); p != nil {
			t.Errorf("%s: the gate panicked before anything had gone out: %v", target, p)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if p := readProblem(t, w, 500); p.Reason != "internal" || w.Header().Get("Etag") != "" {
			t.Errorf("%s: %+v, header %v", target, p, w.Header())
		}
	}
}

// A panic below the gate before the header is answered; after it the
// connection must break, or a truncated file would look complete.
func TestPanicBelow(t *testing.T) {
	h := newGate(t, "")
	tok := mint(t, nil)
	for name, tc := range map[string]struct {
		panics any
		status int
	}{
		"a bug":           {"boom", 500},
		"an error":        {errors.New("boom"), 500},
		"an aborted copy": {http.ErrAbortHandler, 502},
	} {
		t.Run(name+" before the header", func(t *testing.T) {
			o := origin{answer: func(w http.ResponseWriter, _ *http.Request) error {
				w.Header().Set("Content-Length", "100")
				panic(tc.panics)
			}}
			p := readProblem(t, get(t, h, &o, media+"?token="+tok), tc.status)
			if tc.status == 500 && p.Reason != "internal" {
				t.Errorf("the reason is %q", p.Reason)
			}
		})
		t.Run(name+" in the middle of a playlist", func(t *testing.T) {
			o := origin{answer: func(w http.ResponseWriter, _ *http.Request) error {
				_, _ = io.WriteString(w, "#EXTM3U\nseg-1.ts\n")
				panic(tc.panics)
			}}
			w := get(t, h, &o, playlist+"?token="+tok)
			readProblem(t, w, tc.status)
		})
		t.Run(name+" after the header", func(t *testing.T) {
			o := origin{answer: func(w http.ResponseWriter, _ *http.Request) error {
				_, _ = io.WriteString(w, "half")
				panic(tc.panics)
			}}
			w := httptest.NewRecorder()
			r := request(http.MethodGet, media+"?token="+tok)
			p := panicOf(func() { _ = h.ServeHTTP(w, r, &o) })
			if p == nil {
				t.Fatal("the gate ended the answer as if it were complete")
			}
			if tc.panics == any(http.ErrAbortHandler) && p != tc.panics {
				t.Errorf("the gate panicked with %v: the server would log a stack", p)
			}
			if w.Body.String() != "half" {
				t.Errorf("after the half answer came %q", w.Body)
			}
		})
	}
}

// An error after the header has gone out breaks the connection as well.
func TestErrorAfterTheHeaderAborts(t *testing.T) {
	for _, option := range []string{"", "errors terse pass"} {
		h := newGate(t, option)
		o := origin{answer: func(w http.ResponseWriter, _ *http.Request) error {
			_, _ = io.WriteString(w, "half")
			return errors.New("gone")
		}}
		w := httptest.NewRecorder()
		r := request(http.MethodGet, media+"?token="+mint(t, nil))
		if p := panicOf(func() { _ = h.ServeHTTP(w, r, &o) }); p != any(http.ErrAbortHandler) {
			t.Errorf("the gate panicked with %v", p)
		}
		if w.Body.String() != "half" {
			t.Errorf("the client got %q", w.Body)
		}
	}
}

// The method that was judged is back when the gate has returned, whatever
// happened: the access log and error routes read it.
func TestMethodIsRestored(t *testing.T) {
	h := newGate(t, "")
	for _, panics := range []bool{false, true} {
		o := origin{answer: func(w http.ResponseWriter, r *http.Request) error {
			if r.Method != http.MethodGet {
				t.Errorf("a playlist was asked for with %s", r.Method)
			}
			if panics {
				panic("boom")
			}
			_, err := io.WriteString(w, "#EXTM3U\nseg.ts\n")
			return err
		}}
		r := request(http.MethodHead, playlist+"?token="+mint(t, nil))
		serve(t, h, &o, r)
		if r.Method != http.MethodHead {
			t.Errorf("the request is now a %s", r.Method)
		}
	}
}

// A site without anything below the gate says so, instead of an empty 200.
func TestNobodyAnswers(t *testing.T) {
	silent := func(http.ResponseWriter, *http.Request) error { return nil }
	for _, target := range []string{media, playlist} {
		o := origin{answer: silent}
		readProblem(t, get(t, newGate(t, ""), &o, target+"?token="+mint(t, nil)), http.StatusBadGateway)
	}
	o := origin{answer: silent}
	readProblem(t, get(t, newGate(t, "open /assets/*"), &o, "/assets/x"), http.StatusBadGateway)
}

// A refusal of a token has no part in what the origin says: its 401 is its own.
func TestAnswersOfTheOriginPass(t *testing.T) {
	h := newGate(t, "")
	for _, status := range []int{200, 204, 206, 301, 404, 401, 403, 500, 503} {
		o := origin{answer: func(w http.ResponseWriter, _ *http.Request) error {
			w.Header().Set("X-Origin", "yes")
			w.WriteHeader(status)
			return nil
		}}
		w := get(t, h, &o, media+"?token="+mint(t, nil))
		if w.Code != status || w.Header().Get("X-Origin") != "yes" || w.Header().Get("Playgate-Id") != "" {
			t.Errorf("status %d became %d, header %v", status, w.Code, w.Header())
		}
	}
}

// report_only lets through what a token would not open, and counts and logs
// why; what can be read in two ways or maps to no stream is refused.
func TestReportOnly(t *testing.T) {
	h := newGate(t, "report_only on", "issuer playgate.test")
	for _, tc := range reasonTable() {
		t.Run(string(tc.reason), func(t *testing.T) {
			r := tc.request(t)
			var o origin
			w := serve(t, h, &o, r)
			if reportable(tc.reason) != (len(o.passed) == 1) {
				t.Fatalf("status %d, and %d requests passed", w.Code, len(o.passed))
			}
			if got := logFields(r)["playgate_reason"]; got != string(tc.reason) {
				t.Errorf("the log says %v", got)
			}
			if !reportable(tc.reason) {
				readProblem(t, w, tc.status)
			}
		})
	}
	for _, reason := range []string{"bad_request", "no_stream", "method", "internal"} {
		if reportable(access.Reason(reason)) {
			t.Errorf("%s would be let through", reason)
		}
	}
}

// What report_only lets through is protected media all the same: no shared cache may
// keep it.
func TestReportedAnswersArePrivate(t *testing.T) {
	for option, want := range map[string]map[string]string{
		"report_only on": {"": "private", "public, max-age=600, s-maxage=9": "private, max-age=600", "no-store": "private, no-store", "public, immutable": "private"},
		"report_only on\ndownstream_cache private": {"": "private"},
		"report_only on\ndownstream_cache keep":    {"": "", "public, max-age=600": "public, max-age=600"},
	} {
		h := newGate(t, option)
		for _, tc := range reasonTable() {
			if !reportable(tc.reason) {
				continue
			}
			for from, to := range want {
				o := origin{answer: func(w http.ResponseWriter, _ *http.Request) error {
					if from != "" {
						w.Header().Set("Cache-Control", from)
					}
					w.Header().Set("Surrogate-Control", "max-age=600")
					_, err := io.WriteString(w, "media")
					return err
				}}
				w := serve(t, h, &o, tc.request(t))
				o.only(t)
				if got := w.Header().Get("Cache-Control"); got != to || (w.Header().Get("Surrogate-Control") == "") != strings.HasPrefix(to, "private") {
					t.Errorf("%q, %s: %q has become %q, header %v", option, tc.reason, from, got, w.Header())
				}
			}
		}
	}
	whep := newGate(t, "stream /live/{org}/{stream}/* {\nmethods whep\n}\nreport_only on")
	w := serve(t, whep, beginner("reported"), request(http.MethodPost, "/live/acme/cam/whep"))
	if got := w.Header().Get("Cache-Control"); w.Code != http.StatusCreated || got != "private, no-store" {
		t.Errorf("WHEP: status %d, Cache-Control %q", w.Code, got)
	}
}

// A public stream needs no token, and one that comes along is taken out; it is
// not even read.
func TestPublicOrganisation(t *testing.T) {
	h := newGate(t, "", "org acme {\nsecure off\n}\norg shut {\nname x\n}")
	for _, query := range []string{"", "?token=" + mint(t, nil), "?token=a.b.c&jwtoken=" + mintWith(t, strangerKey, nil)} {
		o := origin{answer: func(w http.ResponseWriter, _ *http.Request) error {
			w.Header().Set("Cache-Control", "public, max-age=60")
			_, err := io.WriteString(w, "#EXTM3U\nseg-1.ts\n")
			return err
		}}
		w := get(t, h, &o, playlist+query)
		allowed(t, w)
		if got := o.only(t).RequestURI; got != playlist {
			t.Errorf("next got %q", got)
		}
		if w.Body.String() != "#EXTM3U\nseg-1.ts\n" || w.Header().Get("Cache-Control") != "public, max-age=60" {
			t.Errorf("the answer was changed: %v\n%s", w.Header(), w.Body)
		}
	}
	for _, org := range []string{"other", "shut", "ACME"} {
		var o origin
		refusedWith(t, get(t, h, &o, "/live/"+org+"/cam/index.m3u8"), &o, 401, "missing_token")
	}
	var o origin
	refusedWith(t, serve(t, h, &o, request(http.MethodPost, media)), &o, 405, "method")
}

// Open paths need no token; they are read only, and before any rule.
func TestOpenPaths(t *testing.T) {
	h := newGate(t, "open /assets/* /favicon.ico /live/acme/cam/poster.jpg")
	for _, target := range []string{"/assets/a/b.css?v=1", "/favicon.ico?token=a.b.c&v=1", "/live/acme/cam/poster.jpg"} {
		var o origin
		allowed(t, get(t, h, &o, target, "Authorization: Bearer a.b.c"))
		seen := o.only(t)
		if seen.Header.Get("Authorization") != "" || seen.URL.Query().Has("token") {
			t.Errorf("%s: next got %q, Authorization %q", target, seen.RequestURI, seen.Header.Get("Authorization"))
		}
	}
	for _, target := range []string{"/assets/", "/assets", "/favicon.ico/x", "/Assets/x", "/live/acme/cam/poster.jpg2"} {
		var o origin
		if w := get(t, h, &o, target); w.Code != 404 && w.Code != 401 {
			t.Errorf("%s: status %d", target, w.Code)
		}
		o.sawNothing(t)
	}
	for target, reason := range map[string]string{"/assets/%2e%2e/live": "bad_request", "/assets//x": "bad_request", "/assets/..%2flive": "bad_request"} {
		var o origin
		refusedWith(t, get(t, h, &o, target), &o, 400, reason)
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, "get"} {
		var o origin
		r := request(http.MethodGet, "/assets/x")
		r.Method = method
		refusedWith(t, serve(t, h, &o, r), &o, 405, "method")
	}
	r := request(http.MethodGet, "/assets/x", "Upgrade: websocket", "Connection: Upgrade")
	var o origin
	refusedWith(t, serve(t, h, &o, r), &o, 405, "method")
}

// Two rules of one gate, one token: scope is judged by the rule's names.
func TestScope(t *testing.T) {
	h := newGate(t, "stream /live/{org}/{stream}/*\nstream /flv/{stream}.flv\ndefault_org acme")
	orgwide := mint(t, func(g *token.Grant) { g.Streams, g.OrgWide = nil, true })
	for _, tc := range []struct {
		target, token string
		status        int
	}{
		{media, mint(t, nil), 200},
		{"/flv/cam.flv", mint(t, nil), 200},
		{"/flv/other.flv", mint(t, nil), 403},
		{"/live/acme/cam2/x", mint(t, nil), 403},
		{"/live/acme/CAM/x", mint(t, nil), 403},
		{"/live/acme2/cam/x", mint(t, nil), 403},
		{"/live/acme/anything/x", orgwide, 200},
		{"/live/acme2/cam/x", orgwide, 403},
		{"/live/acme/cam", mint(t, nil), 404},
		{"/live/acme/cam/", mint(t, nil), 404},
		{"/live/acme/c%61m/x", mint(t, nil), 400},
	} {
		var o origin
		if w := get(t, h, &o, tc.target+"?token="+tc.token); w.Code != tc.status {
			t.Errorf("%s: status %d instead of %d", tc.target, w.Code, tc.status)
		}
	}
}
