package gate

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/playgate/playgate/module/internal/body"
	"github.com/playgate/playgate/module/internal/redact"
	"github.com/playgate/playgate/module/token"
	"github.com/playgate/playgate/module/token/sessiontoken"
)

// sessionKey is the app's line for a session key of its own for each secret.
func sessionKey(t testing.TB, secret string) string {
	t.Helper()
	name := "PLAYGATE_TEST_SESSION_" + secret
	t.(*testing.T).Setenv(name, strings.Repeat(secret, token.MinSecret))
	return "session_key {env." + name + "}"
}

// sessionGate is a gate that propagates sessions.
func sessionGate(t testing.TB, lines string, appLines ...string) *Handler {
	t.Helper()
	return newGate(t, "propagate session\nerrors verbose\n"+lines, append(appLines, sessionKey(t, "a"))...)
}

// hlsOf answers with a playlist.
func hlsOf(text string) *origin {
	return answer{header: map[string]string{"Content-Type": hlsType}, parts: []string{text}}.origin()
}

var sessionForm = regexp.MustCompile(`s\.[A-Za-z0-9_-]{116}`)

// sessionOf is the session token that a playlist carries for a URI.
func sessionOf(t testing.TB, h *Handler, target string, headers ...string) string {
	t.Helper()
	w := get(t, h, hlsOf("#EXTM3U\nseg.ts\n"), target, headers...)
	allowed(t, w)
	text := sessionForm.FindString(w.Body.String())
	if text == "" {
		t.Fatalf("no session token in %q", w.Body)
	}
	return text
}

// unauthorized checks that a request is refused for a reason.
func denied(t testing.TB, h *Handler, r *http.Request, status int, reason string) {
	t.Helper()
	var o origin
	refusedWith(t, serve(t, h, &o, r), &o, status, reason)
}

// Wherever the playback token is, the references of a first playlist have one session
// token of 118 characters in front, the same at each reload; what is reached from
// there inherits it, so that an inner playlist stays as it is.
func TestSessionTokenInThePlaylist(t *testing.T) {
	h, inQuery := sessionGate(t, ""), sessionGate(t, "")
	inQuery.SessionForm = "query"
	tok := mint(t, nil)
	const plain = "#EXTM3U\n#EXT-X-MAP:URI=\"i.mp4\"\nseg.ts?a=1\nhttps://evil.test/live/acme/cam/x\n/live/acme/other/x.ts\n/live/acme/cam/y.ts\n"
	for name, tc := range map[string]struct{ target, header, as string }{
		"query":             {playlist + "?token=" + tok, "", "token"},
		"second query name": {playlist + "?jwtoken=" + tok, "", "jwtoken"},
		"header":            {playlist, "Authorization: Bearer " + tok, "token"},
		"cookie":            {playlist, "Cookie: a=b; playgate_token=" + tok, "token"},
	} {
		t.Run(name, func(t *testing.T) {
			var headers []string
			if tc.header != "" {
				headers = []string{tc.header}
			}
			w := get(t, h, hlsOf(plain), tc.target, headers...)
			allowed(t, w)
			st := sessionForm.FindString(w.Body.String())
			if len(st) != sessiontoken.Length || !sessiontoken.HasForm(st) {
				t.Fatalf("the session token is %q in %q", st, w.Body)
			}
			want := "#EXTM3U\n#EXT-X-MAP:URI=\"~" + st + "/i.mp4\"\n~" + st + "/seg.ts?a=1\nhttps://evil.test/live/acme/cam/x\n/live/acme/other/x.ts\n/live/acme/cam/~" + st + "/y.ts\n"
			if got := w.Body.String(); got != want {
				t.Errorf("\n got %q\nwant %q", got, want)
			}
			if again := get(t, h, hlsOf(plain), tc.target, headers...).Body.String(); again != want {
				t.Errorf("at the next reload\n got %q\nwant %q", again, want)
			}
			if w.Header().Get("Cache-Control") != "private, no-store" {
				t.Errorf("Cache-Control %q", w.Header().Get("Cache-Control"))
			}
			// It opens everything of the stream, and passes on itself.
			allowed(t, get(t, h, new(origin), "/live/acme/cam/~"+st+"/seg-1.m4s"))
			allowed(t, get(t, h, new(origin), media+"?token="+st))
			if next := get(t, h, hlsOf(plain), playlist+"?"+tc.as+"="+st).Body.String(); next != want {
				t.Errorf("with the session token\n got %q\nwant %q", next, want)
			}
			const bytes = "#EXTM3U\nseg.ts?a=1\n../cam/x.ts\nhttps://evil.test/x\n"
			inner := get(t, h, hlsOf(bytes), "/live/acme/cam/~"+st+"/v/index.m3u8", headers...)
			if got := inner.Body.String(); got != bytes || !strings.HasPrefix(inner.Header().Get("Cache-Control"), "private") || strings.Contains(inner.Header().Get("Cache-Control"), "no-store") {
				t.Errorf("an inner playlist is %q, with %v", got, inner.Header())
			}
			// The older form.
			old := "#EXTM3U\n#EXT-X-MAP:URI=\"i.mp4?" + tc.as + "=" + st + "\"\nseg.ts?a=1&" + tc.as + "=" + st + "\nhttps://evil.test/live/acme/cam/x\n/live/acme/other/x.ts\n/live/acme/cam/y.ts?" + tc.as + "=" + st + "\n"
			if got := get(t, inQuery, hlsOf(plain), tc.target, headers...).Body.String(); got != old {
				t.Errorf("in the query\n got %q\nwant %q", got, old)
			}
		})
	}
	if one, two := sessionOf(t, h, playlist+"?token="+tok), sessionOf(t, sessionGate(t, ""), playlist+"?token="+tok); one != two {
		t.Error("two edges with one key write different session tokens")
	}
	other := mint(t, func(g *token.Grant) { g.ID = "token-2" })
	if sessionOf(t, h, playlist+"?token="+tok) == sessionOf(t, h, playlist+"?token="+other) {
		t.Error("two playback tokens have one session")
	}
}

// A playback token in the path is not inherited: references climb out of its segment and
// get a session token.
func TestSessionFromThePath(t *testing.T) {
	h := sessionGate(t, "")
	tok := mint(t, nil)
	const plain = "#EXTM3U\nseg.ts\nv/../a.ts?x\n/live/acme/cam/b.ts\n?c\n"
	for path, want := range map[string]string{
		"/live/~" + tok + "/acme/cam/index.m3u8":                               "#EXTM3U\n../../../~S/acme/cam/seg.ts\n../../../~S/acme/cam/v/../a.ts?x\n/live/~S/acme/cam/b.ts\n../../../~S/acme/cam/index.m3u8?c\n",
		"/live/acme/cam/~" + tok + "/index.m3u8":                               "#EXTM3U\n../~S/seg.ts\n../~S/v/../a.ts?x\n/live/acme/cam/~S/b.ts\n../~S/index.m3u8?c\n",
		"/live/acme/cam/~" + tok + "/~" + tok + "/index.m3u8?a=1&token=" + tok: "#EXTM3U\n../../~S/seg.ts\n../../~S/v/../a.ts?x\n/live/acme/cam/~S/b.ts\n../../~S/index.m3u8?c\n",
	} {
		w := get(t, h, hlsOf(plain), path)
		got := sessionForm.ReplaceAllString(w.Body.String(), "S")
		if w.Code != http.StatusOK || got != want || w.Header().Get("Cache-Control") != "private, no-store" {
			t.Errorf("%s: status %d\n got %q\nwant %q", path, w.Code, got, want)
		}
	}
}

