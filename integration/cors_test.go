package integration_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// A page may send headers of its own, CMCD among them, and read those that the
// origin exposes, besides those that the gate exposes.
func TestHeadersOfPages(t *testing.T) {
	t.Parallel()
	for option, listed := range map[string]bool{"cors *": true, "cors https://page.test": true, "cors https://other.test": false} {
		t.Run(option, func(t *testing.T) {
			t.Parallel()
			g := guard(t, setup{gate: option}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Add("Access-Control-Expose-Headers", "X-Server-Time, etag")
				w.Header().Add("Access-Control-Expose-Headers", "x-server-time")
				w.Header().Set("X-Server-Time", "1")
			}))
			token := g.key.Token(t, "--org", "org1", "--stream", "cam")
			for _, client := range harness.Clients() {
				mark := len(g.origin.Raw())
				preflight := client.Do(t, g.Server, harness.Request{Method: "OPTIONS", Target: "/live/org1/cam/seg.ts", Header: []string{
					"Origin: https://page.test", "Access-Control-Request-Method: GET", "Access-Control-Request-Headers: cmcd-session,range,x-page,x bad",
				}})
				g.origin.SawNothing(t, mark)
				allowed := strings.Split(preflight.Header.Get("Access-Control-Allow-Headers"), ", ")
				for _, name := range []string{"cmcd-session", "Range", "x-page"} {
					if contains(allowed, name) != listed {
						t.Errorf("%s: %s: a preflight allows %q", client.Name, name, allowed)
					}
				}
				if preflight.Status != http.StatusNoContent || contains(allowed, "x bad") {
					t.Errorf("%s: status %d, allowed %q", client.Name, preflight.Status, allowed)
				}
				answer := client.Do(t, g.Server, harness.Request{Target: target(token), Header: []string{"Origin: https://page.test", "CMCD-Session: sid=1", "X-Page: 1"}})
				exposed := answer.Header.Values("Access-Control-Expose-Headers")
				if listed && (len(exposed) != 1 || strings.Count(strings.ToLower(exposed[0]), "x-server-time") != 1 || strings.Count(strings.ToLower(exposed[0]), "etag") != 1 || !strings.Contains(exposed[0], "Playgate-Id")) || !listed && exposed != nil {
					t.Errorf("%s: exposed are %q", client.Name, exposed)
				}
				if got := g.origin.Last(t); len(got.Values("X-Page")) != 1 || len(got.Values("CMCD-Session")) != 1 {
					t.Errorf("%s: the origin got\n%s", client.Name, got.Head)
				}
			}
		})
	}
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}
