package integration_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/playgate/playgate/integration/harness"
)

// A redirect of the site comes after the verdict: it never writes the token of a
// refused request into a Location. What `open` names is redirected without a token.
func TestRedirComesAfterTheVerdict(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{gate: "open /old/*", site: "redir /live/* https://elsewhere.test{uri}\nredir /old/* https://elsewhere.test{uri}"}, nil)
	past := time.Now().Add(-time.Hour).Unix()
	expired := g.key.Sign(t, harness.Good("org1", "cam").With("iat", past-60).With("exp", past))
	good := g.key.Token(t, "--org", "org1", "--stream", "cam")
	for _, client := range harness.Clients() {
		for name, request := range map[string]harness.Request{
			"in the query":  {Target: target(expired)},
			"in the path":   {Target: "/live/~" + expired + "/org1/cam/seg.ts"},
			"in the header": {Target: "/live/org1/cam/seg.ts", Header: []string{"Authorization: Bearer " + expired}},
		} {
			a := client.Do(t, g.Server, request)
			g.refused(t, a, http.StatusUnauthorized, "expired")
			if location := a.Header.Get("Location"); location != "" {
				t.Errorf("%s, %s: redirected to %s", client.Name, name, location)
			}
		}
		a := client.Do(t, g.Server, harness.Request{Target: "/live/org1/cam/seg.ts"})
		g.refused(t, a, http.StatusUnauthorized, "missing_token")
		if location := a.Header.Get("Location"); location != "" {
			t.Errorf("%s, no token: redirected to %s", client.Name, location)
		}
		for where, want := range map[string]string{
			"/old/page?a=1": "https://elsewhere.test/old/page?a=1",
			target(good):    "https://elsewhere.test/live/org1/cam/seg.ts",
		} {
			a := client.Do(t, g.Server, harness.Request{Target: where})
			if got := a.Header.Get("Location"); a.Status != http.StatusFound || got != want || strings.Contains(got, good) {
				t.Errorf("%s: status %d, Location %q instead of %q", client.Name, a.Status, got, want)
			}
		}
	}
	g.origin.SawNothing(t, 0)
}
