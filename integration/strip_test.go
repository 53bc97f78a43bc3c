package integration_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

func queryOf(target string) url.Values {
	_, query, _ := strings.Cut(target, "?")
	values, _ := url.ParseQuery(query)
	return values
}

// What the origin receives, byte for byte: the token pairs are gone from the
// query and every other byte of it is there.
func TestTokenIsTakenOut(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{}, nil)
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	const path = "/live/org1/cam/v0/seg-1.m4s"
	for _, tc := range []struct {
		name, target, want string
		headers            []string
	}{
		{name: "alone", target: path + "?token=TOKEN", want: path},
		{name: "second name", target: path + "?jwtoken=TOKEN", want: path},
		{name: "first of several", target: path + "?token=TOKEN&a=1&b=2", want: path + "?a=1&b=2"},
		{name: "in the middle", target: path + "?a=1&token=TOKEN&b=2", want: path + "?a=1&b=2"},
		{name: "last", target: path + "?a=1&b=2&token=TOKEN", want: path + "?a=1&b=2"},
		{name: "the same token twice", target: path + "?token=TOKEN&a=1&jwtoken=TOKEN", want: path + "?a=1"},
		{name: "the same token three times", target: path + "?token=TOKEN&token=TOKEN&a=1&jwtoken=TOKEN", want: path + "?a=1"},
		{name: "name with an escape", target: path + "?a=1&t%6Fken=TOKEN", want: path + "?a=1"},
		{
			name:   "odd spelling of everything else",
			target: path + "?x=%7e&y=+&Y=%2B&token=TOKEN&z&=&url=rtmp%3A%2F%2Fa%2fb&_HLS_msn=7&_HLS_part=2",
			want:   path + "?x=%7e&y=+&Y=%2B&z&=&url=rtmp%3A%2F%2Fa%2fb&_HLS_msn=7&_HLS_part=2",
		},
		{name: "names are compared with their case", target: path + "?token=TOKEN&Token=x", want: path + "?Token=x"},
		{name: "in the path", target: "/live/~TOKEN/org1/cam/v0/seg-1.m4s?a=1", want: path + "?a=1"},
		{name: "in the path and the query", target: "/live/~TOKEN/org1/cam/v0/seg-1.m4s?a=1&token=TOKEN", want: path + "?a=1"},
		{name: "in a header", target: path + "?a=1", headers: []string{"Authorization: Bearer TOKEN"}, want: path + "?a=1"},
		{name: "in a header and the query", target: path + "?token=TOKEN&a=1", headers: []string{"Authorization: Bearer TOKEN"}, want: path + "?a=1"},
		{name: "in the Referer as well", target: path + "?token=TOKEN", headers: []string{"Referer: https://page.test/live/org1/cam/index.m3u8?token=TOKEN&q=1"}, want: path},
		{name: "in the Referer's path as well", target: path + "?token=TOKEN", headers: []string{"Referer: https://page.test/live/~TOKEN/org1/cam/index.m3u8"}, want: path},
		{name: "in the Referer with escapes", target: path + "?token=TOKEN", headers: []string{"Referer: https://page.test/?token=%65ESCAPED"}, want: path},
		{name: "the scheme of the header in lower case", target: path + "?a=1", headers: []string{"Authorization: bearer TOKEN"}, want: path + "?a=1"},
		{name: "escapes in the path", target: "/live/org1/cam/a%20b/%C3%A9.m4s?token=TOKEN", want: "/live/org1/cam/a%20b/%C3%A9.m4s"},
		{name: "punctuation in the path", target: "/live/org1/cam/a!$&'()*+,=:@~b.m4s?token=TOKEN", want: "/live/org1/cam/a!$&'()*+,=:@~b.m4s"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			fill := strings.NewReplacer("TOKEN", token, "ESCAPED", token[1:])
			request := harness.Request{Target: fill.Replace(tc.target)}
			for _, header := range tc.headers {
				request.Header = append(request.Header, fill.Replace(header))
			}
			for _, client := range harness.Clients() {
				answer := client.Do(t, g.Server, request)
				if answer.Status != 200 {
					t.Errorf("%s: status %d\n%s", client.Name, answer.Status, answer.Body)
					continue
				}
				got := g.origin.Last(t)
				if got.Target != tc.want {
					t.Errorf("%s: the origin got\n%s instead of\n%s", client.Name, got.Target, tc.want)
				}
				if strings.Contains(g.origin.Raw(), harness.Signature(token)) {
					t.Fatalf("%s: the origin got the token:\n%s", client.Name, got.Head)
				}
			}
		})
	}
}

// The rest of a Referer, and an Authorization that is none of ours, pass on.
func TestOtherCredentialsPass(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{}, nil)
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	g.allowed(t, g.get(t, target(token), "Authorization: Basic dXNlcjpwYXNz", "Cookie: a=b", "Referer: https://page.test/watch?v=1"))
	last := g.origin.Last(t)
	for header, want := range map[string]string{
		"Authorization": "Basic dXNlcjpwYXNz",
		"Cookie":        "a=b",
		"Referer":       "https://page.test/watch?v=1",
	} {
		if got := last.Values(header); len(got) != 1 || got[0] != want {
			t.Errorf("the origin got %s: %q", header, got)
		}
	}
}