// Each stream of a token has a session token of its own. Who has only a
// session token gets none for others.
func TestSessionTokensOfSeveralStreams(t *testing.T) {
	h := sessionGate(t, "")
	tok := mint(t, func(g *token.Grant) { g.Streams = []string{"cam", "other"} })
	const plain = "#EXTM3U\nseg.ts\n/live/acme/other/index.m3u8\n/live/acme/third/index.m3u8\n/live/acme/other/x.ts\nlast.ts\n"
	body := get(t, h, hlsOf(plain), playlist+"?token="+tok).Body.String()
	all := sessionForm.FindAllString(body, -1)
	if len(all) != 4 || all[0] == all[1] || all[0] != all[3] || all[1] != all[2] || !strings.Contains(body, "\n/live/acme/third/index.m3u8\n") {
		t.Fatalf("%q", body)
	}
	cam, other := all[0], all[1]
	allowed(t, get(t, h, new(origin), "/live/acme/other/x.ts?token="+other))
	denied(t, h, request(http.MethodGet, "/live/acme/other/x.ts?token="+cam), 401, "bad_signature")
	denied(t, h, request(http.MethodGet, media+"?token="+other), 401, "bad_signature")
	body = get(t, h, hlsOf(plain), playlist+"?token="+cam).Body.String()
	if want := strings.NewReplacer("seg.ts", "~"+cam+"/seg.ts", "last.ts", "~"+cam+"/last.ts").Replace(plain); body != want {
		t.Errorf("with a session token\n got %q\nwant %q", body, want)
	}
	wide := mint(t, func(g *token.Grant) { g.Streams, g.OrgWide = nil, true })
	if n := len(sessionForm.FindAllString(get(t, h, hlsOf(plain), playlist+"?token="+wide).Body.String(), -1)); n != 5 {
		t.Errorf("an organisation's token: %d URIs have a session token", n)
	}
}

// What a session token is not good for.
func TestSessionTokensThatAreRefused(t *testing.T) {
	h := sessionGate(t, "")
	st := sessionOf(t, h, playlist+"?token="+mint(t, nil))
	with := func(target string) *http.Request { return request(http.MethodGet, target+"?token="+st) }
	allowed(t, serve(t, h, new(origin), with(media)))

	denied(t, h, with("/live/acme/other/x.ts"), 401, "bad_signature")
	denied(t, h, with("/live/acme2/cam/x.ts"), 401, "bad_signature")
	denied(t, h, with("/live/acme/Cam/x.ts"), 401, "bad_signature")
	for i := range []byte(st[2:]) {
		forged := []byte(st)
		forged[i+2] ^= 1 // still of the alphabet, or no token at all
		denyAny(t, h, media+"?token="+string(forged))
	}
	denyAny(t, h, media+"?token="+st[:95])
	denyAny(t, h, media+"?token="+st+"A")
	denied(t, h, request(http.MethodGet, media+"?token="+st+"&jwtoken="+mint(t, nil)), 400, "ambiguous_token")

	denied(t, newGate(t, "propagate session\nerrors verbose", sessionKey(t, "b")), with(media), 401, "unknown_key")
	denied(t, newGate(t, "errors verbose"), with(media), 401, "unknown_key")

	// The playback token's key has to live.
	for state, reason := range map[string]string{"active": "", "next": "", "verify": "", "retired": "unknown_key"} {
		keys := "key main {\nfile " + keyFile(t, testKey) + "\nstate " + state + "\n}\nkey stranger {\nfile " + keyFile(t, strangerKey) + "\n}"
		other, err := tryGateWith(t, keys, "propagate session\nerrors verbose", sessionKey(t, "a"))
		if err != nil {
			t.Fatal(err)
		}
		other.now = h.now
		if reason == "" {
			allowed(t, serve(t, other, new(origin), with(media)))
		} else {
			denied(t, other, with(media), 401, reason)
		}
	}
	keys := "key main {\nfile " + keyFile(t, testKey) + "\n}\nkey stranger {\nfile " + keyFile(t, strangerKey) + "\n}"
	for lines, reason := range map[string]string{"keys main": "", "keys stranger": "unknown_key"} {
		other, err := tryGateWith(t, keys, "propagate session\nerrors verbose\n"+lines, sessionKey(t, "a"))
		if err != nil {
			t.Fatal(err)
		}
		if reason == "" {
			allowed(t, serve(t, other, new(origin), with(media)))
		} else {
			denied(t, other, with(media), 401, reason)
		}
	}
	keys = "key main {\nfile " + keyFile(t, testKey) + "\norgs other\n}"
	other, err := tryGateWith(t, keys, "propagate session\nerrors verbose", sessionKey(t, "a"))
	if err != nil {
		t.Fatal(err)
	}
	denied(t, other, with(media), 401, "unknown_key")

	// It ends with the playback token, leeway included.
	for after, reason := range map[time.Duration]string{time.Hour + 4*time.Second: "", time.Hour + 6*time.Second: "expired", 48 * time.Hour: "expired", -time.Minute: "not_yet_valid"} {
		h.now = func() time.Time { return noon.Add(after) }
		if reason == "" {
			allowed(t, serve(t, h, new(origin), with(media)))
		} else {
			denied(t, h, with(media), 401, reason)
		}
	}
}

func denyAny(t testing.TB, h *Handler, target string) {
	t.Helper()
	var o origin
	if w := get(t, h, &o, target); w.Code != http.StatusUnauthorized {
		t.Errorf("status %d for %s", w.Code, target)
	}
	o.sawNothing(t)
}

// Issuer and audience were judged with the playback token.
func TestSessionUnderAnIssuer(t *testing.T) {
	h := sessionGate(t, "", "issuer https://issuer.test", "audience us")
	denied(t, h, request(http.MethodGet, media+"?token="+mint(t, nil)), 401, "issuer")
	tok := mint(t, func(g *token.Grant) { g.Issuer, g.Audience = "https://issuer.test", []string{"us"} })
	st := sessionOf(t, h, playlist+"?token="+tok)
	allowed(t, get(t, h, new(origin), media+"?token="+st))
}

// from makes a request come from an address.
func from(r *http.Request, address string) *http.Request {
	setVar(r, "client_ip", address)
	return r
}

