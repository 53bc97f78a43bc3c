package issue

import (
	"strings"
	"testing"
	"time"

	"github.com/playgate/playgate/module/token"
	"github.com/playgate/playgate/module/token/jwt"
)

const liveRule = "/live/{org}/{stream}/*"

// question is about a token that is in order, at a time when it is.
func question(tb testing.TB, i *Issuer, r Request) Question {
	tb.Helper()
	ring, err := token.NewKeyring(i.Key)
	if err != nil {
		tb.Fatal(err)
	}
	return Question{
		Text: mustIssue(tb, i, r).Token, At: now, Rule: liveRule, Keys: ring,
		Terms: &token.Terms{Max: token.MaxLifetime, Leeway: token.DefaultLeeway},
	}
}

func mustExplain(tb testing.TB, q Question) *Explanation {
	tb.Helper()
	e, err := Explain(q)
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

// results are the checks as "name result reason", one by one.
func results(e *Explanation) string {
	var all []string
	for _, c := range e.Checks {
		all = append(all, strings.TrimSpace(c.Name+" "+c.Result+" "+c.Reason))
	}
	return strings.Join(all, ", ")
}

func TestExplainGoesThroughEveryCheck(t *testing.T) {
	restricted := Request{Org: "org1", Streams: []string{"cam1"}, IPs: []string{"203.0.113.0/24"}, Referers: []string{"*.example.com"}}
	tests := []struct {
		name   string
		change func(q *Question)
		reason string
		checks string
	}{
		{"in order", func(*Question) {}, "", "shape ok, signature ok, times ok, lifetime ok, scope ok, address ok, page ok"},
		{"nothing but a token", func(q *Question) { q.Keys, q.URL, q.IP, q.Referer = nil, "", "", "" }, "", "shape ok, signature skipped, times ok, lifetime ok, scope skipped, address skipped, page skipped"},
		{"no key file", func(q *Question) { q.Keys = nil }, "", "shape ok, signature skipped, times ok, lifetime ok, scope ok, address ok, page ok"},
		{"no URL", func(q *Question) { q.URL = "" }, "", "shape ok, signature ok, times ok, lifetime ok, scope skipped, address ok, page ok"},
		{"no address", func(q *Question) { q.IP = "" }, "", "shape ok, signature ok, times ok, lifetime ok, scope ok, address skipped, page ok"},
		{"no page", func(q *Question) { q.Referer = "" }, "", "shape ok, signature ok, times ok, lifetime ok, scope ok, address ok, page skipped"},
		{"no token", func(q *Question) { q.Text = "x" }, "malformed_token", "shape failed malformed_token"},
		{"no key", func(q *Question) { q.Keys, _ = token.NewKeyring() }, "unknown_key", "shape ok, signature failed unknown_key, times ok, lifetime ok, scope ok, address ok, page ok"},
		{"altered", func(q *Question) { q.Text = altered(q.Text) }, "bad_signature", "shape ok, signature failed bad_signature, times ok, lifetime ok, scope ok, address ok, page ok"},
		{"expired", func(q *Question) { q.At = now.Add(15 * 24 * time.Hour) }, "expired", "shape ok, signature ok, times failed expired, scope ok, address ok, page ok"},
		{"not valid yet", func(q *Question) { q.At = now.Add(-time.Hour) }, "not_yet_valid", "shape ok, signature ok, times failed not_yet_valid, scope ok, address ok, page ok"},
		{"too long", func(q *Question) { q.Terms = &token.Terms{Max: time.Hour} }, "lifetime", "shape ok, signature ok, times ok, lifetime failed lifetime, scope ok, address ok, page ok"},
		{"issuer", func(q *Question) { q.Terms = &token.Terms{Max: token.MaxLifetime, Issuer: "us"} }, "issuer", "shape ok, signature ok, times ok, lifetime ok, issuer failed issuer, scope ok, address ok, page ok"},
		{"another organisation", func(q *Question) { q.URL = "https://h/live/org2/cam1/x" }, "wrong_org", "shape ok, signature ok, times ok, lifetime ok, scope failed wrong_org, address ok, page ok"},
		{"another stream", func(q *Question) { q.URL = "https://h/live/org1/cam2/x" }, "wrong_stream", "shape ok, signature ok, times ok, lifetime ok, scope failed wrong_stream, address ok, page ok"},
		{"another form of URL", func(q *Question) { q.URL = "https://h/other" }, "no_stream", "shape ok, signature ok, times ok, lifetime ok, scope failed no_stream, address ok, page ok"},
		{"another address", func(q *Question) { q.IP = "198.51.100.9" }, "wrong_ip", "shape ok, signature ok, times ok, lifetime ok, scope ok, address failed wrong_ip, page ok"},
		{"v4-mapped address", func(q *Question) { q.IP = "::ffff:203.0.113.9" }, "", "shape ok, signature ok, times ok, lifetime ok, scope ok, address ok, page ok"},
		{"another page", func(q *Question) { q.Referer = "https://evil.example/" }, "wrong_referer", "shape ok, signature ok, times ok, lifetime ok, scope ok, address ok, page failed wrong_referer"},
		{"odd page", func(q *Question) { q.Referer = "https://www.example.com@evil.example/" }, "wrong_referer", "shape ok, signature ok, times ok, lifetime ok, scope ok, address ok, page failed wrong_referer"},
		{"everything wrong", func(q *Question) {
			q.Text, q.At, q.URL, q.IP, q.Referer = altered(q.Text), now.Add(15*24*time.Hour), "https://h/live/org2/cam1/x", "::1", "https://evil.example/"
		}, "bad_signature", "shape ok, signature failed bad_signature, times failed expired, scope failed wrong_org, address failed wrong_ip, page failed wrong_referer"},
	}
	i := testIssuer(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q := question(t, i, restricted)
			q.URL, q.IP, q.Referer = "https://h/live/org1/cam1/index.m3u8", "203.0.113.7", "https://www.example.com/"
			tt.change(&q)
			e := mustExplain(t, q)
			if got := results(e); got != tt.checks {
				t.Errorf("\n got %s\nwant %s", got, tt.checks)
			}
			decided := !strings.Contains(strings.Replace(tt.checks, "scope skipped", "", 1), "skipped")
			if e.Reason != tt.reason || e.Allowed != (tt.reason == "" && decided) {
				t.Errorf("allowed %v, reason %q", e.Allowed, e.Reason)
			}
			for _, c := range e.Checks {
				if c.Text == "" {
					t.Errorf("%s has no text", c.Name)
				}
			}
		})
	}
}

