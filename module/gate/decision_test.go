package gate

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/token"
)

// whence is from where a request comes.
type whence struct{ address, origin, referer string }

func (w whence) request(target string, headers ...string) *http.Request {
	if w.origin != "" {
		headers = append(headers, "Origin: "+w.origin)
	}
	if w.referer != "" {
		headers = append(headers, "Referer: "+w.referer)
	}
	r := request(http.MethodGet, target, headers...)
	setVar(r, caddyhttp.ClientIPVarKey, w.address)
	return r
}

// reasonFor sends a request, and returns its reason; "" where it was allowed.
func reasonFor(t *testing.T, h *Handler, r *http.Request) string {
	t.Helper()
	var o origin
	w := serve(t, h, &o, r)
	if w.Code == http.StatusOK && len(o.passed) == 1 {
		return ""
	}
	o.sawNothing(t)
	return readProblem(t, w, w.Code).Reason
}

var (
	someIssuers   = []string{"", "", "https://one.test", "https://two.test"}
	someAudiences = []string{"one", "two", "", ""}
	someRules     = []string{"203.0.113.0/24", "203.0.113.7", "198.51.100.0/25", "2001:db8::/48", "2001:db8::1"}
	someAddresses = []string{"203.0.113.7", "203.0.113.8", "198.51.100.1", "198.51.100.200", "2001:db8::1", "2001:db8:1::1", "::ffff:203.0.113.7", "", "@", "nonsense"}
	somePatterns  = []string{"example.com", "*.example.com", "example.com:8443", "*.example.com:8443", "other.test", "[2001:db8::9]"}
	someOrigins   = []string{"https://example.com", "https://example.com:8443", "https://www.example.com", "https://a.b.example.com:8443", "http://other.test", "https://evil.test", "https://[2001:db8::9]", "null", "nonsense", ""}
	someReferers  = []string{"", "", "https://example.com/watch", "https://www.example.com:8443/", "https://evil.test/", "nonsense"}
)

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

func someOf(r *rand.Rand, all []string) (list []string) {
	for range r.IntN(3) {
		list = append(list, pick(r, all))
	}
	return list
}

func anywhere(r *rand.Rand) whence {
	return whence{pick(r, someAddresses), pick(r, someOrigins), pick(r, someReferers)}
}