// Under an address rule the session token is good in the prefix that the
// client was in.
func TestSessionUnderAnAddressRule(t *testing.T) {
	h := sessionGate(t, "")
	tok := mint(t, func(g *token.Grant) { g.IPs = addressRules(t, "203.0.113.0/24", "2001:db8::/64", "198.51.100.7") })
	ask := func(address, target, text string) *http.Request {
		return from(request(http.MethodGet, target+"?token="+text), address)
	}
	w := serve(t, h, hlsOf("#EXTM3U\nseg.ts\n"), ask("203.0.113.9", playlist, tok))
	allowed(t, w)
	st := sessionForm.FindString(w.Body.String())
	for address, ok := range map[string]bool{
		"203.0.113.9": true, "203.0.113.200": true, "::ffff:203.0.113.1": true,
		"203.0.114.9": false, "198.51.100.7": false, "2001:db8::1": false, "192.0.2.1": false, "": false, "nowhere": false,
	} {
		r := ask(address, media, st)
		if ok {
			allowed(t, serve(t, h, new(origin), r))
		} else {
			denied(t, h, r, 401, "bad_signature")
		}
	}
	denied(t, h, ask("192.0.2.1", playlist, tok), 403, "wrong_ip")
	w = serve(t, h, hlsOf("#EXTM3U\nseg.ts\n"), ask("198.51.100.7", playlist, tok))
	if one := sessionForm.FindString(w.Body.String()); one == "" || one == st {
		t.Errorf("at another address of the rule: %q", w.Body)
	}
	// Reported only, the URIs carry nothing that a bad address was not good for.
	reported := sessionGate(t, "report_only on")
	w = serve(t, reported, hlsOf("#EXTM3U\nseg.ts\n"), ask("192.0.2.1", playlist, tok))
	if w.Body.String() != "#EXTM3U\nseg.ts\n" {
		t.Errorf("reported only: %q", w.Body)
	}
}

// The origin learns whose session it is, and nothing of the token.
func TestSessionBelowTheGate(t *testing.T) {
	h := sessionGate(t, "")
	tok := mint(t, func(g *token.Grant) { g.Tag = "press" })
	st := sessionOf(t, h, playlist+"?token="+tok)
	for name, r := range map[string]*http.Request{
		"query":  request(http.MethodGet, media+"?a=1&token="+st+"&b=2"),
		"escape": request(http.MethodGet, media+"?a=1&%74oken=s%2E"+st[2:]+"&b=2"),
		"path":   request(http.MethodGet, "/live/~"+st+"/acme/cam/seg-1.m4s?a=1&b=2"),
		"header": request(http.MethodGet, media+"?a=1&b=2", "Authorization: Bearer "+st),
		"cookie": request(http.MethodGet, media+"?a=1&b=2", "Cookie: x=y; playgate_token="+st+"; z=\"1\""),
		"referers": request(http.MethodGet, media+"?a=1&b=2&token="+st, "Referer: https://page.test/live/~"+st+"/x?token="+st+"&c=d",
			"Referer: https://page.test/"+st, "X-Playgate-Token-Id: forged"),
	} {
		t.Run(name, func(t *testing.T) {
			var o origin
			allowed(t, serve(t, h, &o, r))
			seen := o.only(t)
			everything := fmt.Sprint(seen.URL, seen.RequestURI, seen.Header, seen.original.URL, seen.original.RequestURI, replacer(r).ReplaceAll("{http.request.uri} {http.request.orig_uri} {http.request.header.*}", ""))
			if strings.Contains(everything, st[2:]) {
				t.Errorf("the token is still there: %s", everything)
			}
			if got := seen.URL.RequestURI(); got != media+"?a=1&b=2" {
				t.Errorf("the origin got %q", got)
			}
			id := seen.Header["X-Playgate-Token-Id"]
			if len(id) != 1 || !regexp.MustCompile(`^session:[0-9a-f]{16}$`).MatchString(id[0]) {
				t.Errorf("X-Playgate-Token-Id %q", id)
			}
			if seen.Header.Get("X-Playgate-Org") != "acme" || seen.Header.Get("X-Playgate-Stream") != "cam" || seen.Header.Get("X-Playgate-Tag") != "" {
				t.Errorf("header %v", seen.Header)
			}
			if name == "cookie" && !slices.Equal(seen.Header["Cookie"], []string{`x=y; z="1"`}) {
				t.Errorf("Cookie %q", seen.Header["Cookie"])
			}
		})
	}
	for _, text := range []string{"/live/~" + st + "/acme", "Bearer " + st} {
		if !redact.Found(text) {
			t.Errorf("logs would tell %q", text)
		}
	}
}

// referer_missing first: a player that says only at first which page it is on
// plays on, with its session token and with nothing else.
func TestRefererMissingFirst(t *testing.T) {
	h := sessionGate(t, "referer_missing first")
	tok := mint(t, func(g *token.Grant) { g.Referers = hostPatterns(t, "*.example.com", "example.com") })
	const page = "Referer: https://www.example.com/watch"
	st := sessionOf(t, h, playlist+"?token="+tok, page)
	child := func(text string, headers ...string) *http.Request {
		return request(http.MethodGet, media+"?token="+text, headers...)
	}
	allowed(t, serve(t, h, new(origin), child(st)))
	allowed(t, serve(t, h, new(origin), child(st, page)))
	allowed(t, serve(t, h, new(origin), child(st, "Origin: https://www.example.com")))
	allowed(t, serve(t, h, new(origin), child(st, "Origin: null")))
	allowed(t, serve(t, h, new(origin), child(st, "Referer: https://other.example.com/"))) // of the same pattern
	denied(t, h, child(tok), 403, "wrong_referer")
	denied(t, h, request(http.MethodGet, playlist+"?token="+tok), 403, "wrong_referer")
	for _, headers := range [][]string{
		{"Referer: https://evil.test/"},
		{"Origin: https://evil.test"},
		{"Origin: https://evil.test", page},
		{"Referer: https://example.com/"}, // of another pattern than the one with which the session began
		{page, page},
		{"Referer: nonsense"},
		{"Referer: "},
	} {
		denied(t, h, child(st, headers...), 403, "wrong_referer")
	}
	// Without a page, where that is allowed, no session begins: what follows has the
	// playback token, and the right page is right later too.
	lax := sessionGate(t, "referer_missing allow")
	w := get(t, lax, hlsOf("#EXTM3U\nseg-1.m4s\n"), playlist+"?token="+tok)
	if body := w.Body.String(); sessionForm.MatchString(body) || body != "#EXTM3U\n~"+tok+"/seg-1.m4s\n" {
		t.Errorf("a session began without a page: %s", body)
	}
	allowed(t, serve(t, lax, new(origin), child(tok, page)))
	strict := sessionGate(t, "")
	denied(t, strict, child(st), 403, "wrong_referer")
	allowed(t, serve(t, strict, new(origin), child(st, page)))
	// A reload passes the proof on.
	if got := sessionOf(t, h, playlist+"?token="+st); got != st {
		t.Errorf("the reload carries %q", got)
	}
}

// The options of the modes need one another.
func TestModesThatCannotBe(t *testing.T) {
	key := sessionKey(t, "a")
	for lines, tc := range map[string]struct{ app, text string }{
		"propagate session":                                              {"", "session_key"},
		"referer_missing first":                                          {"", "propagate session"},
		"propagate query\nreferer_missing first":                         {key, "propagate session"},
		"propagate session\ntokens {\nquery off\npath off\n}":            {key, "tokens { query"},
		"propagate cookie":                                               {"", "cors"},
		"propagate cookie\ncors *":                                       {"", "cors"},
		"propagate cookie\ncors off":                                     {"", "cors"},
		"propagate cookie\ncors https://a.test *":                        {"", "cors"},
		"propagate path\ntokens {\npath off\n}":                          {"", "path off"},
		"tokens {\ncookie a;b\n}":                                        {"", "cookie"},
		"propagate cookie\ncors https://a.test\ntokens {\ncookie off\n}": {"", "cookie"},
	} {
		if _, err := tryGate(t, lines, tc.app); err == nil || !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%q: %v", lines, err)
		}
	}
}

