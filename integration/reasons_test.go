package integration_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/playgate/playgate/integration/harness"
)

const issuerName = "https://issuer.test"

// refusal is one row of the reason table, and a request that reaches it.
type refusal struct {
	reason  string
	status  int
	request harness.Request
}

// refusals need a gate with issuerName as its issuer.
func refusals(t *testing.T, key *harness.Key) []refusal {
	now := time.Now().Unix()
	good := harness.Good("org1", "cam").With("iss", issuerName)
	sign := func(c harness.Claims) harness.Request {
		return harness.Request{Target: target(key.Sign(t, c))}
	}
	stranger := harness.NewKey(t, "stranger", "EdDSA")
	fine := key.Sign(t, good)
	return []refusal{
		{"bad_request", 400, harness.Request{Target: "/live/org1/cam%2fother/seg.ts?token=" + fine}},
		{"ambiguous_token", 400, harness.Request{Target: target(fine) + "&jwtoken=" + key.Sign(t, good.With("jti", "second"))}},
		{"missing_token", 401, harness.Request{Target: "/live/org1/cam/seg.ts"}},
		{"malformed_token", 401, sign(good.With("exp", (now+3600)*1000))},
		{"unknown_key", 401, harness.Request{Target: target(stranger.Sign(t, good))}},
		{"bad_signature", 401, harness.Request{Target: target(harness.BreakSignature(fine))}},
		{"expired", 401, sign(good.With("iat", now-3600).With("exp", now-60))},
		{"not_yet_valid", 401, sign(good.With("nbf", now+1800))},
		{"lifetime", 401, sign(good.With("exp", now+366*24*3600))},
		{"issuer", 401, sign(good.With("iss", "https://other.test"))},
		{"wrong_org", 403, sign(good.With("org", "org2"))},
		{"wrong_stream", 403, sign(good.With("streams", []string{"other"}))},
		{"wrong_ip", 403, sign(good.With("ip", []string{"203.0.113.7"}))},
		{"wrong_referer", 403, harness.Request{
			Target: target(key.Sign(t, good.With("referer", []string{"page.test"}))),
			Header: []string{"Referer: https://elsewhere.test/"},
		}},
		{"no_stream", 404, harness.Request{Target: "/vod/org1/cam/seg.ts?token=" + fine}},
		{"method", 405, harness.Request{Method: "POST", Target: target(fine)}},
	}
}

// Every row of the reason table is reached by curl over plain HTTP and TLS with
// HTTP/1.1 and 2, and by a quic-go client over HTTP/3, with that status, and
// that reason under "errors verbose" (in the log under "terse"), the origin
// having seen nothing. The id from a refusal finds exactly one access-log line,
// with the true reason.
func TestReasons(t *testing.T) {
	t.Parallel()
	for _, errors := range []string{"verbose", "terse"} {
		t.Run(errors, func(t *testing.T) {
			t.Parallel()
			g := guard(t, setup{playgate: "issuer " + issuerName, gate: "errors " + errors}, nil)
			rows := refusals(t, g.key)
			for _, client := range harness.Clients() {
				t.Run(client.Name, func(t *testing.T) {
					for _, row := range rows {
						t.Run(row.reason, func(t *testing.T) {
							answer := client.Do(t, g.Server, row.request)
							g.refused(t, answer, row.status, row.reason)
							checkRefusal(t, answer, row, errors)
						})
					}
				})
			}
			g.origin.SawNothing(t, 0)
		})
	}
}

// checkRefusal looks at what the viewer is told.
func checkRefusal(t *testing.T, answer harness.Answer, row refusal, errors string) {
	t.Helper()
	p := problemOf(t, answer)
	told := row.reason
	if errors == "terse" && row.status == http.StatusForbidden {
		told = "forbidden"
	}
	if p.Reason != told {
		t.Errorf("the viewer is told %q instead of %q", p.Reason, told)
	}
	if p.Status != row.status || p.ID != answer.Header.Get("Playgate-Id") || p.Title == "" || p.Type == "" {
		t.Errorf("body %s", answer.Body)
	}
	if _, err := time.Parse(time.RFC3339, p.ExpiredAt); (err == nil) != (row.reason == "expired") {
		t.Errorf("expired_at is %q", p.ExpiredAt)
	}
	if got := answer.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control is %q", got)
	}
	checkChallenge(t, answer, row)
	if allow := answer.Header.Get("Allow"); (allow != "") != (row.status == http.StatusMethodNotAllowed) {
		t.Errorf("Allow is %q", allow)
	}
}

// checkChallenge wants WWW-Authenticate as in RFC 6750, section 3: no error
// code for a request that brought no token at all.
func checkChallenge(t *testing.T, answer harness.Answer, row refusal) {
	t.Helper()
	challenge := answer.Header.Get("WWW-Authenticate")
	if row.status != http.StatusUnauthorized {
		if challenge != "" {
			t.Errorf("WWW-Authenticate is %q", challenge)
		}
		return
	}
	if challenge != "Bearer" && !strings.HasPrefix(challenge, "Bearer ") {
		t.Errorf("WWW-Authenticate is %q", challenge)
	}
	invalid := strings.Contains(challenge, `error="invalid_token"`)
	if invalid == (row.reason == "missing_token") || strings.Contains(challenge, "error=") != invalid {
		t.Errorf("WWW-Authenticate is %q for %s", challenge, row.reason)
	}
}

