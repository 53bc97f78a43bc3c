package player

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/playgate/playgate/module/app"
	"github.com/playgate/playgate/module/token"
	"github.com/playgate/playgate/module/token/jwt"
)

var testKey = func() *token.Key {
	key, err := token.GenerateKey("main", token.EdDSA)
	if err != nil {
		panic(err)
	}
	return key
}()

// mint signs a token for stream cam of acme, good for two weeks, after change has
// had its way with it.
func mint(t *testing.T, key *token.Key, change func(*token.Grant)) string {
	t.Helper()
	now := time.Now()
	g := &token.Grant{ID: "token-1", Org: "acme", Streams: []string{"cam"}, IssuedAt: now.Unix(), Expires: now.Add(14 * 24 * time.Hour).Unix()}
	if change != nil {
		change(g)
	}
	text, err := jwt.Sign(g, key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// player provisions a handler for tests from Caddyfile text.
func player(t *testing.T, block string, orgs map[string]*app.Org) *Handler {
	t.Helper()
	public, err := testKey.MarshalJWK(true)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key.jwk")
	writeFile(t, file, public)
	config := &caddy.Config{AppsRaw: caddy.ModuleMap{app.ID: caddyconfig.JSON(&app.App{
		Store: app.Store{Driver: "off"}, Keys: []*app.Key{{ID: "main", File: file}}, Orgs: orgs,
		StreamURL: []string{"wss://live.example.com/ws/{org}/{stream}", "https://live.example.com/live/{org}/{stream}/index.m3u8", "https://other.example.com/{org}/{stream}.m3u8?a=1", "https://dash.example.com/{stream}.mpd"},
	}, nil)}}
	ctx, err := caddy.ProvisionContext(config)
	if err != nil {
		t.Fatal(err)
	}
	h := new(Handler)
	if err := h.UnmarshalCaddyfile(caddyfile.NewTestDispenser("playgate_player " + block)); err != nil {
		t.Fatal(err)
	}
	if err := h.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	return h
}

func get(t *testing.T, h *Handler, method, target string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	w := httptest.NewRecorder()
	next := caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusTeapot)
		return nil
	})
	if err := h.ServeHTTP(w, r, next); err != nil {
		t.Fatal(err)
	}
	return w
}

const host = "https://live.example.com"

// The page stands at one path for each stream, and everything else below the
// prefix is not there; what is not below it is somebody else's.
func TestPaths(t *testing.T) {
	h := player(t, "/play", nil)
	for target, status := range map[string]int{
		"/play/acme/cam": 200, "/play/acme/cam?token=x": 200, "/play/acme/a.b-c_D": 200,
		"/play/acme": 404, "/play/acme/": 404, "/play/acme/cam/": 404, "/play/acme/cam/x": 404, "/play/a-b/cam": 404,
		"/play/acme/c%61m": 404, "/play/acme/..": 404, "/play/acme/%3cscript%3e": 404, "/play/": 404, "/play//cam": 404,
		"/play/-/player.js": 404, "/play/-/page.html": 404, "/play/-/../page.html": 404, "/play/-/" + assets.Version() + "/page.html": 404,
		"/play/-/" + assets.Version() + "/player.js": 200, "/play/-/" + assets.Version() + "/style.css": 200, "/play/-/" + assets.Version() + "/icon.svg": 200,
		"/play": 418, "/player/acme/cam": 418, "/": 418, "/live/acme/cam/index.m3u8": 418, "/Play/acme/cam": 418,
	} {
		if got := get(t, h, http.MethodGet, host+target).Code; got != status {
			t.Errorf("%s: status %d instead of %d", target, got, status)
		}
	}
	for method, status := range map[string]int{http.MethodHead: 200, http.MethodPost: 405, http.MethodOptions: 405, http.MethodDelete: 405} {
		if got := get(t, h, method, host+"/play/acme/cam").Code; got != status {
			t.Errorf("%s: status %d instead of %d", method, got, status)
		}
	}
}

// Each answer keeps the page to its own origin, tells no other site its URL, and
// is embedded only where that is allowed.
func TestHeaders(t *testing.T) {
	for block, ancestors := range map[string]string{
		"/play": "frame-ancestors 'self'",
		"/play {\nframe_ancestors https://www.example.com https://*.bad\n}":         "",
		"/play {\nframe_ancestors https://www.example.com http://127.0.0.1:8080\n}": "frame-ancestors 'self' https://www.example.com http://127.0.0.1:8080",
	} {
		if ancestors == "" {
			if err := new(Handler).UnmarshalCaddyfile(caddyfile.NewTestDispenser("playgate_player " + block)); err == nil {
				t.Errorf("%s is accepted", block)
			}
			continue
		}
		h := player(t, block, nil)
		for _, target := range []string{"/play/acme/cam?token=x", "/play/-/" + assets.Version() + "/player.js", "/play/acme", "/play/-/nothing"} {
			header := get(t, h, http.MethodGet, host+target).Header()
			csp := header.Get("Content-Security-Policy")
			if !strings.HasSuffix(csp, ancestors) || !strings.HasPrefix(csp, "default-src 'none'; script-src 'self'; ") || strings.Contains(csp, "unsafe") {
				t.Errorf("%s: %s", target, csp)
			}
			if header.Get("Referrer-Policy") != "strict-origin" || header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s: %v", target, header)
			}
			if immutable := strings.Contains(header.Get("Cache-Control"), "immutable"); immutable != strings.HasSuffix(target, ".js") {
				t.Errorf("%s: Cache-Control %q", target, header.Get("Cache-Control"))
			}
		}
		if body := get(t, h, http.MethodGet, host+"/play/acme/cam").Body.String(); strings.Contains(body, "<script>") || strings.Contains(body, "style=") || strings.Contains(body, " onload") {
			t.Error("the page has inline code")
		}
	}
}

