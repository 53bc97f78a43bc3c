package integration_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// event is a line that Caddy's events app writes to the debug log.
type event struct {
	Logger string
	Msg    string
	Name   string
	Origin string
	Data   map[string]any
}

// events are those of the gate so far, by name.
func (g *guarded) events(t *testing.T) map[string][]map[string]any {
	t.Helper()
	found := make(map[string][]map[string]any)
	for line := range strings.Lines(g.Output()) {
		var e event
		if json.Unmarshal([]byte(line), &e) == nil && e.Logger == "events" && e.Msg == "event" && e.Origin == "playgate" {
			found[e.Name] = append(found[e.Name], e.Data)
		}
	}
	return found
}

// What is revoked, cut and refused is told as events, without tokens.
func TestEvents(t *testing.T) {
	t.Parallel()
	i := startIssuingFor(t, new(endless), strings.Replace(issuer, "{\n", "{\ndebug\n", 1), nil)
	i.do(t, "org", "create", "org1")
	token := i.do(t, "token", "create", "--org", "org1", "--stream", "cam", "--tag", "press")
	ctx, cancel := context.WithTimeout(t.Context(), harness.Deadline)
	defer cancel()
	ended := make(chan error, 1)
	started := make(chan struct{})
	go func() {
		ended <- viewers()[0].watch(ctx, i.Server, "/live/org1/cam/push?token="+token, func() { close(started) }).err
	}()
	select {
	case <-started:
	case <-ctx.Done():
		t.Fatal("the stream does not play")
	}
	i.do(t, "token", "revoke", "--org", "org1", "--tag", "press", "--reason", "copied")
	if err := <-ended; err == nil {
		t.Error("the stream was not cut")
	}
	answer := i.get(t, target(token))
	i.refused(t, answer, 401, "revoked")

	id := harness.TokenID(t, token)
	for name, want := range map[string]map[string]any{
		"playgate.revoked": {"org": "org1", "kind": "tag", "value": "press", "reason": "copied"},
		"playgate.cut":     {"reason": "revoked", "org": "org1", "stream": "cam", "token_id": id},
		"playgate.refused": {"reason": "revoked", "status": 401.0, "org": "org1", "stream": "cam", "token_id": id, "count": 1.0, "id": answer.Header.Get("Playgate-Id")},
	} {
		harness.Wait(t, name, func() bool { return len(i.events(t)[name]) > 0 })
		told := i.events(t)[name]
		if len(told) != 1 {
			t.Errorf("%s was told %d times", name, len(told))
		}
		for key, value := range want {
			if told[0][key] != value {
				t.Errorf("%s: %s is %v instead of %v", name, key, told[0][key], value)
			}
		}
	}
	plant(token).nowhere(t, i.Everything())
}
