package gate

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// crossOrigin are the answers that a page may meet: from below, refused, and
// failed below.
func crossOrigin(t *testing.T, lines string, headers ...string) map[string]http.Header {
	t.Helper()
	h := newGate(t, lines)
	tok := mint(t, nil)
	below := &origin{answer: func(w http.ResponseWriter, _ *http.Request) error {
		w.Header()["Access-Control-Allow-Origin"] = []string{"https://origin.test", "*"}
		w.Header().Set("Access-Control-Allow-Credentials", "true")
		w.Header()["Access-Control-Expose-Headers"] = []string{"X-Origin, etag", "x-origin,ETAG"}
		w.Header().Set("Vary", "Accept-Encoding")
		_, err := io.WriteString(w, "#EXTM3U\nseg.ts\n")
		return err
	}}
	return map[string]http.Header{
		"a segment":  get(t, h, below, media+"?token="+tok, headers...).Header(),
		"a playlist": get(t, h, below, playlist+"?token="+tok, headers...).Header(),
		"a refusal":  get(t, h, below, media, headers...).Header(),
		"a failure": get(t, h, &origin{answer: func(w http.ResponseWriter, _ *http.Request) error {
			w.Header().Set("Access-Control-Allow-Origin", "https://origin.test")
			return io.ErrUnexpectedEOF
		}}, media+"?token="+tok, headers...).Header(),
	}
}

func fromBelow(what string) bool { return what == "a segment" || what == "a playlist" }

// Every page may read every answer, and no header is there twice.
func TestCORSForAll(t *testing.T) {
	for _, lines := range []string{"", "cors *"} {
		for _, headers := range [][]string{nil, {"Origin: https://page.test"}} {
			for what, h := range crossOrigin(t, lines, headers...) {
				if got := h["Access-Control-Allow-Origin"]; !slices.Equal(got, []string{"*"}) {
					t.Errorf("%s: Access-Control-Allow-Origin %q", what, got)
				}
				got := h["Access-Control-Expose-Headers"]
				if headers == nil {
					if got != nil {
						t.Errorf("%s for a player: Access-Control-Expose-Headers %q", what, got)
					}
				} else if len(got) != 1 || !strings.Contains(got[0], "Playgate-Id") || strings.Contains(got[0], "X-Origin") != fromBelow(what) || strings.Count(strings.ToLower(got[0]), "etag") != 1 {
					t.Errorf("%s: Access-Control-Expose-Headers %q", what, got)
				}
				if got := h["Access-Control-Allow-Credentials"]; got != nil {
					t.Errorf("%s: Access-Control-Allow-Credentials %q", what, got)
				}
			}
		}
	}
}

// Listed pages may read, others may not, and caches are told that it depends.
func TestCORSForSome(t *testing.T) {
	const lines = "cors https://page.test HTTP://Other.Test:8080"
	for origin, want := range map[string][]string{
		"https://page.test":      {"https://page.test"},
		"http://other.test:8080": {"http://other.test:8080"},
		"https://evil.test":      nil,
		"http://page.test":       nil,
		"https://page.test:8443": nil,
		"https://page.test.evil": nil,
		"null":                   nil,
		"":                       nil,
	} {
		var headers []string
		if origin != "" {
			headers = []string{"Origin: " + origin}
		}
		for what, h := range crossOrigin(t, lines, headers...) {
			if got := h["Access-Control-Allow-Origin"]; !slices.Equal(got, want) {
				t.Errorf("%s for %q: Access-Control-Allow-Origin %q", what, origin, got)
			}
			names := h["Access-Control-Expose-Headers"]
			if h["Access-Control-Allow-Credentials"] != nil || (names == nil) != (want == nil) || names != nil && strings.Contains(names[0], "X-Origin") != fromBelow(what) {
				t.Errorf("%s for %q: header %v", what, origin, h)
			}
			if vary := strings.Join(h["Vary"], ", "); strings.Count(vary, "Origin") != 1 {
				t.Errorf("%s for %q: Vary %q", what, origin, vary)
			}
		}
	}
	for what, h := range crossOrigin(t, lines, "Origin: https://page.test", "Origin: https://page.test") {
		if got := h["Access-Control-Allow-Origin"]; got != nil {
			t.Errorf("%s for two origins: %q", what, got)
		}
	}
}

