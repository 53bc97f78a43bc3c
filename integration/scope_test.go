package integration_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/playgate/playgate/integration/harness"
)

// A stream token plays its streams and no other, of its organisation and no
// other; an organisation token plays every stream of it and none of another.
// The tokens are those of the command line.
func TestScope(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{}, nil)
	one := g.key.Token(t, "--org", "org1", "--stream", "cam")
	two := g.key.Token(t, "--org", "org1", "--stream", "cam", "--stream", "XXXXX-YYYYY")
	all := g.key.Token(t, "--org", "org1", "--orgwide")
	for _, tc := range []struct{ name, token, path, reason string }{
		{"stream token, its stream", one, "/live/org1/cam/seg.ts", ""},
		{"stream token, deeper in its stream", one, "/live/org1/cam/v0/seg.ts", ""},
		{"stream token, another stream", one, "/live/org1/other/seg.ts", "wrong_stream"},
		{"stream token, longer name", one, "/live/org1/cam2/seg.ts", "wrong_stream"},
		{"stream token, shorter name", one, "/live/org1/ca/seg.ts", "wrong_stream"},
		{"stream token, other case", one, "/live/org1/Cam/seg.ts", "wrong_stream"},
		{"stream token, another organisation", one, "/live/org2/cam/seg.ts", "wrong_org"},
		{"stream token, other case of the organisation", one, "/live/Org1/cam/seg.ts", "wrong_org"},
		{"two streams, first", two, "/live/org1/cam/seg.ts", ""},
		{"two streams, second", two, "/live/org1/XXXXX-YYYYY/seg.ts", ""},
		{"two streams, a third", two, "/live/org1/other/seg.ts", "wrong_stream"},
		{"organisation token, any stream", all, "/live/org1/cam/seg.ts", ""},
		{"organisation token, any other stream", all, "/live/org1/some.thing_else-1/seg.ts", ""},
		{"organisation token, another organisation", all, "/live/org2/cam/seg.ts", "wrong_org"},
		{"organisation token, longer name", all, "/live/org11/cam/seg.ts", "wrong_org"},
		{"name outside the alphabet", all, "/live/org1/c@m/seg.ts", "no_stream"},
		{"organisation outside the alphabet", all, "/live/org-1/cam/seg.ts", "no_stream"},
		{"nothing after the stream", all, "/live/org1/cam", "no_stream"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g.judged(t, g.get(t, tc.path+"?token="+tc.token), tc.reason)
		})
	}
}

// judged is allowed for an empty reason and refused for any other.
func (g *guarded) judged(t *testing.T, a harness.Answer, reason string) {
	t.Helper()
	if reason == "" {
		g.allowed(t, a)
		return
	}
	g.refused(t, a, statuses[reason], reason)
}

var statuses = map[string]int{
	"bad_request":     http.StatusBadRequest,
	"ambiguous_token": http.StatusBadRequest,
	"missing_token":   http.StatusUnauthorized,
	"malformed_token": http.StatusUnauthorized,
	"unknown_key":     http.StatusUnauthorized,
	"bad_signature":   http.StatusUnauthorized,
	"expired":         http.StatusUnauthorized,
	"not_yet_valid":   http.StatusUnauthorized,
	"lifetime":        http.StatusUnauthorized,
	"issuer":          http.StatusUnauthorized,
	"wrong_org":       http.StatusForbidden,
	"wrong_stream":    http.StatusForbidden,
	"wrong_ip":        http.StatusForbidden,
	"wrong_referer":   http.StatusForbidden,
	"no_stream":       http.StatusNotFound,
	"method":          http.StatusMethodNotAllowed,
}

