package integration_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// badConfig is a configuration that must not load, with what the message has to
// say so that its reader knows what to change.
type badConfig struct {
	name      string
	caddyfile string
	says      []string
}

func badConfigs() []badConfig {
	gate := func(lines string) string { return setup{gate: lines}.caddyfile() }
	app := func(lines string) string { return setup{playgate: lines}.caddyfile() }
	placed := func(site string) string { return strings.Replace(gate(""), gateLines, site, 1) }
	logged := func(log string) string {
		return strings.Replace(withoutLog(gate("")), addresses+" {", addresses+" {\n"+log, 1)
	}
	return []badConfig{
		{"unknown option of the gate", gate("colour blue"), []string{"colour"}},
		{"option of the app in the gate", gate("bad_signatures 10 1m"), []string{"bad_signatures"}},
		{"unknown option of the app", app("colour blue"), []string{"colour"}},
		{"cookies for every page", gate("propagate cookie"), []string{"cors"}},
		{"sessions without a key", gate("propagate session"), []string{"session_key"}},
		{"option of a later version", app("max_sessions 2"), []string{"max_sessions"}},
		{"limit without a time", app("bad_signatures 10"), []string{"bad_signatures", "1m"}},
		{"unknown propagation", gate("propagate everywhere"), []string{"propagate"}},
		{"no key", strings.Replace(gate(""), "key main {\nfile {$KEY}\n}", "", 1), []string{"key"}},
		{"key file that is not there", app("key main {\nfile /nonexistent/playgate.jwk\n}"), []string{"/nonexistent/playgate.jwk"}},
		{"key file without a key", app("key main {\nfile {$EMPTY}\n}"), []string{"empty.jwk"}},
		{"key without file or secret", app("key main"), []string{"main"}},
		{"short secret", app("key main HS256 {\nsecret {file.{$SHORT}}\n}"), []string{"32"}},
		{"literal secret", app("key main HS256 {\nsecret " + shortSecret + shortSecret + "\n}"), []string{"{env.NAME}"}},
		{"secret that is not set", app("key main HS256 {\nsecret {env.PLAYGATE_UNSET}\n}"), []string{"main"}},
		{"two keys with one id", app("key main {\nfile {$KEY}\n}\nkey main {\nfile {$KEY}\n}"), []string{"main"}},
		{"id that is not the file's", app("key other {\nfile {$KEY}\n}"), []string{"other", "main"}},
		{"algorithm that is not the file's", app("key main ES256 {\nfile {$KEY}\n}"), []string{"ES256", "EdDSA"}},
		{"unknown algorithm", app("key main RS1 {\nfile {$KEY}\n}"), []string{"RS1"}},
		{"unknown state", app("key main {\nfile {$KEY}\nstate sleeping\n}"), []string{"sleeping"}},
		{"key of the site that there is none of", gate("keys other"), []string{"other"}},
		{"store of another kind", app("store redis"), []string{"store redis", "embedded, nats or off"}},
		{"lifetime above a year", app("lifetime 14d 366d"), []string{"lifetime"}},
		{"default lifetime above the most", app("lifetime 30d 7d"), []string{"lifetime"}},
		{"leeway above two minutes", app("leeway 3m"), []string{"leeway"}},
		{"organisation with a hyphen", app("org a-b"), []string{"a-b"}},
		{"no rule", strings.Replace(gate(""), liveRule, "", 1), []string{"stream"}},
		{"template without a slash", gate("stream live/{org}/{stream}/*"), []string{"live/{org}/{stream}/*"}},
		{"template with a star inside", gate("stream /live/*/{org}/{stream}"), []string{"*"}},
		{"template with an unknown capture", gate("stream /live/{org}/{camera}/*"), []string{"{camera}"}},
		{"template with a capture twice", gate("stream /live/{org}/{stream}/{stream}/*"), []string{"{stream}"}},
		{"template with a shorthand of Caddy's", gate("stream /live/{host}/{stream}/*"), []string{"stream"}},
		{"rule without an organisation", gate("stream /live/{stream}/*"), []string{"default_org"}},
		{"matcher", strings.Replace(gate(""), "\tplaygate {\n\t\tstream", "\tplaygate /live/* {\n\t\tstream", 1), []string{"matcher", "open"}},
		{"named matcher", strings.Replace(gate(""), "\tplaygate {\n\t\tstream", "\t@live path /live/*\n\tplaygate @live {\n\t\tstream", 1), []string{"matcher", "open"}},
		{"errors twice", gate("errors terse\nerrors verbose"), []string{"errors"}},
		{"issuer twice", app("issuer a\nissuer b"), []string{"issuer"}},
		{"too few words", gate("referer_missing"), []string{"referer_missing"}},
		{"too many words", gate("referer_missing deny deny"), []string{"referer_missing"}},
		{"neither on nor off", gate("report_only yes"), []string{"report_only", "yes"}},
		{"redirect before a gate in handle", placed("redir /old /new\nhandle {\n" + gateLines + "}\n"), []string{"respond or redir", "behind playgate", "open"}},
		{"rewrite before a gate in handle", placed("rewrite /old /new\nhandle {\n" + gateLines + "}\n"), []string{"rewrite", "behind playgate"}},
		{"proxy before a gate in route", placed("route {\nreverse_proxy /open/* {$ORIGIN}\n" + gateLines + "}\n"), []string{"reverse_proxy", "behind playgate"}},
		{"rule behind a cache", placed(gateLines + "handle /live/* {\nplaygate_cache\nreverse_proxy /live/vod/* {$ORIGIN}\n}\n@banned remote_ip 127.0.0.2\nroute @banned {\nrespond 403\n}\n"), []string{"playgate_cache", "the matcher remote_ip", "before playgate_cache"}},
		{"cache beside handle", placed(gateLines + "playgate_cache\nhandle /live/* {\nreverse_proxy {$ORIGIN}\n}\n"), []string{"playgate_cache", "into that block"}},
		{"two gates", placed(gateLines + "handle {\n" + gateLines + "}\n"), []string{"two gates", "once"}},
		{"bare log", logged("log"), []string{"log default would write tokens", "format playgate"}},
		{"log in json", logged("log {\nformat json\n}"), []string{"log log0 would write tokens", "format playgate"}},
		{"one log of two without the format", logged("log a {\nformat playgate\n}\nlog b {\noutput stdout\n}"), []string{"log b would write tokens", "format playgate"}},
		{"filter around playgate", logged("log {\nformat filter {\nwrap playgate\nrequest>uri delete\n}\n}"), []string{"log log0 would write tokens", "format playgate"}},
		{"errors pass without a log", withoutLog(gate("errors terse pass")), []string{"log default would write tokens", "format playgate"}},
		{"site that is no origin", gate("site live.test/path"), []string{"site"}},
	}
}

