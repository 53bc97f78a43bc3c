package integration_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// A JSON configuration is refused as the Caddyfile is that it was made of, and the line
// that says so names the log and what to write.
func TestLogsOfJSONAreJudged(t *testing.T) {
	t.Parallel()
	key := harness.NewKey(t, "main", "EdDSA")
	for name, tc := range map[string]struct{ log, says string }{
		"playgate": {"log {\nformat playgate\n}", ""},
		"bare":     {"log", "log default would write tokens"},
		"json":     {"log {\nformat json\n}", "log log0 would write tokens"},
		"one of two": {
			"log a {\nformat playgate\n}\nlog b {\noutput stdout\n}", "log b would write tokens",
		},
		"discard": {"log {\noutput discard\n}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(withoutLog(setup{}.caddyfile()), addresses+" {", addresses+" {\n"+tc.log, 1)
			text = strings.NewReplacer("{$KEY}", key.PublicFile, "{$ORIGIN}", "127.0.0.1:9", "{$ADMIN}", "off", "{$HTTP_PORT}", "18080", "{$HTTPS_PORT}", "18443").Replace(text)
			dir := t.TempDir()
			caddyfile, config := filepath.Join(dir, "Caddyfile"), filepath.Join(dir, "config.json")
			if err := os.WriteFile(caddyfile, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			adapted := harness.Playgate(t, "adapt", "--config", caddyfile, "--adapter", "caddyfile")
			if adapted.Code != 0 {
				t.Fatal(adapted.Text())
			}
			if err := os.WriteFile(config, []byte(adapted.Stdout), 0o600); err != nil {
				t.Fatal(err)
			}
			r := harness.Playgate(t, "validate", "--config", config)
			if tc.says == "" {
				if r.Code != 0 {
					t.Errorf("refused:\n%s", r.Text())
				}
				return
			}
			if line := strings.ReplaceAll(lastLine(r.Stderr), `\"`, `"`); r.Code == 0 || !strings.Contains(line, tc.says+`; write "format playgate" (or "format playgate <encoder>") into it`) {
				t.Errorf("exit status %d: %s", r.Code, line)
			}
		})
	}
}

// A request with a token for a host that no site has, such as the address of the
// server, is in the log of the site, without the token. Caddy would write it into the
// default log, which need not have the format.
func TestHostsWithoutASiteAreRedacted(t *testing.T) {
	t.Parallel()
	for name, format := range map[string]string{"default log in json": "format json", "default log with the format": "format playgate"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key := harness.NewKey(t, "main", "EdDSA")
			caddyfile := strings.Replace(setup{}.caddyfile(), "format playgate json", format, 1)
			server := harness.Serve(t, caddyfile, harness.Env{"KEY": key.PublicFile, "ORIGIN": harness.Loopback(harness.Port(t))})
			token := key.Token(t, "--org", "org1", "--stream", "cam")
			r, err := http.NewRequest(http.MethodGet, server.Plain()+target(token), nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Host = "elsewhere.test"
			answer, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			harness.Wait(t, "the line of the request", func() bool { return strings.Contains(server.Output(), "elsewhere.test") })
			plant(token).nowhere(t, server.Everything())
		})
	}
}