// A playback token, the session token that it made, and both together: a session is
// never allowed more than its token alone, but for a page that referer_missing first
// has seen once; and never less, but that it is bound to the address entry and the
// page pattern with which it began. Both together are judged as the first place says.
func TestSessionsAreJudgedLikeTokens(t *testing.T) {
	const seed = 20270115
	r := rand.New(rand.NewPCG(seed, seed))
	gates := make(map[string]*Handler)
	for _, missing := range []string{"deny", "allow", "first"} {
		gates[missing] = sessionGate(t, "referer_missing "+missing)
	}
	sessions, compared, refused := 0, 0, 0
	terms := func() *token.Terms { // of a configuration
		t := &token.Terms{Max: pick(r, []time.Duration{time.Hour, token.MaxLifetime}), Leeway: token.DefaultLeeway, Issuer: pick(r, someIssuers)}
		if a := pick(r, someAudiences); a != "" {
			t.Audience = []string{pick(r, someAudiences[:2]), a}
		}
		return t
	}
	for range 6000 {
		missing := pick(r, []string{"deny", "allow", "first"})
		h, start, rules, pages := gates[missing], anywhere(r), someOf(r, someRules), someOf(r, somePatterns)
		at := noon
		h.now = func() time.Time { return at }
		h.policy.Terms = &token.Terms{Max: token.MaxLifetime, Leeway: token.DefaultLeeway}
		if r.IntN(2) == 0 {
			h.policy.Terms = terms()
		}
		var grant *token.Grant
		text := mint(t, func(g *token.Grant) {
			g.Subject, g.Tag, g.Issuer = "ann", "hall", pick(r, someIssuers)
			if a := pick(r, someAudiences); a != "" {
				g.Audience = append([]string{a}, someAudiences[r.IntN(3):2]...)
			}
			if r.IntN(4) == 0 {
				g.Expires++
			}
			if r.IntN(4) == 0 {
				g.Streams, g.OrgWide = nil, true
			}
			if len(rules) > 0 {
				g.IPs = addressRules(t, rules...)
			}
			if len(pages) > 0 {
				g.Referers = hostPatterns(t, pages...)
			}
			grant = g
		})
		if r.IntN(3) == 0 {
			text = issuedWithin(t, text)
		}
		w := httptest.NewRecorder()
		if err := h.ServeHTTP(w, start.request(playlist+"?token="+text), hlsOf("#EXTM3U\nseg.ts\n")); err != nil {
			t.Fatal(err)
		}
		st := sessionForm.FindString(w.Body.String())
		if st == "" {
			continue
		}
		sessions++
		for range 4 {
			here := start
			if r.IntN(2) == 0 {
				here = anywhere(r)
			}
			if r.IntN(3) == 0 {
				h.policy.Terms = terms() // by a reload
			}
			at = noon.Add(pick(r, []time.Duration{0, time.Minute, 59 * time.Minute, time.Hour + 4*time.Second, time.Hour + 6*time.Second, 2 * time.Hour}))
			stream := pick(r, []string{"cam", "cam", "cam", "other"})
			child := "/live/acme/" + stream + "/seg.ts"
			byToken, bySession := reasonFor(t, h, here.request(child+"?token="+text)), reasonFor(t, h, here.request(child+"?token="+st))
			what := fmt.Sprintf("%s, ip %q, pages %q, begun %+v, now %+v at %v on %s: token %q, session %q", missing, rules, pages, start, here, at.Sub(noon), stream, byToken, bySession)
			if both := reasonFor(t, h, here.request(child+"?token="+st, "Authorization: Bearer "+text)); both != byToken {
				t.Fatalf("%s: both together %q", what, both)
			}
			compared++
			if bySession != "" {
				refused++
			}
			seenOnce := missing == "first" && grant.Referers != nil && byToken == string(access.WrongReferer)
			if bySession == "" && byToken != "" && !seenOnce {
				t.Fatalf("%s: a session is allowed more", what)
			}
			if byToken == "" && bySession != "" && stream == "cam" && samePlace(grant, start, here) {
				t.Fatalf("%s: a session is allowed less", what)
			}
		}
	}
	if sessions < 300 || refused < 300 || compared-refused < 300 {
		t.Errorf("%d sessions, %d requests, %d of them refused, are too few", sessions, compared, refused)
	}
}

// issuedWithin is a token that was issued half a second before.
func issuedWithin(t testing.TB, text string) string {
	t.Helper()
	parts := strings.Split(text, ".")
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	iat := regexp.MustCompile(`"iat":([0-9]+)`).FindSubmatch(claims)
	second, err := strconv.Atoi(string(iat[1]))
	if err != nil {
		t.Fatal(err)
	}
	claims = bytes.Replace(claims, iat[0], fmt.Appendf(nil, `"iat":%d.5`, second-1), 1)
	signed := parts[0] + "." + base64.RawURLEncoding.EncodeToString(claims)
	return signed + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(testKey.Private().(ed25519.PrivateKey), []byte(signed)))
}

// samePlace reports whether two requests meet the same entry of each rule.
func samePlace(g *token.Grant, a, b whence) bool {
	entry := func(w whence) (rule, page int) {
		rule, page = -1, -1
		address, _ := netip.ParseAddr(w.address)
		for i := len(g.IPs) - 1; i >= 0; i-- {
			if g.IPs[i].Match(address.Unmap()) {
				rule = i
			}
		}
		var origins, referers []string
		if w.origin != "" {
			origins = []string{w.origin}
		}
		if w.referer != "" {
			referers = []string{w.referer}
		}
		p := access.ReadPage(origins, referers)
		for i := len(g.Referers) - 1; i >= 0; i-- {
			if g.Referers[i].Match(p.Host, p.Port) {
				page = i
			}
		}
		return rule, page
	}
	ruleA, pageA := entry(a)
	ruleB, pageB := entry(b)
	return ruleA == ruleB && pageA == pageB
}

