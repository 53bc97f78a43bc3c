package gate

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/playgate/playgate/module/token"
)

// forgeries are headers by which a client could speak in our name, or make an
// origin see another request than the one that was judged.
var forgeries = []string{
	"X-Playgate-Org", "X-Playgate-Stream", "X-Playgate-Token-Id", "X-Playgate-Tag", "X-Playgate-Anything",
	"X_Playgate_Org", "X_playgate-Stream", "x-playgate-org", "X_PLAYGATE_TAG",
	"X-Original-Url", "X-Original-URL", "X_Original_URL", "X-Rewrite-Url", "X-Rewrite-URL",
	"X-Forwarded-Uri", "X-Forwarded-Path", "X-Forwarded-Prefix", "X-Forwarded-Method", "X_Forwarded_Uri",
	"X-Http-Method", "X-HTTP-Method", "X-Http-Method-Override", "X-HTTP-Method-Override", "X_HTTP_Method_Override", "X-Method-Override",
	"X-Accel-Redirect", "X-Accel-Buffering", "X-Accel-Anything", "X_Accel_Redirect",
	"X-Sendfile", "X_Sendfile",
}

var harmless = []string{"X-Forwarded-For", "X-Forwarded-Proto", "X-Requested-With", "X-Playback-Session-Id", "Range", "User-Agent"}

// What a client says in our name, or of another request than this one, reaches
// nobody below the gate; what is harmless does.
func TestForgedHeadersAreDropped(t *testing.T) {
	tok := mint(t, func(g *token.Grant) { g.Tag = "press" })
	for name, tc := range map[string]struct{ lines, appLines, target string }{
		"allowed":         {"", "", media + "?token=" + tok},
		"identity off":    {"identity off", "", media + "?token=" + tok},
		"open path":       {"open /assets/*", "", "/assets/logo.png"},
		"public stream":   {"", "org acme {\nsecure off\n}", media},
		"report only":     {"report_only on", "", media},
		"socket":          {"", "", media + "?token=" + tok + "#upgrade"},
		"header in a row": {"propagate off", "", media + "?token=" + tok},
	} {
		t.Run(name, func(t *testing.T) {
			target, socket := strings.CutSuffix(tc.target, "#upgrade")
			r := request(http.MethodGet, target)
			for _, header := range forgeries {
				r.Header[header] = []string{"forged", "forged again"}
			}
			for _, header := range harmless {
				r.Header[header] = []string{"harmless"}
			}
			if socket {
				r.Header["Upgrade"] = []string{"websocket"}
			}
			var o origin
			allowed(t, serve(t, newGate(t, tc.lines, tc.appLines), &o, r))
			header := o.only(t).Header
			for _, name := range slices.Sorted(maps.Keys(header)) {
				if strings.Contains(strings.Join(header[name], " "), "forged") {
					t.Errorf("next got %s: %q", name, header[name])
				}
			}
			for _, name := range harmless {
				if !slices.Equal(header[name], []string{"harmless"}) {
					t.Errorf("next got %s: %q", name, header[name])
				}
			}
		})
	}
}

// They are gone from a refused request as well: error routes may proxy it.
func TestForgedHeadersAreDroppedFromRefusals(t *testing.T) {
	h := newGate(t, "errors terse pass")
	for _, target := range []string{media, "/live/acme/cam/%2f", "/elsewhere"} {
		r := request(http.MethodGet, target)
		for _, header := range forgeries {
			r.Header[header] = []string{"forged"}
		}
		if err := h.ServeHTTP(httptest.NewRecorder(), r, new(origin)); err == nil {
			t.Error("nothing was refused")
		}
		for name := range r.Header {
			t.Errorf("%s: error routes get %s: %q", target, name, r.Header[name])
		}
	}
}

// Below a socket, too, neither body nor trailers nor methods come through that
// no verdict was about.
func TestSocketsAreAskedForWithGetOnly(t *testing.T) {
	h := newGate(t, "")
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodConnect, "BREW"} {
		t.Run(method, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/live/acme/cam/ws?token="+mint(t, nil), strings.NewReader("body"))
			r.Method = method
			r.Header.Set("Connection", "Upgrade")
			r.Header.Set("Upgrade", "websocket")
			var o origin
			w := serve(t, h, &o, prepared(r, httptest.NewRecorder()))
			o.sawNothing(t)
			if w.Code != http.StatusMethodNotAllowed && w.Code != http.StatusBadRequest {
				t.Errorf("status %d: %s with Upgrade: websocket is no request for a socket (RFC 6455, section 4.1)", w.Code, method)
			}
		})
	}
}

// Who plays what is told to the origin, from the verified token alone.
func TestIdentity(t *testing.T) {
	tok := mint(t, func(g *token.Grant) { g.Tag = "Größe 100%\"" })
	identity := func(p passed) map[string]string {
		got := map[string]string{}
		for name, values := range p.Header {
			if strings.HasPrefix(name, "X-Playgate-") {
				got[name] = strings.Join(values, "|")
			}
		}
		return got
	}
	public := "org acme {\nsecure off\n}"
	for name, tc := range map[string]struct {
		lines, appLines, target string
		want                    map[string]string
	}{
		"a token with a tag": {"", "", media + "?token=" + tok, map[string]string{
			"X-Playgate-Org": "acme", "X-Playgate-Stream": "cam", "X-Playgate-Token-Id": "token-1", "X-Playgate-Tag": `Gr%C3%B6%C3%9Fe 100%25"`,
		}},
		"a token without a tag": {"", "", media + "?token=" + mint(t, nil), map[string]string{
			"X-Playgate-Org": "acme", "X-Playgate-Stream": "cam", "X-Playgate-Token-Id": "token-1",
		}},
		"identity off":                {"identity off", "", media + "?token=" + tok, map[string]string{}},
		"identity on":                 {"identity on", public, media, map[string]string{"X-Playgate-Org": "acme", "X-Playgate-Stream": "cam"}},
		"a public stream":             {"", public, media + "?token=" + tok, map[string]string{"X-Playgate-Org": "acme", "X-Playgate-Stream": "cam"}},
		"an open path":                {"open /assets/*", "", "/assets/x?token=" + tok, map[string]string{}},
		"reported: no token":          {"report_only on", "", media, map[string]string{}},
		"reported: another signature": {"report_only on", "", media + "?token=" + mintWith(t, strangerKey, nil), map[string]string{}},
		"reported: another stream": {
			"report_only on", "", media + "?token=" + mint(t, func(g *token.Grant) { g.Streams = []string{"other"} }),
			map[string]string{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var o origin
			allowed(t, get(t, newGate(t, tc.lines, tc.appLines), &o, tc.target))
			if got := identity(o.only(t)); !maps.Equal(got, tc.want) {
				t.Errorf("next got %v instead of %v", got, tc.want)
			}
		})
	}
}