// The headers that tell the origin who watches come from the gate alone: what a
// client sends under such a name is dropped in every spelling, and set.
func TestIdentityHeaders(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{}, nil)
	token := g.key.Sign(t, harness.Good("org1", "cam").With("jti", "real-id").With("tag", "real-tag"))
	forged := []string{
		"X-Playgate-Org: forged", "X-Playgate-Stream: forged", "X-Playgate-Token-Id: forged", "X-Playgate-Tag: forged",
		"X-Playgate-Admin: forged", "x-playgate-org: forged", "X_Playgate_Org: forged", "X-Playgate_Org: forged",
		"X-Original-URL: /forged", "X-Rewrite-URL: /forged", "X-Forwarded-Uri: /forged", "X-Forwarded-Path: /forged",
		"X-Forwarded-Prefix: /forged", "X-Forwarded-Method: forged", "X-HTTP-Method: forged", "X-HTTP-Method-Override: forged",
		"X-Method-Override: forged", "X-Accel-Redirect: /forged", "X-Accel-Buffering: forged", "X-Sendfile: /forged",
	}
	for _, client := range harness.Clients() {
		t.Run(client.Name, func(t *testing.T) {
			g.allowed(t, client.Do(t, g.Server, harness.Request{Target: target(token), Header: forged}))
			last := g.origin.Last(t)
			if strings.Contains(last.Head, "forged") {
				t.Errorf("a forged header arrived:\n%s", last.Head)
			}
			for header, want := range map[string]string{
				"X-Playgate-Org": "org1", "X-Playgate-Stream": "cam", "X-Playgate-Token-Id": "real-id", "X-Playgate-Tag": "real-tag",
			} {
				if got := last.Values(header); len(got) != 1 || got[0] != want {
					t.Errorf("%s is %q instead of %q", header, got, want)
				}
			}
		})
	}
}

// The connection's own headers cannot be used to take the gate's away.
func TestConnectionHeaderCannotDropIdentity(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{}, nil)
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	g.allowed(t, g.get(t, target(token), "Connection: close, X-Playgate-Org, X-Playgate-Stream"))
	last := g.origin.Last(t)
	for header, want := range map[string]string{"X-Playgate-Org": "org1", "X-Playgate-Stream": "cam"} {
		if got := last.Values(header); len(got) != 1 || got[0] != want {
			t.Errorf("%s is %q", header, got)
		}
	}
}

func TestIdentityOff(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{gate: "identity off"}, nil)
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	g.allowed(t, g.get(t, target(token), "X-Playgate-Org: forged"))
	if head := strings.ToLower(g.origin.Last(t).Head); strings.Contains(head, "playgate-") {
		t.Errorf("with identity off the origin got\n%s", head)
	}
}

// An origin that judges by itself can be given the token.
func TestUpstreamToken(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"drop", "keep", "bearer"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			g := guard(t, setup{gate: "upstream_token " + mode}, nil)
			token := g.key.Token(t, "--org", "org1", "--stream", "cam")
			g.allowed(t, g.get(t, target(token)+"&a=1"))
			last := g.origin.Last(t)
			inQuery := queryOf(last.Target).Get("token") == token
			inHeader := strings.Join(last.Values("Authorization"), ",") == "Bearer "+token
			if inQuery != (mode == "keep") || inHeader != (mode == "bearer") {
				t.Errorf("the origin got\n%s", last.Head)
			}
			if queryOf(last.Target).Get("a") != "1" {
				t.Errorf("the origin got %s", last.Target)
			}
		})
	}
}

// Where a token may stand is the operator's choice; where it may not, it is no
// token.
func TestPlacesCanBeClosed(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{gate: "tokens {\nquery st\npath off\nheader off\n}"}, nil)
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	g.allowed(t, g.get(t, "/live/org1/cam/seg.ts?st="+token))
	mark := len(g.origin.Raw())
	g.refused(t, g.get(t, target(token)), 401, "missing_token")
	g.refused(t, g.get(t, "/live/org1/cam/seg.ts", "Authorization: Bearer "+token), 401, "missing_token")
	if a := g.get(t, "/live/~"+token+"/org1/cam/seg.ts"); a.Status < 400 {
		t.Errorf("token in the path with path off: status %d", a.Status)
	}
	g.origin.SawNothing(t, mark)
}

// Several tokens: in one place, different ones are ambiguous; of several places, the
// first decides: header, query, path.
func TestSeveralTokens(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{}, nil)
	one := g.key.Sign(t, harness.Good("org1", "cam").With("jti", "one"))
	two := g.key.Sign(t, harness.Good("org1", "cam").With("jti", "two"))
	for _, tc := range []struct {
		name, target, header, reason string
	}{
		{"query twice, different", target(one) + "&token=" + two, "", "ambiguous_token"},
		{"header before query", target(one), "Authorization: Bearer " + harness.BreakSignature(two), "bad_signature"},
		{"query before path", "/live/~" + one + "/org1/cam/seg.ts?token=" + harness.BreakSignature(two), "", "bad_signature"},
		{"header before path", "/live/~" + one + "/org1/cam/seg.ts", "Authorization: Bearer " + harness.BreakSignature(two), "bad_signature"},
		{"good and bad", target(one) + "&jwtoken=" + harness.BreakSignature(one), "", "ambiguous_token"},
		{"something that is no token, alone", target("hello"), "", "malformed_token"},
		{"empty", target(""), "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			mark := len(g.origin.Raw())
			var headers []string
			if tc.header != "" {
				headers = append(headers, tc.header)
			}
			answer := g.get(t, tc.target, headers...)
			if tc.reason != "" {
				g.refused(t, answer, statuses[tc.reason], tc.reason)
			} else if answer.Status != 401 {
				t.Errorf("status %d instead of 401", answer.Status)
			}
			g.origin.SawNothing(t, mark)
		})
	}
}