// gateLines is the gate of setup.
const gateLines = "\tplaygate {\n\t\t" + liveRule + "\n\n\t}\n"

const shortSecret = "0123456789abcdef"

// Bad config fails at load with a line that says what to change.
func TestBadConfig(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	key := harness.NewKey(t, "main", "EdDSA")
	empty := filepath.Join(dir, "empty.jwk")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	short := filepath.Join(dir, "short.secret")
	if err := os.WriteFile(short, []byte(shortSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	validate := func(t *testing.T, caddyfile string) harness.Result {
		t.Helper()
		path := filepath.Join(t.TempDir(), "Caddyfile")
		text := strings.NewReplacer(
			"{$KEY}", key.PublicFile, "{$EMPTY}", empty, "{$ORIGIN}", "127.0.0.1:9", "{$ADMIN}", "off",
			"{$HTTP_PORT}", "18080", "{$HTTPS_PORT}", "18443", "{$SHORT}", short,
		).Replace(caddyfile)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return harness.Playgate(t, "validate", "--config", path, "--adapter", "caddyfile")
	}
	if r := validate(t, setup{}.caddyfile()); r.Code != 0 {
		t.Fatalf("a good configuration is refused:\n%s", r.Text())
	}
	for _, bad := range badConfigs() {
		t.Run(bad.name, func(t *testing.T) {
			t.Parallel()
			r := validate(t, bad.caddyfile)
			if r.Code == 0 {
				t.Fatalf("loaded:\n%s", bad.caddyfile)
			}
			message := lastLine(r.Stderr)
			for _, part := range bad.says {
				if !strings.Contains(message, part) {
					t.Errorf("the message does not say %q:\n%s", part, message)
				}
			}
			if strings.Contains(r.Text(), shortSecret) {
				t.Errorf("the message holds the secret:\n%s", r.Text())
			}
			t.Log(message)
		})
	}
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// A configuration that does not load leaves the running one as it is: what was
// refused stays refused and what played plays.
func TestBadConfigKeepsTheRunningOne(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{}, nil)
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	for _, bad := range badConfigs() {
		switch bad.name {
		case "unknown option of the gate", "key file that is not there", "no rule", "matcher", "errors twice":
		default:
			continue
		}
		if r := g.Reload(bad.caddyfile); r.Code == 0 {
			t.Errorf("%s: reloaded", bad.name)
		}
		g.allowed(t, g.get(t, target(token)))
		g.refused(t, g.get(t, "/live/org1/cam/seg.ts"), 401, "missing_token")
		g.refused(t, g.get(t, "/live/org1/other/seg.ts?token="+token), 403, "wrong_stream")
	}
	if r := g.Reload(setup{gate: "errors verbose"}.caddyfile()); r.Code != 0 {
		t.Errorf("a good configuration does not reload:\n%s", r.Text())
	}
	if p := problemOf(t, g.get(t, "/live/org1/other/seg.ts?token="+token)); p.Reason != "wrong_stream" {
		t.Errorf("after the reload the viewer is told %q", p.Reason)
	}
}

// The gate stands first in its site whatever comes after it there, and wherever
// it is written.
func TestOrderOfDirectives(t *testing.T) {
	t.Parallel()
	for name, site := range map[string]string{
		"respond": "respond \"open\" 200",
		"handle":  "handle /live/* {\nrespond \"open\" 200\n}",
		"route":   "route {\nrespond \"open\" 200\n}",
		"rewrite": "rewrite * /open\nhandle /open {\nrespond \"open\" 200\n}",
		"uri":     "uri strip_prefix /live\nroute {\nrespond \"open\" 200\n}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := guard(t, setup{site: site}, nil)
			g.refused(t, g.get(t, "/live/org1/cam/seg.ts"), 401, "missing_token")
			token := g.key.Token(t, "--org", "org1", "--stream", "cam")
			a := g.get(t, target(token))
			if a.Status != 200 || string(a.Body) != "open" {
				t.Errorf("status %d, %q", a.Status, a.Body)
			}
			g.origin.SawNothing(t, 0)
		})
	}
}
