package integration_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/playgate/playgate/integration/harness"
)

// One token cannot end another's WHEP session, whatever it sends, nor keep its own
// alive: only the origin that has a session says that it is gone. Another origin that
// can be reached under the same host says nothing about it.
func TestWHEPSessionIsGoneOnlyAtItsOwnOrigin(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		option  string // of the other gate
		request func(token, session string) harness.Request
		other   int // what the other origin answers
		status  int
		asked   bool // its own origin is asked at once
	}{
		{"DELETE, 200", "", func(token, session string) harness.Request {
			return harness.Request{Method: http.MethodDelete, Target: session + "?token=" + token}
		}, 200, 200, true},
		{"DELETE, 404", "", func(token, session string) harness.Request {
			return harness.Request{Method: http.MethodDelete, Target: session + "?token=" + token}
		}, 404, 404, true},
		{"DELETE, 410", "", func(token, session string) harness.Request {
			return harness.Request{Method: http.MethodDelete, Target: session + "?token=" + token}
		}, 410, 410, true},
		{"DELETE without a token, reported", "report_only on", func(_, session string) harness.Request {
			return harness.Request{Method: http.MethodDelete, Target: session}
		}, 200, 200, false},
		{"DELETE, reported", "report_only on", func(token, session string) harness.Request {
			return harness.Request{Method: http.MethodDelete, Target: session + "?token=" + token}
		}, 404, 404, true},
		{"a session of the same URL", "", func(token, _ string) harness.Request {
			return post("/live/org1/cam/whep?token=" + token)
		}, 200, 502, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			key := harness.NewKey(t, "main", "EdDSA")
			signals, elsewhere := new(signalling), new(signalling)
			elsewhere.set("", tc.other)
			origin, other := harness.NewOrigin(t, signals), harness.NewOrigin(t, elsewhere)
			port := harness.Loopback(harness.Port(t))
			caddyfile := setup{playgate: "leeway 0s", gate: whepRule}.caddyfile() + `
http://` + port + ` {
	playgate {
		` + whepRule + tc.option + `
	}
	log {
		format playgate json
	}
	reverse_proxy {$OTHER}
}
`
			server := harness.Serve(t, caddyfile, harness.Env{"KEY": key.PublicFile, "ORIGIN": origin.Addr, "OTHER": other.Addr})
			expires := time.Now().Add(4 * time.Second).Truncate(time.Second)
			token := key.Sign(t, harness.Good("org1", "cam").With("exp", expires.Unix()))
			client := harness.Clients()[0]
			session := bare(client.Do(t, server, post("/live/org1/cam/whep?token="+token)).Header.Get("Location"))
			if session == "" {
				t.Fatal("no session began")
			}
			signals.set("", 500) // the next DELETE fails
			second := *server
			second.HTTP = port
			if answer := client.Do(t, &second, tc.request(token, session)); answer.Status != tc.status {
				t.Fatalf("the other site: status %d\n%s", answer.Status, answer.Body)
			}
			want := 2 // with the one that fails
			if tc.asked {
				deletedIn(t, origin, 1, cutWithin)
			}
			for _, c := range deletedIn(t, origin, want, time.Until(expires.Add(cutWithin))) {
				if c.Target != session || strings.Contains(c.Head, token) {
					t.Errorf("its origin got\n%s", c.Head)
				}
			}
		})
	}
}