// A token that is bound to an address is not judged in TLS early data, where
// the address is not yet proven; any other is.
func TestTooEarly(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{gate: "errors verbose"}, nil)
	bound := g.key.Sign(t, harness.Good("org1", "cam").With("ip", []string{"127.0.0.1"}))
	answer := harness.EarlyData(t, g.Server, harness.Request{Target: target(bound)})
	g.refused(t, answer, http.StatusTooEarly, "too_early")
	if p := problemOf(t, answer); p.Reason != "too_early" {
		t.Errorf("the viewer is told %q", p.Reason)
	}
	g.origin.SawNothing(t, 0)

	free := g.key.Sign(t, harness.Good("org1", "cam"))
	g.allowed(t, harness.EarlyData(t, g.Server, harness.Request{Target: target(free)}))
	g.allowed(t, harness.Clients()[3].Do(t, g.Server, harness.Request{Target: target(bound)}))
}

// The log tells more than the viewer: organisation and stream of the target,
// and the token's id, but that only when the signature holds.
func TestAccessLogFields(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{}, nil)
	claims := harness.Good("org2", "cam").With("jti", "token-id-1")
	for _, tc := range []struct{ name, token, id string }{
		{"signature holds", g.key.Sign(t, claims), "token-id-1"},
		{"signature does not hold", harness.BreakSignature(g.key.Sign(t, claims)), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			answer := g.get(t, target(tc.token))
			line := g.AccessLines(answer.Header.Get("Playgate-Id"))[0]
			if line.Text("playgate_org") != "org1" || line.Text("playgate_stream") != "cam" {
				t.Errorf("org %q and stream %q instead of the target's", line.Text("playgate_org"), line.Text("playgate_stream"))
			}
			if got := line.Text("playgate_token_id"); got != tc.id {
				t.Errorf("token id %q instead of %q", got, tc.id)
			}
		})
	}
	answer := g.get(t, target(g.key.Sign(t, harness.Good("org1", "cam").With("jti", "token-id-2"))))
	g.allowed(t, answer)
	for _, line := range g.AccessLines("token-id-2") {
		if line.Text("playgate_token_id") != "token-id-2" || line.Text("status") != "200" {
			t.Errorf("access-log line of an allowed request: %v", line)
		}
	}
}

// A page on another site can read why it was refused, as it could read the
// stream.
func TestRefusalIsReadableAcrossSites(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{gate: "cors https://page.test"}, nil)
	token := g.key.Sign(t, harness.Good("org1", "cam"))
	for _, tc := range []struct{ name, target, origin, want string }{
		{"allowed", target(token), "https://page.test", "https://page.test"},
		{"refused", "/live/org1/cam/seg.ts", "https://page.test", "https://page.test"},
		{"another site", target(token), "https://other.test", ""},
		{"another site, refused", "/live/org1/cam/seg.ts", "https://other.test", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			answer := g.get(t, tc.target, "Origin: "+tc.origin)
			if got := answer.Header.Get("Access-Control-Allow-Origin"); got != tc.want {
				t.Errorf("Access-Control-Allow-Origin is %q instead of %q", got, tc.want)
			}
		})
	}
}

// A preflight is answered by the gate without a token and never proxied.
func TestPreflight(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{}, nil)
	for _, client := range harness.Clients() {
		answer := client.Do(t, g.Server, harness.Request{
			Method: "OPTIONS", Target: "/live/org1/cam/seg.ts",
			Header: []string{"Origin: https://page.test", "Access-Control-Request-Method: GET", "Access-Control-Request-Headers: range"},
		})
		if answer.Status != http.StatusNoContent || answer.Header.Get("Access-Control-Allow-Origin") == "" {
			t.Errorf("%s: preflight: status %d, headers %v", client.Name, answer.Status, answer.Header)
		}
	}
	g.refused(t, harness.Clients()[0].Do(t, g.Server, harness.Request{Method: "OPTIONS", Target: "/live/org1/cam/seg.ts"}), 405, "method")
	g.origin.SawNothing(t, 0)
}

// An error of what stands below the gate is answered by the gate, with an id,
// and with the status that it has: an origin's problem is never a 401.
func TestOriginIsDown(t *testing.T) {
	t.Parallel()
	key := harness.NewKey(t, "main", "EdDSA")
	nobody := harness.Loopback(harness.Port(t))
	server := harness.Serve(t, setup{}.caddyfile(), harness.Env{"KEY": key.PublicFile, "ORIGIN": nobody})
	g := &guarded{Server: server, key: key}
	for _, client := range harness.Clients() {
		answer := client.Do(t, server, harness.Request{Target: target(key.Sign(t, harness.Good("org1", "cam")))})
		if answer.Status != http.StatusBadGateway {
			t.Errorf("%s: status %d instead of 502", client.Name, answer.Status)
		}
		id := answer.Header.Get("Playgate-Id")
		if id == "" {
			t.Errorf("%s: no Playgate-Id", client.Name)
			continue
		}
		if lines := g.AccessLines(id); len(lines) != 1 {
			t.Errorf("%s: the id finds %d access-log lines", client.Name, len(lines))
		}
	}
}