// Path mode: one redirect to the URL with the token in its path, made from
// what was judged.
func TestPathMode(t *testing.T) {
	h := newGate(t, "propagate path\nstream /live/{org}/{stream}/*\nstream /{org}/{stream}/*")
	tok := mint(t, nil)
	for _, tc := range []struct{ target, header, want string }{
		{playlist + "?token=TOKEN", "", "/live/acme/cam/~TOKEN/index.m3u8"},
		{playlist + "?a=1&token=TOKEN&b=%2F&jwtoken=TOKEN", "", "/live/acme/cam/~TOKEN/index.m3u8?a=1&b=%2F"},
		{media + "?_HLS_msn=3", "Authorization: Bearer TOKEN", "/live/acme/cam/~TOKEN/seg-1.m4s?_HLS_msn=3"},
		{media, "Cookie: playgate_token=TOKEN", "/live/acme/cam/~TOKEN/seg-1.m4s"},
		{"http://edge.test" + media + "?token=TOKEN", "X-Forwarded-Host: evil.test", "/live/acme/cam/~TOKEN/seg-1.m4s"},
		{"/live/acme/cam/a%20b.m3u8?token=TOKEN", "", "/live/acme/cam/~TOKEN/a%20b.m3u8"},
		{"/live/acme/cam/höhe.m3u8?token=TOKEN", "", "/live/acme/cam/~TOKEN/h%C3%B6he.m3u8"},
		{"/acme/cam/x.m3u8?token=TOKEN", "", "/acme/cam/~TOKEN/x.m3u8"},
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			var headers []string
			if tc.header != "" {
				headers = []string{strings.ReplaceAll(tc.header, "TOKEN", tok)}
			}
			var o origin
			w := serve(t, h, &o, request(method, strings.ReplaceAll(tc.target, "TOKEN", tok), headers...))
			o.sawNothing(t)
			got := strings.ReplaceAll(w.Header().Get("Location"), tok, "TOKEN")
			if w.Code != http.StatusFound || got != tc.want {
				t.Errorf("%s %s: status %d, Location %q instead of %q", method, tc.target, w.Code, got, tc.want)
			}
			if w.Header().Get("Cache-Control") != "private, no-store" || w.Header().Get("Access-Control-Allow-Origin") != "*" || w.Body.Len() != 0 {
				t.Errorf("header %v, body %q", w.Header(), w.Body)
			}
			// There it stays: once, and without the token below the gate.
			o = origin{}
			allowed(t, serve(t, h, &o, request(method, strings.ReplaceAll(tc.want, "TOKEN", tok))))
			if seen := o.only(t); strings.Contains(seen.URL.String()+seen.RequestURI+seen.original.RequestURI, tok) {
				t.Errorf("the origin got %s", seen.URL)
			}
		}
	}
	// Never for a socket, a refusal, or what needs no token.
	var o origin
	allowed(t, get(t, h, &o, "/live/acme/cam/ws?token="+tok, "Connection: Upgrade", "Upgrade: websocket"))
	o = origin{}
	refusedWith(t, get(t, h, &o, playlist), &o, 401, "missing_token")
	o = origin{}
	if w := get(t, h, &o, playlist+"?token="+mintWith(t, strangerKey, nil)); w.Code != 401 || w.Header().Get("Location") != "" {
		t.Errorf("status %d, header %v", w.Code, w.Header())
	}
	public := newGate(t, "propagate path\nopen /open/*", "org acme {\nsecure off\n}")
	allowed(t, get(t, public, new(origin), playlist+"?token="+tok))
	allowed(t, get(t, public, new(origin), "/open/x?token="+tok))
	for _, text := range []string{strangersToken(t), "a.b.c"} {
		reported := newGate(t, "propagate path\nreport_only on")
		if w := get(t, reported, new(origin), playlist+"?token="+text); w.Code != 200 {
			t.Errorf("an unverified token is redirected: %d", w.Code)
		}
	}
}

func strangersToken(t testing.TB) string { return mintWith(t, strangerKey, nil) }

// Matchers of Caddy see the path with its literal front, and never the token.
func TestPathModeWithMatchers(t *testing.T) {
	stopAtEnd(t)
	run(t, "", "http://:0 {\nplaygate {\nstream /live/{org}/{stream}/*\npropagate path\n}\nhandle /live/acme/* {\nrespond \"{uri} {http.request.orig_uri} {path}\"\n}\nrespond elsewhere 404\n}")
	base := bases(t)[0]
	tok := current(t)
	r, _ := http.NewRequest(http.MethodGet, base+playlist+"?a=1&token="+tok, http.NoBody)
	first, _ := fetch(t, r)
	location := first.Header.Get("Location")
	if first.StatusCode != 302 || location != "/live/acme/cam/~"+tok+"/index.m3u8?a=1" {
		t.Fatalf("status %d, Location %q", first.StatusCode, location)
	}
	r, _ = http.NewRequest(http.MethodGet, base+location, http.NoBody)
	second, body := fetch(t, r)
	if want := playlist + "?a=1 " + playlist + "?a=1 " + playlist; second.StatusCode != 200 || body != want {
		t.Errorf("status %d, body %q", second.StatusCode, body)
	}
}

// Cookie mode hands the token over once, for the paths of its stream and its
// life, and lets no cache have the answer that does.
func TestCookieMode(t *testing.T) {
	h := newGate(t, "propagate cookie\ncors https://page.test\nstream /live/{org}/{stream}/*\nstream /flv/{stream}.flv\nstream /h5/* {\nquery stream {org}-{id}\n}\ndefault_org acme")
	var tok string
	for target, path := range map[string]string{
		playlist + "?token=TOKEN":              "/live/acme/cam/",
		media + "?jwtoken=TOKEN":               "/live/acme/cam/",
		"/live/acme/cam/a/b/c?token=TOKEN":     "/live/acme/cam/",
		"/flv/cam.flv?token=TOKEN":             "/flv/",
		"/h5/http?stream=acme-cam&token=TOKEN": "/h5/",
	} {
		if strings.HasPrefix(target, "/h5/") {
			tok = mint(t, func(g *token.Grant) { g.Streams = []string{"acme-cam"} })
		} else {
			tok = mint(t, nil)
		}
		w := get(t, h, hlsOf("#EXTM3U\nseg.ts\n"), strings.ReplaceAll(target, "TOKEN", tok), "Origin: https://page.test")
		allowed(t, w)
		want := "playgate_token=" + tok + "; Path=" + path + "; Max-Age=3600; HttpOnly; Secure; SameSite=None; Partitioned"
		if got := w.Header()["Set-Cookie"]; !slices.Equal(got, []string{want}) {
			t.Errorf("%s: Set-Cookie %q, want %q", target, got, want)
		}
		if got := w.Header().Get("Cache-Control"); got != "private, no-store" {
			t.Errorf("Cache-Control %q", got)
		}
		if w.Body.String() != "#EXTM3U\nseg.ts\n" {
			t.Errorf("the playlist was changed: %q", w.Body)
		}
		if w.Header().Get("Access-Control-Allow-Origin") != "https://page.test" || w.Header().Get("Access-Control-Allow-Credentials") != "true" {
			t.Errorf("header %v", w.Header())
		}
	}
	tok = mint(t, nil)
	w := get(t, h, new(origin), media, "Cookie: playgate_token="+tok)
	allowed(t, w)
	if w.Header()["Set-Cookie"] != nil || w.Header().Get("Cache-Control") != "private" || w.Header().Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("a request that has the cookie gets %v", w.Header())
	}
	w = get(t, h, new(origin), media, "Cookie: playgate_token="+tok, "Origin: https://evil.test")
	if w.Header().Get("Access-Control-Allow-Origin") != "" || w.Header().Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("a page that is not listed gets %v", w.Header())
	}
	// In the path it stays, and relative URIs inherit it.
	w = get(t, h, new(origin), "/live/~"+tok+"/acme/cam/index.m3u8?a=1")
	if w.Code != 200 || len(w.Header()["Set-Cookie"]) != 1 || w.Header().Get("Cache-Control") != "private, no-store" {
		t.Errorf("status %d, header %v", w.Code, w.Header())
	}
	// Refused, it gets none.
	w = get(t, h, new(origin), playlist+"?token="+strangersToken(t))
	if w.Code != 401 || w.Header()["Set-Cookie"] != nil {
		t.Errorf("status %d, header %v", w.Code, w.Header())
	}
	// In other modes there are no credentials.
	for _, lines := range []string{"cors https://page.test", "propagate path\ncors https://page.test", "propagate off\ncors https://page.test"} {
		w := get(t, newGate(t, lines), new(origin), media+"?token="+tok, "Origin: https://page.test")
		if w.Header().Get("Access-Control-Allow-Credentials") != "" || w.Header()["Set-Cookie"] != nil {
			t.Errorf("%q: header %v", lines, w.Header())
		}
	}
}