// Off leaves the header to the origin.
func TestCORSOff(t *testing.T) {
	for what, h := range crossOrigin(t, "cors off", "Origin: https://page.test") {
		if got := h["Access-Control-Allow-Origin"]; (got != nil) != fromBelow(what) {
			t.Errorf("%s: Access-Control-Allow-Origin %q", what, got)
		}
	}
}

// A preflight is answered without a token and reaches nobody, on every path
// that can be read.
func TestPreflight(t *testing.T) {
	preflight := []string{"Origin: https://page.test", "Access-Control-Request-Method: GET", "Access-Control-Request-Headers: authorization, range"}
	for _, tc := range []struct {
		lines, origin string
		ok            bool
	}{
		{"", "*", true},
		{"cors https://page.test", "https://page.test", true},
		{"cors https://other.test", "", false},
		{"cors off", "", false},
	} {
		for _, target := range []string{media, playlist + "?token=a.b.c", "/elsewhere"} {
			var o origin
			w := serve(t, newGate(t, tc.lines), &o, request(http.MethodOptions, target, preflight...))
			o.sawNothing(t)
			h := w.Header()
			if w.Code != http.StatusNoContent || w.Body.Len() != 0 || h.Get("Cache-Control") != "no-store" {
				t.Errorf("%s %s: status %d, header %v", tc.lines, target, w.Code, h)
			}
			if got := h.Get("Access-Control-Allow-Origin"); got != tc.origin {
				t.Errorf("%s %s: Access-Control-Allow-Origin %q", tc.lines, target, got)
			}
			if methods := h.Get("Access-Control-Allow-Methods"); strings.Contains(methods, "GET") != tc.ok {
				t.Errorf("%s %s: Access-Control-Allow-Methods %q", tc.lines, target, methods)
			}
			if names := strings.ToLower(h.Get("Access-Control-Allow-Headers")); strings.Contains(names, "authorization") != tc.ok || strings.Contains(names, "range") != tc.ok {
				t.Errorf("%s %s: Access-Control-Allow-Headers %q", tc.lines, target, names)
			}
		}
	}
	var o origin
	refusedWith(t, serve(t, newGate(t, ""), &o, request(http.MethodOptions, "/live/%2f", preflight...)), &o, 400, "bad_request")
	for _, headers := range [][]string{nil, preflight[:1], preflight[1:]} {
		o = origin{}
		refusedWith(t, serve(t, newGate(t, ""), &o, request(http.MethodOptions, media, headers...)), &o, 405, "method")
	}
}

// A preflight allows the headers that it asks for, if they are field names, of pages
// that may read at all.
func TestPreflightAllowsWhatItAsksFor(t *testing.T) {
	const always = "Authorization, Range, If-Range, If-Match, If-None-Match, If-Modified-Since, Cache-Control, Pragma, Content-Type, Accept"
	for _, tc := range []struct {
		asked []string
		want  string
	}{
		{nil, always},
		{[]string{""}, always},
		{[]string{"range"}, always},
		{[]string{"cmcd-object,cmcd-request,cmcd-session,cmcd-status"}, always + ", cmcd-object, cmcd-request, cmcd-session, cmcd-status"},
		{[]string{"X-Page, x-page", "X-PAGE,x-other"}, always + ", X-Page, x-other"},
		{[]string{"x-good, x bad, x:bad, é,\tx-fine"}, always + ", x-good, x-fine"},
	} {
		for lines, ok := range map[string]bool{"": true, "cors *": true, "cors https://page.test": true, "cors https://other.test": false, "cors off": false} {
			r := request(http.MethodOptions, media, "Origin: https://page.test", "Access-Control-Request-Method: GET")
			if tc.asked != nil {
				r.Header["Access-Control-Request-Headers"] = tc.asked
			}
			w := serve(t, newGate(t, lines), new(origin), r)
			want := []string{tc.want}
			if !ok {
				want = nil
			}
			if got := w.Header()["Access-Control-Allow-Headers"]; w.Code != http.StatusNoContent || !slices.Equal(got, want) {
				t.Errorf("%q, asked for %q: status %d, allowed %q", lines, tc.asked, w.Code, got)
			}
		}
	}
}
