package integration_test

import (
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// What is out of reach is 503 and never 401, over each version of HTTP: a key
// set that was never read, and a registry of which nothing is known. The origin
// sees nothing, whoever signed the token.
func TestUnavailable(t *testing.T) {
	t.Parallel()
	nowhere := harness.Loopback(harness.Port(t))
	stranger := harness.NewKey(t, "stranger", "EdDSA")
	for _, tc := range []struct {
		name, app string
		// known and unknown are the reasons for a token of the configured key and
		// for one of a key that nobody knows; "" for none.
		known, unknown string
	}{
		{"a key set that was never read", "jwks http://" + nowhere + "/keys {\norgs *\n}", "", "keys_unavailable"},
		{"a registry that was never reached", "store nats nats://" + nowhere, "store_unavailable", "store_unavailable"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			g := guard(t, setup{playgate: tc.app, gate: "errors verbose"}, nil)
			good := harness.Good("org1", "cam")
			for _, client := range harness.Clients() {
				for _, try := range [][2]string{{tc.unknown, stranger.Sign(t, good)}, {tc.known, g.key.Sign(t, good)}} {
					reason, token := try[0], try[1]
					answer := client.Do(t, g.Server, harness.Request{Target: target(token)})
					if reason == "" {
						if answer.Status != 200 {
							t.Errorf("%s: a token of the configured key: status %d", client.Name, answer.Status)
						}
						continue
					}
					g.refused(t, answer, 503, reason)
					if answer.Header.Get("Retry-After") != "2" {
						t.Errorf("%s: Retry-After %q", client.Name, answer.Header.Get("Retry-After"))
					}
				}
				// No token is no token, and an expired one is expired.
				g.refused(t, client.Do(t, g.Server, harness.Request{Target: "/live/org1/cam/seg.ts"}), 401, "missing_token")
			}
			if tc.known != "" {
				g.origin.SawNothing(t, 0)
			}
		})
	}
}