func TestExplainOfATokenWithoutRules(t *testing.T) {
	q := question(t, testIssuer(t), Request{Org: "org1", OrgWide: true})
	q.URL = "https://h/live/org1/any/x"
	if e := mustExplain(t, q); !e.Allowed || results(e) != "shape ok, signature ok, times ok, lifetime ok, scope ok, address ok, page ok" {
		t.Errorf("%s", results(e))
	}
}

func TestExplainFindsTheTokenInAURL(t *testing.T) {
	i := testIssuer(t)
	q := question(t, i, Request{Org: "org1", Streams: []string{"cam1"}})
	text := q.Text
	for _, pasted := range []string{
		text, " " + text + "\n", "https://h/live/org1/cam1/x?token=" + text, "https://h/live/org1/cam1/x?a=1&jwtoken=" + text + "&b=2", "https://h/live/~" + text + "/org1/cam1/x", "wss://h/live/org1/cam1/x?token=" + text,
	} {
		q.Text = pasted
		e := mustExplain(t, q)
		if !e.Allowed || e.Grant == nil || e.Grant.Org != "org1" {
			t.Errorf("%s: %s", pasted, results(e))
		}
		if strings.Contains(pasted, "://") != strings.Contains(results(e), "scope ok") {
			t.Errorf("%s: %s", pasted, results(e))
		}
	}
	q.Text = "https://h/live/org1/cam2/x?token=" + text
	if e := mustExplain(t, q); e.Reason != "wrong_stream" {
		t.Errorf("the URL in which it came: %s", results(e))
	}
	q.URL = "https://h/live/org1/cam1/x"
	if e := mustExplain(t, q); !e.Allowed {
		t.Errorf("the URL that was given wins: %s", results(e))
	}
}

// DESIGN section 3.5: different tokens in one request are ambiguous.
func TestExplainDoesNotChooseBetweenTokens(t *testing.T) {
	i := testIssuer(t)
	q := question(t, i, Request{Org: "org1", Streams: []string{"cam1"}})
	other := mustIssue(t, i, Request{Org: "org1", Streams: []string{"cam2"}}).Token
	q.Text = "https://h/live/org1/cam1/x?token=" + q.Text + "&jwtoken=" + other
	for range 20 {
		if e, err := Explain(q); err == nil && e.Reason != "ambiguous_token" {
			t.Fatalf("reason %q, %s", e.Reason, results(e))
		}
	}
}

