package integration_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// If a server trusts proxies and is not strict, clients choose the address that ip
// rules see. The operator is told so when the configuration is loaded, once for each
// server that has a gate.
func TestWarningOfTrustedProxies(t *testing.T) {
	t.Parallel()
	const text = "trusted_proxies without trusted_proxies_strict: clients can choose the address that ip rules see; add trusted_proxies_strict"
	gate := "playgate {\n" + liveRule + "\n}\n"
	for name, tc := range map[string]struct {
		servers, more string
		warnings      int // two servers have the one site, for HTTP and HTTPS
	}{
		"no proxies":                    {"", "", 0},
		"strict":                        {"servers {\ntrusted_proxies static 127.0.0.1/32\ntrusted_proxies_strict\n}", "", 0},
		"strict alone":                  {"servers {\ntrusted_proxies_strict\n}", "", 0},
		"not strict":                    {"servers {\ntrusted_proxies static 127.0.0.1/32\n}", "", 2},
		"all private ranges":            {"servers {\ntrusted_proxies static private_ranges\n}", "", 2},
		"not strict, many gates":        {"servers {\ntrusted_proxies static 127.0.0.1/32\n}", "handle /a/* {\n" + gate + "respond a\n}\nhandle /b/* {\n" + gate + "respond b\n}\n", 2},
		"not strict on one of them":     {"servers 127.0.0.1:{$HTTP_PORT} {\ntrusted_proxies static 127.0.0.1/32\n}", "", 1},
		"unix sockets, not strict":      {"servers {\ntrusted_proxies_unix\n}", "", 2},
		"a server that has no gate too": {"servers 127.0.0.1:{$OTHER} {\ntrusted_proxies static 127.0.0.1/32\n}", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			caddyfile := setup{globals: tc.servers + "\n"}.caddyfile() + "http://127.0.0.1:{$OTHER} {\nrespond other\n}\n"
			if tc.more != "" {
				at := strings.Index(caddyfile, addresses)
				caddyfile = caddyfile[:at] + addresses + " {\n" + tc.more + "\n}\n" + caddyfile[strings.Index(caddyfile, "http://127.0.0.1:{$OTHER}"):]
			}
			key := harness.NewKey(t, "main", "EdDSA")
			s := harness.Serve(t, caddyfile, harness.Env{"KEY": key.PublicFile, "ORIGIN": "127.0.0.1:1", "OTHER": strconv.Itoa(harness.Port(t))})
			count := func() (n int) {
				for line := range strings.Lines(s.Everything()) {
					if strings.Contains(line, `"level":"warn"`) && strings.Contains(line, text) {
						n++
					}
				}
				return n
			}
			if got := count(); got != tc.warnings {
				t.Errorf("%d warnings instead of %d\n%s", got, tc.warnings, s.Everything())
			}
			s.Reload(strings.Replace(caddyfile, "respond other", "respond again", 1))
			harness.Wait(t, "the warnings of the next configuration", func() bool { return count() >= 2*tc.warnings })
		})
	}
}