// When a cookie counts, and when it does not.
func TestTheCookie(t *testing.T) {
	h := newGate(t, "propagate cookie\nerrors verbose\ncors https://page.test")
	good, other, bad := mint(t, nil), mint(t, func(g *token.Grant) { g.ID = "token-2" }), strangersToken(t)
	fill := strings.NewReplacer("GOOD", good, "OTHER", other, "BAD", bad)
	socket := []string{"Connection: Upgrade", "Upgrade: websocket"}
	for _, tc := range []struct {
		name, target string
		headers      []string
		status       int
		reason       string
	}{
		{"alone", media, []string{"Cookie: playgate_token=GOOD"}, 200, ""},
		{"among others", media, []string{"Cookie: a=b;  playgate_token=GOOD ;c=d"}, 200, ""},
		{"quoted", media, []string{`Cookie: playgate_token="GOOD"`}, 200, ""},
		{"in two lines", media, []string{"Cookie: a=b", "Cookie: playgate_token=GOOD"}, 200, ""},
		{"twice the same", media, []string{"Cookie: playgate_token=GOOD; playgate_token=GOOD"}, 200, ""},
		{"twice", media, []string{"Cookie: playgate_token=GOOD; playgate_token=OTHER"}, 400, "ambiguous_token"},
		{"bad", media, []string{"Cookie: playgate_token=BAD"}, 401, "unknown_key"},
		{"no token", media, []string{"Cookie: playgate_token=abc"}, 401, "malformed_token"},
		{"empty", media, []string{"Cookie: playgate_token="}, 401, "missing_token"},
		{"another name", media, []string{"Cookie: playgate_tokens=GOOD; Playgate_Token=GOOD; token=GOOD"}, 401, "missing_token"},
		{"beside a bad one in the query", media + "?token=BAD", []string{"Cookie: playgate_token=GOOD"}, 401, "unknown_key"},
		{"beside a bad one in the header", media, []string{"Cookie: playgate_token=GOOD", "Authorization: Bearer BAD"}, 401, "unknown_key"},
		{"beside a bad one in the path", "/live/~BAD/acme/cam/x.ts", []string{"Cookie: playgate_token=GOOD"}, 401, "unknown_key"},
		{"beside something in the query", media + "?token=abc", []string{"Cookie: playgate_token=GOOD"}, 200, ""},
		{"something in its place", media, []string{"Cookie: playgate_token=abc"}, 401, "malformed_token"},
		{"beside something in the header", media, []string{"Cookie: playgate_token=GOOD", "Authorization: Bearer abc"}, 200, ""},
		{"beside an empty pair", media + "?token=", []string{"Cookie: playgate_token=GOOD"}, 200, ""},
		{"beside a good one", media + "?token=GOOD", []string{"Cookie: playgate_token=BAD"}, 200, ""},
		{"socket from a listed page", media, append([]string{"Cookie: playgate_token=GOOD", "Origin: https://page.test"}, socket...), 200, ""},
		{"socket from this site", "http://edge.test" + media, append([]string{"Cookie: playgate_token=GOOD", "Origin: http://edge.test"}, socket...), 200, ""},
		{"socket from another page", media, append([]string{"Cookie: playgate_token=GOOD", "Origin: https://evil.test"}, socket...), 401, "missing_token"},
		{"socket from another scheme of this site", "http://edge.test" + media, append([]string{"Cookie: playgate_token=GOOD", "Origin: https://edge.test"}, socket...), 401, "missing_token"},
		{"socket from nowhere", media, append([]string{"Cookie: playgate_token=GOOD"}, socket...), 401, "missing_token"},
		{"socket from null", media, append([]string{"Cookie: playgate_token=GOOD", "Origin: null"}, socket...), 401, "missing_token"},
		{"socket from two pages", media, append([]string{"Cookie: playgate_token=GOOD", "Origin: https://page.test", "Origin: https://page.test"}, socket...), 401, "missing_token"},
		{"socket with a token of its own", media + "?token=GOOD", append([]string{"Origin: https://evil.test"}, socket...), 200, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for i := range tc.headers {
				tc.headers[i] = fill.Replace(tc.headers[i])
			}
			r := request(http.MethodGet, fill.Replace(tc.target), tc.headers...)
			if tc.reason == "" {
				allowed(t, serve(t, h, new(origin), r))
			} else {
				denied(t, h, r, tc.status, tc.reason)
			}
		})
	}
	off := newGate(t, "tokens {\ncookie off\n}\nerrors verbose")
	denied(t, off, request(http.MethodGet, media, "Cookie: playgate_token="+good), 401, "missing_token")
	named := newGate(t, "tokens {\ncookie sess\n}\nerrors verbose")
	allowed(t, get(t, named, new(origin), media, "Cookie: sess="+good))
	denied(t, named, request(http.MethodGet, media, "Cookie: playgate_token="+good), 401, "missing_token")
}

