package integration_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// What report_only lets through without a good token is protected media all the
// same: no shared cache may keep it.
func TestReportedAnswersArePrivate(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{gate: "report_only on"}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=3600, s-maxage=7200")
		w.Header().Set("Surrogate-Control", "max-age=3600")
		io.WriteString(w, "media")
	}))
	expired := g.key.Sign(t, harness.Good("org1", "cam").With("iat", 1_700_000_000).With("exp", 1_700_003_600))
	for name, url := range map[string]string{
		"no token": "/live/org1/cam/seg.ts", "an expired one": target(expired), "another stream's": target(g.key.Token(t, "--org", "org1", "--stream", "other")),
		"no token of anybody": target("a.b.c"), "a good one": target(g.key.Token(t, "--org", "org1", "--stream", "cam", "--expires", "2h")),
	} {
		for _, client := range harness.Clients() {
			answer := client.Do(t, g.Server, harness.Request{Target: url})
			g.allowed(t, answer)
			if got := answer.Header.Get("Cache-Control"); got != "private, max-age=3600" || answer.Header.Get("Surrogate-Control") != "" {
				t.Errorf("%s, %s: Cache-Control %q, header %v", client.Name, name, got, answer.Header)
			}
		}
	}
}

// A 503 that the gate answers for a handler below it says when to come back, too.
func TestRetryAfterOfUnavailable(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{site: "error /live/org1/cam/busy.ts 503"}, nil)
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	for _, client := range harness.Clients() {
		answer := client.Do(t, g.Server, harness.Request{Target: strings.Replace(target(token), "seg", "busy", 1)})
		if answer.Status != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") != "2" || answer.Header.Get("Playgate-Id") == "" {
			t.Errorf("%s: status %d, header %v", client.Name, answer.Status, answer.Header)
		}
	}
}
