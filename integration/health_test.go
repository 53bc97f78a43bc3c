package integration_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// Health needs no token and never reaches the origin.
func TestHealth(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{site: "playgate_health"}, nil)
	for _, client := range harness.Clients() {
		for _, path := range []string{"/healthz", "/readyz"} {
			if a := client.Do(t, g.Server, harness.Request{Target: path}); a.Status != http.StatusOK {
				t.Errorf("%s over %s: status %d", path, client.Name, a.Status)
			}
		}
	}
	g.origin.SawNothing(t, 0)
}

// Requests are counted by result and reason, also across a reload, and no
// stream, organisation or token is a label.
func TestMetrics(t *testing.T) {
	t.Parallel()
	s := setup{globals: "metrics\n"}
	g := guard(t, s, nil)
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	g.allowed(t, g.get(t, target(token)))
	g.get(t, "/live/org1/other/seg.ts?token="+token)
	s.gate = "errors verbose"
	if r := g.Reload(s.caddyfile()); r.Code != 0 {
		t.Fatalf("reload:\n%s", r.Text())
	}
	g.allowed(t, g.get(t, target(token)))
	text := string(harness.Curl(t, "http://"+g.Admin+"/metrics").Body)
	var allowed, refused string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "playgate_requests_total{") {
			continue
		}
		if strings.Contains(line, `reason="wrong_stream",result="deny"`) {
			refused = strings.Fields(line)[1]
		}
		if strings.Contains(line, `result="allow"`) {
			allowed = strings.Fields(line)[1]
		}
		for _, name := range []string{"org1", "cam", "other", harness.Signature(token)} {
			if strings.Contains(line, name) {
				t.Errorf("a label of the viewer's making: %s", line)
			}
		}
	}
	if allowed != "2" || refused != "1" {
		t.Errorf("allowed %q and refused %q instead of 2 and 1", allowed, refused)
	}
}