// The origin gets the other cookies as they were.
func TestTheCookieBelowTheGate(t *testing.T) {
	tok := mint(t, nil)
	for before, want := range map[string]string{
		"playgate_token=TOKEN":                                 "",
		"playgate_token=TOKEN; a=b":                            "a=b",
		"a=b; playgate_token=TOKEN":                            "a=b",
		`a="x y";playgate_token=TOKEN;  c==d ;e`:               `a="x y";  c==d ;e`,
		"a=b;c=d":                                              "a=b;c=d",
		"a=b; my_playgate_token=TOKEN; playgate_token=abc; x":  "a=b; my_playgate_token=TOKEN; playgate_token=abc; x",
		`playgate_token="TOKEN"; ä=ö`:                          "ä=ö",
		"a=1; playgate_token=TOKEN; playgate_token=TOKEN; b=2": "a=1; b=2",
	} {
		var o origin
		allowed(t, get(t, newGate(t, "upstream_token drop"), &o, media+"?token="+tok, "Cookie: "+strings.ReplaceAll(before, "TOKEN", tok), "Cookie: second=line"))
		wantLines := []string{strings.ReplaceAll(want, "TOKEN", tok), "second=line"}
		if want == "" {
			wantLines = wantLines[1:]
		}
		if got := o.only(t).Header["Cookie"]; !slices.Equal(got, wantLines) {
			t.Errorf("%q becomes %q", before, got)
		}
	}
	var o origin
	allowed(t, get(t, newGate(t, "upstream_token keep"), &o, media, "Cookie: playgate_token="+tok))
	if got := o.only(t).Header.Get("Cookie"); got != "playgate_token="+tok {
		t.Errorf("kept, it is %q", got)
	}
}

// Off leaves the manifest alone, but for a token in the path, which relative
// URIs inherit whether one wants it or not.
func TestOffMode(t *testing.T) {
	h := newGate(t, "propagate off")
	tok := mint(t, nil)
	const plain = "#EXTM3U\nseg.ts\n/live/acme/cam/x.ts\n"
	w := get(t, h, hlsOf(plain), playlist+"?token="+tok)
	if w.Body.String() != plain || w.Header()["Set-Cookie"] != nil || w.Header().Get("Location") != "" {
		t.Errorf("body %q, header %v", w.Body, w.Header())
	}
}

// Where there is a session key, sessions are what is propagated when nobody
// says otherwise; without one it is the token itself.
func TestSessionIsTheDefault(t *testing.T) {
	tok := mint(t, nil)
	for name, tc := range map[string]struct {
		lines, app string
		session    bool
	}{
		"with a session key":      {"", sessionKey(t, "a"), true},
		"without":                 {"", "", false},
		"query is asked for":      {"propagate query", sessionKey(t, "a"), false},
		"no name to write it as":  {"tokens {\nquery off\nheader off\n}", sessionKey(t, "a"), false},
		"referer_missing follows": {"referer_missing first", sessionKey(t, "a"), true},
	} {
		h := newGate(t, tc.lines, tc.app)
		w := get(t, h, hlsOf("#EXTM3U\nseg.ts\n"), playlist+"?token="+tok)
		if got := sessionForm.MatchString(w.Body.String()); got != tc.session {
			t.Errorf("%s: a session token is %v in %q", name, got, w.Body)
		}
	}
}

// A token that the player has in its URL must not be copied to other URIs by
// the player itself, also where the gate leaves manifests alone.
func TestManifestsThatLeakInEveryMode(t *testing.T) {
	tok := mint(t, nil)
	const leak = "#EXTM3U\n#EXT-X-DEFINE:QUERYPARAM=\"token\"\nhttps://evil.test/x.ts?t={$token}\n"
	const leakingMPD = `<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><EssentialProperty schemeIdUri="urn:mpeg:dash:urlparam:2014"><UrlQueryInfo useMPDUrlQuery="true" queryTemplate="$querypart$"/></EssentialProperty><Period><BaseURL>https://evil.test/</BaseURL></Period></MPD>`
	mpd := answer{header: map[string]string{"Content-Type": "application/dash+xml"}, parts: []string{leakingMPD}}
	for _, mode := range []string{"query", "session", "path", "cookie", "off"} {
		t.Run(mode, func(t *testing.T) {
			h := newGate(t, "propagate "+mode+"\ncors http://page.test", sessionKey(t, "a"))
			ask := func(o *origin, target, end string, headers ...string) int {
				target = strings.TrimSuffix(target, "index.m3u8") + end
				return get(t, h, o, target+"?token="+tok, headers...).Code
			}
			at := playlist
			if mode == "path" { // it would be redirected otherwise
				at = "/live/~" + tok + "/acme/cam/index.m3u8"
			}
			if got := ask(hlsOf(leak), at, "index.m3u8"); got != 502 {
				t.Errorf("HLS: status %d", got)
			}
			if got := ask(mpd.origin(), at, "manifest.mpd"); got != 502 {
				t.Errorf("DASH: status %d", got)
			}
		})
	}
	// With the token elsewhere there is nothing to leak.
	h := newGate(t, "propagate off")
	w := get(t, h, hlsOf(leak), playlist, "Authorization: Bearer "+tok)
	if w.Code != 200 || w.Body.String() != leak {
		t.Errorf("status %d, body %q", w.Code, w.Body)
	}
}

// A manifest that is only looked at keeps all that the origin said of it.
func TestInspectedManifestIsUntouched(t *testing.T) {
	h := newGate(t, "propagate off")
	tok := mint(t, nil)
	const plain = "#EXTM3U\nseg.ts\n"
	o := answer{header: map[string]string{"Content-Type": hlsType, "Etag": `"1"`, "Last-Modified": "x"}, parts: []string{plain}}.origin()
	w := get(t, h, o, playlist+"?token="+tok, `If-None-Match: "0"`, "Accept-Encoding: br, gzip")
	if w.Body.String() != plain || w.Header().Get("Etag") != `"1"` || w.Header().Get("Last-Modified") != "x" {
		t.Errorf("body %q, header %v", w.Body, w.Header())
	}
	sent := o.only(t).Header
	if sent.Get("If-None-Match") != `"0"` || sent.Get("Accept-Encoding") != "identity" {
		t.Errorf("the origin got %v", sent)
	}
}

// A token in path form stays there in every mode, and references inherit it; under session
// they get a session token in its place.
func TestPathFormInEveryMode(t *testing.T) {
	tok := mint(t, nil)
	const plain = "#EXTM3U\nseg.ts\n/live/acme/cam/x.ts?a\nhttp://edge.test/live/acme/cam/y.ts\nhttps://evil.test/live/acme/cam/z.ts\n"
	inPath := strings.ReplaceAll(plain, "/live/acme", "/live/~"+tok+"/acme")
	inPath = strings.Replace(inPath, "evil.test/live/~"+tok, "evil.test/live", 1)
	for _, mode := range []string{"query", "path", "off", "session", "cookie"} {
		t.Run(mode, func(t *testing.T) {
			h := newGate(t, "propagate "+mode+"\ncors http://page.test", sessionKey(t, "a"))
			o := hlsOf(plain)
			w := get(t, h, o, "http://edge.test/live/~"+tok+"/acme/cam/index.m3u8?b=1")
			got, want := w.Body.String(), inPath
			if mode == "session" {
				got, want = sessionForm.ReplaceAllString(got, "S"), strings.Replace(strings.ReplaceAll(inPath, "~"+tok, "~S"), "seg.ts", "../../../~S/acme/cam/seg.ts", 1)
			}
			if w.Code != 200 || got != want {
				t.Errorf("status %d\n got %q\nwant %q", w.Code, got, want)
			}
			if got := o.only(t).URL.RequestURI(); got != playlist+"?b=1" {
				t.Errorf("the origin got %q", got)
			}
		})
	}
}