// A page tells what a token says when its signature holds and it is for this
// stream, and nothing otherwise.
func TestValidity(t *testing.T) {
	h := player(t, "/play", map[string]*app.Org{"open": {Secure: new(bool)}, "acme": {Name: `A <b>"c"</b> & Co`}})
	stranger, err := token.GenerateKey("main", token.EdDSA)
	if err != nil {
		t.Fatal(err)
	}
	long := func(g *token.Grant) { g.Expires = time.Now().Add(40 * time.Hour).Unix() }
	for name, tc := range map[string]struct {
		target, token string
		want          []string
		not           string
	}{
		"fresh":           {"/play/acme/cam", mint(t, testKey, nil), []string{"is valid until", "(14 days left)", "this stream only"}, "works"},
		"forty hours":     {"/play/acme/cam", mint(t, testKey, long), []string{"(40 hours left)"}, ""},
		"an organisation": {"/play/acme/cam2", mint(t, testKey, func(g *token.Grant) { g.Streams, g.OrgWide = nil, true }), []string{"all streams of the organisation"}, ""},
		"two streams":     {"/play/acme/cam", mint(t, testKey, func(g *token.Grant) { g.Streams = []string{"cam", "b"} }), []string{"2 streams"}, ""},
		"expired":         {"/play/acme/cam", mint(t, testKey, func(g *token.Grant) { g.IssuedAt, g.Expires = 1000, 2000 }), []string{"was valid until", "1 Jan 1970, 00:33 UTC"}, "left)"},
		"not yet":         {"/play/acme/cam", mint(t, testKey, func(g *token.Grant) { g.NotBefore = time.Now().Add(time.Hour).Unix() }), []string{"is valid from"}, "left)"},
		"rules": {"/play/acme/cam", mint(t, testKey, func(g *token.Grant) {
			rule, _ := token.ParseAddressRule("192.0.2.0/24")
			page, _ := token.ParseHostPattern("*.example.com")
			g.IPs, g.Referers = []token.AddressRule{rule}, []token.HostPattern{page}
		}), []string{"192.0.2.0/24", "*.example.com"}, ""},
		"a stranger's":    {"/play/acme/cam", mint(t, stranger, nil), []string{"It plays with a link"}, "valid until"},
		"another stream":  {"/play/acme/cam2", mint(t, testKey, nil), []string{"It plays with a link"}, "valid until"},
		"another's":       {"/play/other/cam", mint(t, testKey, nil), []string{"It plays with a link"}, "valid until"},
		"no token at all": {"/play/acme/cam", "no-token", []string{"It plays with a link", "A &lt;b&gt;&#34;c&#34;&lt;/b&gt; &amp; Co"}, "valid until"},
		"public":          {"/play/open/cam", mint(t, testKey, func(g *token.Grant) { g.Org = "open" }), []string{"public stream"}, "valid until"},
	} {
		body := get(t, h, http.MethodGet, host+tc.target+"?token="+tc.token).Body.String()
		for _, want := range tc.want {
			if !strings.Contains(body, want) {
				t.Errorf("%s: %q is not there:\n%s", name, want, body)
			}
		}
		if tc.not != "" && strings.Contains(body, tc.not) {
			t.Errorf("%s: %q is there", name, tc.not)
		}
	}
}

// A page plays the first HLS of its own host, with every token of its own URL, so
// that the gate judges all of them.
func TestStreamURL(t *testing.T) {
	h := player(t, "/play", nil)
	for target, want := range map[string]string{
		"https://live.example.com/play/acme/cam?token=abc":                `data-stream="/live/acme/cam/index.m3u8?token=abc" data-playable="true"`,
		"https://live.example.com:8443/play/acme/cam?x=1&jwtoken=abc":     `data-stream="/live/acme/cam/index.m3u8?token=abc" data-playable="true"`,
		"https://LIVE.example.com/play/acme/cam?token=abc&jwtoken=abc":    `data-stream="/live/acme/cam/index.m3u8?token=abc" data-playable="true"`,
		"https://live.example.com/play/acme/cam?token=abc&token=d%22%3ee": `data-stream="/live/acme/cam/index.m3u8?token=abc&amp;token=d%22%3Ee" data-playable="true"`,
		"https://live.example.com/play/acme/cam":                          `data-stream="/live/acme/cam/index.m3u8" data-playable="true"`,
		"https://other.example.com/play/acme/cam?token=abc":               `data-stream="/acme/cam.m3u8?a=1&amp;token=abc" data-playable="true"`,
		"https://dash.example.com/play/acme/cam?token=abc":                `data-stream="/cam.mpd?token=abc" data-playable="false"`,
		"https://evil.example.com/play/acme/cam?token=abc":                `data-stream="" data-playable="false"`,
	} {
		if body := get(t, h, http.MethodGet, target).Body.String(); !strings.Contains(body, want) {
			_, line, _ := strings.Cut(body, "<main")
			line, _, _ = strings.Cut(line, "\n")
			t.Errorf("%s: %s", target, line)
		}
	}
}