// Times: expired, not yet valid, over 365 days, milliseconds; the leeway of
// five seconds on either side.
func TestTimes(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{}, nil)
	const day = 24 * 3600
	now := time.Now().Unix()
	base := harness.Good("org1", "cam")
	for _, tc := range []struct {
		name   string
		claims harness.Claims
		reason string
	}{
		{"an hour", base, ""},
		{"14 days", base.With("exp", now+14*day), ""},
		{"365 days", base.With("iat", now).With("exp", now+365*day), ""},
		{"366 days", base.With("exp", now+366*day), "lifetime"},
		{"366 days without iat", base.With("iat", nil).With("exp", now+366*day), "lifetime"},
		{"366 days, most of them past", base.With("iat", now-300*day).With("exp", now+66*day), "lifetime"},
		{"without iat", base.With("iat", nil), ""},
		{"without exp", base.With("exp", nil), "malformed_token"},
		{"exp in milliseconds", base.With("exp", (now+day)*1000), "malformed_token"},
		{"exp is a string", base.With("exp", "4102444800"), "malformed_token"},
		{"exp is null", base.With("exp", nil).With("exp", any(nil)), "malformed_token"},
		{"expired an hour ago", base.With("iat", now-2*day).With("exp", now-3600), "expired"},
		{"expired within the leeway", base.With("iat", now-day).With("exp", now-1), ""},
		{"valid in an hour", base.With("nbf", now+1800), "not_yet_valid"},
		{"valid within the leeway", base.With("nbf", now+3), ""},
		{"issued in an hour", base.With("iat", now+1800), "not_yet_valid"},
		{"expires before it begins", base.With("nbf", now+3600).With("exp", now+1800), "malformed_token"},
		{"expires before it was issued", base.With("iat", now+7200), "malformed_token"},
		{"nbf beyond any clock", base.With("nbf", 1e300), "malformed_token"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g.judged(t, g.get(t, target(g.key.Sign(t, tc.claims))), tc.reason)
		})
	}
}

// A claim of the wrong type, an odd restriction or a misspelt one never means
// "unrestricted".
func TestClaims(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{}, nil)
	base := harness.Good("org1", "cam")
	for _, tc := range []struct {
		name   string
		claims harness.Claims
		reason string
	}{
		{"one stream as a string", base.With("streams", "cam"), ""},
		{"unknown claim", base.With("colour", "blue"), ""},
		{"no scope", base.With("streams", nil), "malformed_token"},
		{"empty scope", base.With("streams", []string{}), "malformed_token"},
		{"empty stream", base.With("streams", []string{""}), "malformed_token"},
		{"both scopes", base.With("orgwide", true), "malformed_token"},
		{"orgwide false", base.With("streams", nil).With("orgwide", false), "malformed_token"},
		{"orgwide as a string", base.With("streams", nil).With("orgwide", "true"), "malformed_token"},
		{"wildcard stream", base.With("streams", []string{"*"}), "malformed_token"},
		{"stream instead of streams", base.With("streams", nil).With("stream", "cam"), "malformed_token"},
		{"stream beside streams", base.With("stream", "other"), "malformed_token"},
		{"no organisation", base.With("org", nil), "malformed_token"},
		{"organisation is a number", base.With("org", 1), "malformed_token"},
		{"empty ip", base.With("ip", []string{}), "malformed_token"},
		{"ip is a string", base.With("ip", "127.0.0.1"), "malformed_token"},
		{"ip with a name", base.With("ip", []string{"localhost"}), "malformed_token"},
		{"ip with host bits", base.With("ip", []string{"127.0.0.1/8"}), "malformed_token"},
		{"ip with a zone", base.With("ip", []string{"fe80::1%eth0"}), "malformed_token"},
		{"ip of everybody", base.With("ip", []string{"0.0.0.0/0"}), "malformed_token"},
		{"ip in short", base.With("ip", []string{"127.1"}), "malformed_token"},
		{"ips", base.With("ips", []string{"203.0.113.7"}), "malformed_token"},
		{"empty referer", base.With("referer", []string{}), "malformed_token"},
		{"referer with a scheme", base.With("referer", []string{"https://page.test"}), "malformed_token"},
		{"referer with a path", base.With("referer", []string{"page.test/live"}), "malformed_token"},
		{"referer is a star", base.With("referer", []string{"*"}), "malformed_token"},
		{"referrer", base.With("referrer", []string{"page.test"}), "malformed_token"},
		{"max_sessions before there are limits", base.With("max_sessions", 1), "malformed_token"},
		{"jti with a blank", base.With("jti", "a b"), "malformed_token"},
		{"tag with a line break", base.With("tag", "a\nb"), "malformed_token"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g.judged(t, g.get(t, target(g.key.Sign(t, tc.claims))), tc.reason)
		})
	}
}