// Session tokens are good whatever a gate propagates, and lead to nothing that
// outlives them.
func TestSessionTokensInOtherModes(t *testing.T) {
	st := sessionOf(t, sessionGate(t, ""), playlist+"?token="+mint(t, nil))
	for _, mode := range []string{"query", "path", "cookie", "off"} {
		h := newGate(t, "propagate "+mode+"\ncors http://page.test", sessionKey(t, "a"))
		w := get(t, h, hlsOf("#EXTM3U\nseg.ts\n"), playlist+"?token="+st)
		allowed(t, w)
		want := "#EXTM3U\nseg.ts\n"
		if mode == "query" {
			want = "#EXTM3U\nseg.ts?token=" + st + "\n"
		}
		if w.Body.String() != want || w.Header()["Set-Cookie"] != nil {
			t.Errorf("%s: body %q, header %v", mode, w.Body, w.Header())
		}
	}
}

// A playlist of 7 kB and 182 URIs grows by at most 3.2 times its
// size with a session token, and compressed it does not grow at all.
func TestGrowthOfAPlaylist(t *testing.T) {
	var b strings.Builder
	b.WriteString("#EXTM3U\n#EXT-X-MAP:URI=\"init.mp4\"\n")
	for i := range 181 {
		fmt.Fprintf(&b, "#EXT-X-PART:DURATION=0.2,URI=\"p%d.mp4\"\n", i)
	}
	plain := b.String()
	tok := mint(t, func(g *token.Grant) { g.Tag, g.Subject = strings.Repeat("x", 20), strings.Repeat("u", 30) })
	w := get(t, sessionGate(t, ""), hlsOf(plain), playlist+"?token="+tok)
	n := len(sessionForm.FindAllString(w.Body.String(), -1))
	if n != 182 {
		t.Fatalf("%d URIs have a session token", n)
	}
	if added := w.Body.Len() - len(plain); added > 32*len(plain)/10 {
		t.Errorf("%d bytes grow by %d", len(plain), added)
	}
	zipped := get(t, sessionGate(t, ""), hlsOf(plain), playlist+"?token="+tok, "Accept-Encoding: gzip")
	if zipped.Body.Len() > len(plain)/2 {
		t.Errorf("compressed, %d bytes became %d", len(plain), zipped.Body.Len())
	}
}

func unzip(t testing.TB, body []byte) string {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Who takes gzip gets it; who does not, or asks for something small, gets the
// text as it is. Either way caches are told that it depends.
func TestCompressionOfManifests(t *testing.T) {
	h := newGate(t, "")
	tok := mint(t, nil)
	plain, rewritten := lines("", 50), lines("?token="+tok, 50)
	for _, tc := range []struct {
		name, accept string
		plain, want  string
		zipped       bool
	}{
		{"gzip", "gzip", plain, rewritten, true},
		{"among others", "br;q=1.0, gzip;q=0.5", plain, rewritten, true},
		{"refused", "gzip;q=0, br", plain, rewritten, false},
		{"others only", "br, zstd", plain, rewritten, false},
		{"identity", "identity", plain, rewritten, false},
		{"nothing said", "", plain, rewritten, false},
		{"small", "gzip", "#EXTM3U\nseg.ts\n", "#EXTM3U\nseg.ts?token=" + tok + "\n", false},
		{"MPD", "gzip", "<MPD>" + strings.Repeat("<BaseURL>a</BaseURL>", 50) + "</MPD>", "<MPD>" + strings.Repeat("<BaseURL>a?token="+tok+"</BaseURL>", 50) + "</MPD>", true},
	} {
		for _, fromOrigin := range []string{"", "gzip"} {
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				t.Run(tc.name+" "+fromOrigin+" "+method, func(t *testing.T) {
					a := answer{header: map[string]string{"Etag": `"v1"`}, parts: []string{tc.plain}}
					if fromOrigin == "gzip" {
						a = answer{header: map[string]string{"Etag": `"v1"`, "Content-Encoding": "gzip"}, parts: []string{gzipped(tc.plain)}}
					}
					var headers []string
					if tc.accept != "" {
						headers = []string{"Accept-Encoding: " + tc.accept}
					}
					w := serve(t, h, a.origin(), request(method, playlist+"?token="+tok, headers...))
					allowed(t, w)
					if got := w.Header().Get("Content-Encoding"); (got == "gzip") != tc.zipped || got != "" && got != "gzip" {
						t.Errorf("Content-Encoding %q", got)
					}
					if !slices.Contains(w.Header()["Vary"], "Accept-Encoding") {
						t.Errorf("Vary %q", w.Header()["Vary"])
					}
					length, _ := strconv.Atoi(w.Header().Get("Content-Length"))
					if method == http.MethodHead {
						whole := serve(t, h, a.origin(), request(http.MethodGet, playlist+"?token="+tok, headers...))
						if w.Body.Len() != 0 || length != whole.Body.Len() {
							t.Errorf("%d bytes, Content-Length %d, with GET %d", w.Body.Len(), length, whole.Body.Len())
						}
						return
					}
					body := w.Body.String()
					if length != len(body) {
						t.Errorf("Content-Length %d for %d bytes", length, len(body))
					}
					if tc.zipped {
						body = unzip(t, w.Body.Bytes())
					}
					if body != tc.want {
						t.Errorf("\n got %q\nwant %q", body, tc.want)
					}
				})
			}
		}
	}
}

// A range of what turns out to be a manifest is fetched again, once, and whole.
func TestPartOfAnMPDIsFetchedWhole(t *testing.T) {
	h := newGate(t, "")
	tok := mint(t, nil)
	const text = "<MPD><BaseURL>a</BaseURL></MPD>"
	for name, stubborn := range map[string]bool{"whole at the second time": false, "never whole": true} {
		t.Run(name, func(t *testing.T) {
			o := &origin{answer: func(w http.ResponseWriter, r *http.Request) error {
				w.Header().Set("Content-Type", "application/dash+xml")
				if r.Header.Get("Range") == "" && !stubborn {
					_, err := io.WriteString(w, text)
					return err
				}
				w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-9/%d", len(text)))
				w.WriteHeader(http.StatusPartialContent)
				_, err := io.WriteString(w, text[:10])
				return err
			}}
			w := serve(t, h, o, request(http.MethodGet, "/live/acme/cam/list?token="+tok, "Range: bytes=0-9", "If-Range: \"x\""))
			if len(o.passed) != 2 || o.passed[1].Header.Get("Range") != "" || o.passed[1].Header.Get("If-Range") != "" {
				t.Errorf("%d requests", len(o.passed))
			}
			if stubborn {
				readProblem(t, w, 502)
				return
			}
			if want := "<MPD><BaseURL>a?token=" + tok + "</BaseURL></MPD>"; w.Code != 200 || w.Body.String() != want {
				t.Errorf("status %d, body %q", w.Code, w.Body)
			}
		})
	}
}

