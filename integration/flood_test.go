package integration_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// An address that sends bad signatures is listened to no more after so many of
// them, and told for how long. Who was let in before plays on, from the same
// address too; nothing of it is in the log, and nothing reaches the origin.
func TestBadSignaturesAreLimited(t *testing.T) {
	t.Parallel()
	const most = 20
	g := guard(t, setup{
		globals:  "servers {\n\ttrusted_proxies static 127.0.0.1/32\n\ttrusted_proxies_strict\n}\n",
		playgate: fmt.Sprintf("bad_signatures %d 1h\n", most),
	}, nil)
	from := func(address string) string { return "X-Forwarded-For: " + address }
	const attacker, viewer = "203.0.113.9", "198.51.100.4"
	seen := g.key.Token(t, "--org", "org1", "--stream", "cam")
	g.allowed(t, g.get(t, target(seen), from(attacker)))

	stranger := harness.NewKey(t, "main", "EdDSA")
	claims := harness.Good("org1", "cam")
	forged := func(i int) string { return stranger.Sign(t, claims.With("jti", "forged-"+strconv.Itoa(i))) }
	mark := len(g.origin.Raw())
	for i := range most {
		g.refused(t, g.get(t, target(forged(i)), from(attacker)), http.StatusUnauthorized, "bad_signature")
	}
	fresh := g.key.Token(t, "--org", "org1", "--stream", "cam")
	for _, token := range []string{forged(most), fresh} {
		a := g.get(t, target(token), from(attacker))
		g.refused(t, a, http.StatusTooManyRequests, "rate_limited")
		// The hour forgives one each 180 seconds.
		if after, err := strconv.Atoi(a.Header.Get("Retry-After")); err != nil || after < 60 || after > 180 {
			t.Errorf("Retry-After %q", a.Header.Get("Retry-After"))
		}
	}
	g.origin.SawNothing(t, mark)
	g.allowed(t, g.get(t, target(seen), from(attacker)))
	g.allowed(t, g.get(t, target(fresh), from(viewer)))
	g.allowed(t, g.get(t, target(fresh), from(attacker))) // it has been seen now
	mark = len(g.origin.Raw())
	g.refused(t, g.get(t, "/live/org1/cam/seg.ts", from(attacker)), http.StatusUnauthorized, "missing_token")

	// A reload of the configuration forgives nobody.
	if r := g.Reload(setup{
		globals:  "servers {\n\ttrusted_proxies static 127.0.0.1/32\n\ttrusted_proxies_strict\n}\n",
		playgate: fmt.Sprintf("bad_signatures %d 1h\nleeway 6s\n", most),
	}.caddyfile()); r.Code != 0 {
		t.Fatalf("reload:\n%s", r.Text())
	}
	g.refused(t, g.get(t, target(forged(most+1)), from(attacker)), http.StatusTooManyRequests, "rate_limited")
	g.origin.SawNothing(t, mark)
	for line := range strings.Lines(g.Process.Output()) {
		if !strings.Contains(line, "http.log.access") && strings.Contains(line, "bad_signature") {
			t.Errorf("a line of its own: %s", line)
		}
	}
}