// report_only begins no session where the token would have been refused: enforcing
// gates would take it. What it lets through has no identity.
func TestReportOnlyBeginsNoSession(t *testing.T) {
	h := sessionGate(t, "report_only on")
	text := mint(t, func(g *token.Grant) { g.Referers, g.Tag = hostPatterns(t, "good.example"), "hall" })
	for _, headers := range [][]string{nil, {"Origin: https://evil.test"}, {"Referer: https://pzodw2bd.evil.test/"}} {
		o := hlsOf("#EXTM3U\nseg.ts\n")
		w := get(t, h, o, playlist+"?token="+text, headers...)
		allowed(t, w)
		if body := w.Body.String(); strings.Contains(body, "token") {
			t.Errorf("%q: the playlist carries a token: %s", headers, body)
		}
		if id := o.only(t).Header["X-Playgate-Token-Id"]; id != nil {
			t.Errorf("%q: the origin is told %q", headers, id)
		}
	}
	if st := sessionOf(t, h, playlist+"?token="+text, "Origin: https://good.example"); reasonFor(t, sessionGate(t, ""), whence{"203.0.113.7", "https://good.example", ""}.request(media+"?token="+st)) != "" {
		t.Error("a session that began on the right page is no good")
	}
}

// A page rule is known by a keyed hash: a host that had the same hash as another one,
// when it was plain and of 32 bits, does not pass.
func TestPageHashIsKeyed(t *testing.T) {
	h := sessionGate(t, "")
	text := mint(t, func(g *token.Grant) { g.Referers = hostPatterns(t, "good.example", "good.example:8443") })
	st := sessionOf(t, h, playlist+"?token="+text, "Origin: https://good.example")
	for page, want := range map[string]string{
		"https://good.example": "", "https://good.example:444": "", "https://pzodw2bd.evil.test": "wrong_referer", "https://www.good.example": "wrong_referer",
	} {
		if got := reasonFor(t, h, whence{"203.0.113.7", page, ""}.request(media+"?token="+st)); got != want {
			t.Errorf("%s: %q", page, got)
		}
	}
	// The port of a pattern counts in a session too.
	only := mint(t, func(g *token.Grant) { g.Referers = hostPatterns(t, "good.example:8443") })
	st = sessionOf(t, h, playlist+"?token="+only, "Origin: https://good.example:8443")
	for page, want := range map[string]string{"https://good.example:8443": "", "https://good.example": "wrong_referer"} {
		if got := reasonFor(t, h, whence{"203.0.113.7", page, ""}.request(media+"?token="+st)); got != want {
			t.Errorf("%s: %q", page, got)
		}
	}
}

// A player may send its token with each request beside the session token that the
// playlist gave it, and renew it there: its session goes on under the same id. A
// session of somebody else gives no id.
func TestTokenBesideASession(t *testing.T) {
	h := sessionGate(t, "")
	user := func(id, name string) string {
		return mint(t, func(g *token.Grant) { g.ID, g.Subject = id, name })
	}
	idOf := func(st string) string {
		var o origin
		allowed(t, serve(t, h, &o, request(http.MethodGet, media+"?token="+st)))
		return o.only(t).Header.Get("X-Playgate-Token-Id")
	}
	first, renewed, stranger := user("first", "ann"), user("renewed", "ann"), user("stranger", "bob")
	st := sessionOf(t, h, playlist+"?token="+first)
	for name, tc := range map[string]struct {
		header string
		same   bool
	}{"the same token": {first, true}, "a renewed one of the same user": {renewed, true}, "another user's": {stranger, false}} {
		t.Run(name, func(t *testing.T) {
			var o origin
			allowed(t, serve(t, h, &o, request(http.MethodGet, media+"?token="+st, "Authorization: Bearer "+tc.header)))
			if seen := o.only(t); strings.Contains(seen.RequestURI, "token") || seen.Header.Get("Authorization") != "" || strings.HasPrefix(seen.Header.Get("X-Playgate-Token-Id"), "session:") {
				t.Errorf("the origin got %s %v", seen.RequestURI, seen.Header)
			}
			next := sessionOf(t, h, playlist+"?token="+st, "Authorization: Bearer "+tc.header)
			if same := idOf(next) == idOf(st); same != tc.same {
				t.Errorf("the session has the same id: %v", same)
			}
		})
	}
	expired := mint(t, func(g *token.Grant) { g.IssuedAt, g.Expires = noon.Unix()-3600, noon.Unix()-60 })
	denied(t, h, request(http.MethodGet, media+"?token="+st, "Authorization: Bearer "+expired), 401, "expired")
}