// DASH and steering go through the gate like playlists.
func TestOtherManifests(t *testing.T) {
	tok := mint(t, nil)
	for _, tc := range []struct {
		name, target, kind, in, want string
		status                       int
	}{
		{"MPD", "/live/acme/cam/x.mpd", "application/dash+xml", `<MPD><Period><AdaptationSet><SegmentTemplate media="$Number$.m4s?a&amp;b"/></AdaptationSet></Period></MPD>`, `<MPD><Period><AdaptationSet><SegmentTemplate media="$Number$.m4s?a&amp;b&amp;token=TOKEN"/></AdaptationSet></Period></MPD>`, 200},
		{"MPD that leaks", "/live/acme/cam/x.mpd", "application/dash+xml", `<MPD><UrlQueryInfo useMPDUrlQuery="true"/></MPD>`, "", 502},
		{"MPD with a DOCTYPE", "/live/acme/cam/x.mpd", "application/dash+xml", `<!DOCTYPE MPD><MPD><BaseURL>a</BaseURL></MPD>`, `<!DOCTYPE MPD><MPD><BaseURL>a</BaseURL></MPD>`, 200},
		{"patch", "/live/acme/cam/x", "application/dash-patch+xml", `<Patch><add><BaseURL>a</BaseURL></add></Patch>`, `<Patch><add><BaseURL>a</BaseURL></add></Patch>`, 200},
		{"steering manifest", "/live/acme/cam/steering", "application/vnd.apple.steering-list", `{"VERSION":1,"RELOAD-URI":"s","PATHWAY-CLONES":[{"URI-REPLACEMENT":{"HOST":"evil.test"}}]}`, `{"VERSION":1,"RELOAD-URI":"s?token=TOKEN","PATHWAY-CLONES":[{"URI-REPLACEMENT":{"PARAMS":{"token":""},"HOST":"evil.test"}}]}`, 200},
		{"asset list", "/live/acme/cam/assets", "application/json; charset=utf-8", `{"ASSETS":[{"URI":"ad.m3u8"}]}`, `{"ASSETS":[{"URI":"ad.m3u8?token=TOKEN"}]}`, 200},
		{"other JSON", "/live/acme/cam/stats", "application/json", `{"URI":"ad.m3u8"}`, `{"URI":"ad.m3u8"}`, 200},
		{"JSON of another type", "/live/acme/cam/stats", "text/plain", `{"ASSETS":[{"URI":"ad.m3u8"}]}`, `{"ASSETS":[{"URI":"ad.m3u8?token=TOKEN"}]}`, 200},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := answer{header: map[string]string{"Content-Type": tc.kind, "Etag": `"v1"`, "Cache-Control": "max-age=9"}, parts: []string{tc.in}}
			w := get(t, newGate(t, ""), a.origin(), tc.target+"?token="+tok)
			if tc.status == 502 {
				readProblem(t, w, 502)
				return
			}
			if got := strings.ReplaceAll(w.Body.String(), tok, "TOKEN"); w.Code != tc.status || got != tc.want {
				t.Errorf("status %d\n got %q\nwant %q", w.Code, got, tc.want)
			}
			changed := tc.in != tc.want
			if (w.Header().Get("Cache-Control") == "private, no-store") != changed || (w.Header().Get("Etag") != `"v1"`) != changed || w.Header().Get("Content-Type") != tc.kind {
				t.Errorf("header %v", w.Header())
			}
		})
	}
	// The path form has no parameter to leak, and none to empty.
	inPath := "/live/~" + tok + "/acme/cam/"
	mpd := answer{header: map[string]string{"Content-Type": "application/dash+xml"}, parts: []string{`<MPD><UrlQueryInfo useMPDUrlQuery="true"/></MPD>`}}
	allowed(t, get(t, newGate(t, ""), mpd.origin(), inPath+"x.mpd"))
	clone := answer{header: map[string]string{"Content-Type": "application/json"}, parts: []string{`{"VERSION":1,"PATHWAY-CLONES":[{"URI-REPLACEMENT":{"HOST":"evil.test"}}]}`}}
	readProblem(t, get(t, newGate(t, ""), clone.origin(), inPath+"s.json"), 502)
}

// JSON that is too large for a steering manifest passes, with all its bytes.
func TestLargeJSONPasses(t *testing.T) {
	tok := mint(t, nil)
	big := `{"ITEMS":[` + strings.Repeat(`"aaaaaaaaaaaaaaaa",`, 4<<20/19) + `1],"X":"` + strings.Repeat("x", 100) + `"}`
	for name, parts := range map[string][]string{"in one piece": {big}, "in pieces": strings.SplitAfter(big, `",`), "after a byte": {big[:1], big[1:]}, "above the first cap": {big[:20], big[20 : body.MaxJSON+100], big[body.MaxJSON+100:]}} {
		a := answer{header: map[string]string{"Content-Type": "application/json", "Content-Length": strconv.Itoa(len(big)), "Etag": `"v1"`}, parts: parts}
		w := get(t, newGate(t, ""), a.origin(), media+"?token="+tok)
		if w.Code != 200 || w.Body.String() != big || w.Header().Get("Etag") != `"v1"` {
			t.Errorf("%s: status %d, %d of %d bytes, Etag %q", name, w.Code, w.Body.Len(), len(big), w.Header().Get("Etag"))
		}
	}
}

// A small body that decodes to a huge playlist passes in bounded memory.
func TestGzipBomb(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	line := []byte("#EXTM3U\n" + strings.Repeat("#", 1<<16-8))
	for range 1 << 10 { // 64 MiB
		if _, err := z.Write(line); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	tok := mint(t, nil)
	for _, kind := range []string{hlsType, "application/dash+xml", "application/json"} {
		a := answer{header: map[string]string{"Content-Type": kind, "Content-Encoding": "gzip"}, parts: []string{b.String()}}
		w := &drain{header: make(http.Header)}
		if err := newGate(t, "").ServeHTTP(w, request(http.MethodGet, playlist+"?token="+tok), a.origin()); err != nil || w.status != 200 || w.n != 64<<20 {
			t.Fatalf("status %d, %d bytes: %v", w.status, w.n, err)
		}
		if w.grown > 4<<20 {
			t.Errorf("%s: a bomb takes %d bytes at a time", kind, w.grown)
		}
	}
}

// drain counts what is written to it, and by how much the memory has grown meanwhile.
type drain struct {
	header       http.Header
	status       int
	n            int
	begun, grown uint64
}

func (d *drain) Header() http.Header { return d.header }

func (d *drain) WriteHeader(status int) { d.status = status }

func (d *drain) Write(p []byte) (int, error) {
	const often = 64 << 20
	if d.n/often != (d.n+len(p))/often || d.n == 0 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if d.begun == 0 {
			d.begun = m.HeapAlloc
		}
		d.grown = max(d.grown, m.HeapAlloc-min(d.begun, m.HeapAlloc))
	}
	d.n += len(p)
	return len(p), nil
}

// Codings that nobody asked for, above all several, are a 502.
func TestOtherCodings(t *testing.T) {
	tok := mint(t, nil)
	for _, coding := range []string{"br", "zstd", "deflate", "gzip, gzip", "gzip,br", "identity, gzip", "x-gzip", "gzip;q=1", "nonsense"} {
		for _, target := range []string{playlist, "/live/acme/cam/x.mpd"} {
			a := answer{header: map[string]string{"Content-Encoding": coding}, parts: []string{gzipped(gzipped(lines("", 9)))}}
			readProblem(t, get(t, newGate(t, ""), a.origin(), target+"?token="+tok, "Accept-Encoding: gzip"), 502)
		}
	}
	a := answer{header: map[string]string{"Content-Encoding": "gzip"}, parts: []string{gzipped(gzipped(lines("", 9)))}}
	if w := get(t, newGate(t, ""), a.origin(), playlist+"?token="+tok); strings.Contains(w.Body.String(), tok) {
		t.Error("gzip inside of gzip was rewritten")
	}
}