// What the gate answers with bad_request is not explained as allowed.
func TestExplainDoesNotAllowAURLThatTheGateRefuses(t *testing.T) {
	q := question(t, testIssuer(t), Request{Org: "org1", Streams: []string{"cam1"}})
	for _, path := range []string{"/live/org1/cam1/../cam2/x", "/live/org1/cam1/..%2fcam2/x", "/live/org1/cam1//x", "/live/org1/cam1/a%00b", "/live/org1/cam%31/x"} {
		q.URL = "https://h" + path
		if e, err := Explain(q); err == nil && e.Allowed && strings.Contains(results(e), "scope ok") {
			t.Errorf("%s: %s", path, results(e))
		}
	}
}

// The gate does not know an address with a zone; see access.ClientAddress.
func TestExplainTreatsAnAddressAsTheGateDoes(t *testing.T) {
	q := question(t, testIssuer(t), Request{Org: "org1", Streams: []string{"cam1"}, IPs: []string{"fe80::/64"}})
	q.IP = "fe80::1%eth0"
	if e, err := Explain(q); err == nil && e.Allowed {
		t.Errorf("%s", results(e))
	}
}

func TestExplainChecksOfAFarAwayExpiry(t *testing.T) {
	key := testKey(t)
	g := &token.Grant{ID: "t1", Org: "org1", Streams: []string{"cam1"}, Expires: 100_000_000_000, Issuer: "us"}
	text, err := jwt.Sign(g, key)
	if err != nil {
		t.Fatal(err)
	}
	e := mustExplain(t, Question{Text: text, At: now, Rule: liveRule, Terms: &token.Terms{Max: token.MaxLifetime, Issuer: "us"}})
	if got, want := results(e), "shape ok, signature skipped, times ok, lifetime failed lifetime, issuer ok, scope skipped, address ok, page ok"; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestExplainErrorsSayWhichWordIsWrong(t *testing.T) {
	restricted := Request{Org: "org1", Streams: []string{"cam1"}, IPs: []string{"203.0.113.0/24"}}
	tests := []struct {
		name   string
		change func(q *Question)
		field  string
	}{
		{"URL without token", func(q *Question) { q.Text = "https://h/live/org1/cam1/x?token=abc" }, "url"},
		{"no URL in the text", func(q *Question) { q.Text = "https://h/%zz?token=" + q.Text }, "url"},
		{"no URL", func(q *Question) { q.URL = "https://h/%zz" }, "url"},
		{"no rule", func(q *Question) { q.URL, q.Rule = "https://h/x", "live/{stream}" }, "rule"},
		{"no address", func(q *Question) { q.IP = "localhost" }, "ip"},
	}
	for _, tt := range tests {
		q := question(t, testIssuer(t), restricted)
		tt.change(&q)
		_, err := Explain(q)
		wantField(t, err, tt.field, "")
	}
}

// altered changes one character in the middle of a token's signature. The last
// ones will not do: an Ed25519 signature ends in few bits, often zero.
func altered(text string) string {
	at := len(text) - 40
	other := byte('A')
	if text[at] == other {
		other = 'B'
	}
	return text[:at] + string(other) + text[at+1:]
}

// A token in a parameter that is none, or in a query that gates refuse, does not play.
func TestExplainReadsTheQueryAsTheGateDoes(t *testing.T) {
	q := question(t, testIssuer(t), Request{Org: "org1", Streams: []string{"cam1"}})
	text := q.Text
	for query, reason := range map[string]string{
		"token=" + text: "", "jwtoken=" + text: "", "a=1&token=" + text: "", "foo=" + text: "missing_token", "Token=" + text: "missing_token",
		"token=" + text + "&a=%zz": "bad_request", "a;b&token=" + text: "bad_request",
	} {
		q.Text = "https://h/live/org1/cam1/x?" + query
		if e, err := Explain(q); reason == "" && (err != nil || !e.Allowed) || reason != "" && err == nil && (e.Allowed || e.Reason != reason) {
			t.Errorf("%s: %+v, %v", query, e, err)
		}
	}
}