// H5Live: the name is in the query, as one value that the origin gets too, and
// what the site pins cannot be changed.
func TestNameInQuery(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{gate: `
		stream /h5live/* {
			query stream {org}-{id}
			pin url rtmp://origin.test/play
		}
		`}, nil)
	token := g.key.Token(t, "--org", "XXXXX", "--stream", "XXXXX-YYYYY")
	const pinned = "url=rtmp%3A%2F%2Forigin.test%2Fplay"
	for _, tc := range []struct{ name, query, reason string }{
		{"its stream", "stream=XXXXX-YYYYY&" + pinned, ""},
		{"its stream, nothing pinned yet", "stream=XXXXX-YYYYY", ""},
		{"another stream", "stream=XXXXX-ZZZZZ", "wrong_stream"},
		{"another organisation", "stream=ABCDE-YYYYY", "wrong_org"},
		{"twice", "stream=XXXXX-YYYYY&stream=XXXXX-ZZZZZ", "bad_request"},
		{"twice, one of them encoded", "stream=XXXXX-YYYYY&str%65am=XXXXX-ZZZZZ", "bad_request"},
		{"no stream", "strea=XXXXX-YYYYY", "no_stream"},
		{"not a name", "stream=XXXXXYYYYY", "no_stream"},
		{"another pinned value", "stream=XXXXX-YYYYY&url=rtmp%3A%2F%2Felsewhere.test%2Fplay", "bad_request"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			mark := len(g.origin.Raw())
			g.judged(t, g.get(t, "/h5live/http/playlist.m3u8?"+tc.query+"&jwtoken="+token), tc.reason)
			if tc.reason != "" {
				g.origin.SawNothing(t, mark)
				return
			}
			query := queryOf(g.origin.Last(t).Target)
			if query.Get("stream") != "XXXXX-YYYYY" || query.Get("url") != "rtmp://origin.test/play" || query.Has("jwtoken") {
				t.Errorf("the origin got %s", g.origin.Last(t).Target)
			}
		})
	}
}

// Paths that "open" names need no token, and are for reading only.
func TestOpen(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{gate: "open /favicon.ico /player/*"}, nil)
	g.allowed(t, g.get(t, "/favicon.ico"))
	g.allowed(t, g.get(t, "/player/app.js"))
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	g.allowed(t, g.get(t, "/player/app.js?a=1&token="+token))
	if got := g.origin.Last(t).Target; got != "/player/app.js?a=1" {
		t.Errorf("the origin got %s", got)
	}
	mark := len(g.origin.Raw())
	g.refused(t, g.get(t, "/favicon.ico2"), 404, "no_stream")
	g.refused(t, harness.Clients()[0].Do(t, g.Server, harness.Request{Method: "POST", Target: "/favicon.ico"}), 405, "method")
	g.refused(t, g.get(t, "/player/%2e%2e/live/org1/cam/seg.ts"), 400, "bad_request")
	g.origin.SawNothing(t, mark)
}

// "secure off" opens one organisation and no other, and a token that comes
// along goes no further.
func TestSecureOff(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{playgate: "org public {\nsecure off\n}\norg org1 {\nname \"Organisation one\"\n}"}, nil)
	token := g.key.Sign(t, harness.Good("org1", "cam"))
	g.allowed(t, g.get(t, "/live/public/cam/seg.ts"))
	g.allowed(t, g.get(t, "/live/public/cam/seg.ts?token="+token+"&x=1"))
	if got := g.origin.Last(t).Target; got != "/live/public/cam/seg.ts?x=1" {
		t.Errorf("the origin got %s", got)
	}
	g.refused(t, g.get(t, "/live/org1/cam/seg.ts"), 401, "missing_token")
	g.refused(t, g.get(t, "/live/unknown/cam/seg.ts"), 401, "missing_token")
}

// "report_only on" refuses nothing for its token and says nothing about the
// viewer that no verified token says.
func TestReportOnly(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{gate: "report_only on"}, nil)
	for _, tc := range []struct{ name, target string }{
		{"no token", "/live/org1/cam/seg.ts"},
		{"wrong stream", target(g.key.Sign(t, harness.Good("org1", "other")))},
		{"bad signature", target(harness.BreakSignature(g.key.Sign(t, harness.Good("org1", "cam"))))},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g.allowed(t, g.get(t, tc.target))
			last := g.origin.Last(t)
			if last.Target != "/live/org1/cam/seg.ts" {
				t.Errorf("the origin got %s", last.Target)
			}
			if ids := last.Values("X-Playgate-Token-Id"); len(ids) != 0 {
				t.Errorf("the origin was told the token id %q", ids)
			}
		})
	}
	mark := len(g.origin.Raw())
	g.refused(t, g.get(t, "/live/org1//cam/seg.ts"), 400, "bad_request")
	g.refused(t, g.get(t, "/elsewhere"), 404, "no_stream")
	g.origin.SawNothing(t, mark)
}
