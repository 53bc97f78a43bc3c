package integration_test

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// collector takes traces over OTLP, as the bytes that they are.
type collector struct {
	mu    sync.Mutex
	spans strings.Builder
}

func (c *collector) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spans.Write(body)
}

func (c *collector) all() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spans.String()
}

// No token is in any trace, wherever it stands in the URL, with a verdict of either
// kind, although a span begins before the gate sees the request.
func TestNoTokenInTraces(t *testing.T) {
	t.Parallel()
	key := harness.NewKey(t, "main", "EdDSA")
	origin, traces := harness.NewOrigin(t, nil), new(collector)
	receiver := harness.NewOrigin(t, traces)
	s := setup{site: "tracing {\nspan playout\nspan_attributes {\nuri {http.request.uri}\nasked {http.request.orig_uri}\n}\n}"}
	server := harness.Serve(t, s.caddyfile(), harness.Env{
		"KEY": key.PublicFile, "ORIGIN": origin.Addr,
		"OTEL_EXPORTER_OTLP_ENDPOINT": "http://" + receiver.Addr, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
	})
	good := key.Token(t, "--org", "org1", "--stream", "cam")
	bad := harness.BreakSignature(good)
	for _, client := range harness.Clients() {
		for target, status := range map[string]int{
			"/live/~" + good + "/org1/cam/seg.ts":    200,
			"/live/~" + bad + "/org1/cam/seg.ts":     401,
			"/live/~" + good + "/org1//cam/seg.ts":   400,
			"/live/org1/cam/seg.ts?token=" + good:    200,
			"/nothing/~" + good + "/org1/cam/seg.ts": 400,
			"/nothing/org1/cam/seg.ts?token=" + good: 404,
		} {
			if a := client.Do(t, server, harness.Request{Target: target}); a.Status != status {
				t.Errorf("%s: %s: status %d", client.Name, target, a.Status)
			}
		}
	}
	if err := server.Stop(); err != nil { // which sends what is left
		t.Fatal(err)
	}
	all := traces.all()
	if n := strings.Count(all, "/live/org1/cam/seg.ts"); n == 0 || !strings.Contains(all, "url.path") {
		t.Fatalf("there are no spans: %q", all)
	}
	for name, part := range map[string]string{"the token": good, "its signature": harness.Signature(good), "its claims": strings.Split(good, ".")[1], "the forged one": harness.Signature(bad)} {
		if strings.Contains(all, part) {
			at := strings.Index(all, part)
			t.Errorf("%s is in the traces: %q", name, all[max(0, at-200):at+len(part)])
		}
	}
}
