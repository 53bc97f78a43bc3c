package integration_test

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// README's first rule: a token for cam2 at cam1's URL is refused by the gate, by explain
// (by a server, and by --rule), by verify and by the console alike; so are the web playout
// URL and a token with a rule that the asker's address does not meet.
func TestExplainSaysWhatTheGateSays(t *testing.T) {
	t.Parallel()
	caddyfile := strings.NewReplacer(
		liveRule, "stream /{org}/{stream}/*",
		"/live/{org}/{stream}/index.m3u8", "/{org}/{stream}/index.m3u8\n\t\tplayout http://127.0.0.1:{$HTTP_PORT}/play/{org}/{stream}",
		"playgate_api\n", "playgate_api\n\tplaygate_console /console {\n\t\tuser {http.request.header.X-User}\n\t\tgrant oscar operate *\n\t\thost 127.0.0.1\n\t}\n",
	).Replace(issuer)
	i := startIssuing(t, caddyfile, nil)
	i.do(t, "org", "create", "acme")
	o := operator{i, i.do(t, "apikey", "create", "--role", "admin")}
	make := func(args ...string) string {
		return i.do(t, append([]string{"token", "create", "--org", "acme"}, args...)...)
	}
	cam1, cam2, away := make("--stream", "cam1"), make("--stream", "cam2"), make("--stream", "cam1", "--ip", "198.51.100.0/24")
	revoked := make("--stream", "cam1", "--tag", "gone")
	i.do(t, "token", "revoke", "--org", "acme", "--tag", "gone")
	const rule = "/{org}/{stream}/*"
	for name, tc := range map[string]struct {
		token, path, ip, reason string
		status                  int
		offline                 bool // --rule alone sees it too
	}{
		"the right one":            {cam1, "/acme/cam1/index.m3u8", "", "", 200, true},
		"another stream":           {cam2, "/acme/cam1/index.m3u8", "", "wrong_stream", 403, true},
		"another organisation":     {cam1, "/beta/cam1/index.m3u8", "", "wrong_org", 403, true},
		"no rule":                  {cam1, "/acme", "", "no_stream", 404, false},
		"an address it is not for": {away, "/acme/cam1/index.m3u8", "127.0.0.1", "wrong_ip", 403, true},
		"revoked":                  {revoked, "/acme/cam1/index.m3u8", "", "revoked", 401, false},
		"the player page":          {cam1, "/play/acme/cam1", "", "", 0, false},
		"another player page":      {cam2, "/play/acme/cam1", "", "wrong_stream", 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			at := i.Plain() + tc.path
			if tc.status != 0 {
				if got := harness.Curl(t, at+"?token="+tc.token).Status; got != tc.status {
					t.Errorf("the gate answers %d instead of %d", got, tc.status)
				}
			}
			in := map[string]any{"token": tc.token, "url": at}
			args := []string{"token", "explain", at + "?token=" + tc.token}
			if tc.ip != "" {
				in["ip"] = tc.ip
				args = append(args, "--ip", tc.ip)
			}
			var verified struct {
				Allowed bool
				Reason  string
			}
			if o.ask(t, "POST", "tokens/verify", in, &verified); verified.Allowed != (tc.reason == "") || verified.Reason != tc.reason {
				t.Errorf("verify says %+v", verified)
			}
			said := func(what string, r harness.Result, reason string) {
				t.Helper()
				want := map[bool]int{true: 0, false: 1}[reason == ""]
				if r.Code != want || !strings.Contains(r.Stdout, reason) {
					t.Errorf("%s: exit status %d: %s", what, r.Code, r.Text())
				}
			}
			said("explain", harness.Playgate(t, append(args, "--address", i.Admin)...), tc.reason)
			if tc.offline {
				alone := harness.Playgate(t, append(args, "--rule", rule)...) // without a key: never a yes
				if want := cmp.Or(tc.reason, "Not decided"); alone.Code != 1 || !strings.Contains(alone.Stdout, want) {
					t.Errorf("explain with --rule: exit status %d: %s", alone.Code, alone.Text())
				}
				said("explain with --rule by a server", harness.Playgate(t, append(args, "--rule", rule, "--address", i.Admin)...), tc.reason)
			}
			form := url.Values{"token": {at + "?token=" + tc.token}, "address": {tc.ip}}
			page := consoleForm(t, i.api, "/console/explain", form)
			if tc.reason == "" && !strings.Contains(page, "Accepted, as far as was checked") || tc.reason != "" && !strings.Contains(page, "It is refused: <code>"+tc.reason) {
				t.Errorf("the console says %s", page)
			}
		})
	}
	// What could not be checked is never a yes.
	var verified struct{ Allowed bool }
	for _, in := range []map[string]any{{"token": away, "url": i.Plain() + "/acme/cam1/index.m3u8"}, {"token": cam1, "url": "/acme/cam1/index.m3u8"}} {
		if o.ask(t, "POST", "tokens/verify", in, &verified); verified.Allowed {
			t.Errorf("%v is a yes", in)
		}
	}
}

// consoleForm sends a form of the console as oscar, and returns the page.
func consoleForm(t *testing.T, base, path string, form url.Values) string {
	t.Helper()
	page := string(harness.Curl(t, base+path, "--header", "X-User: oscar").Body)
	_, rest, _ := strings.Cut(page, `name="form" value="`)
	form.Set("form", rest[:max(strings.IndexByte(rest, '"'), 0)])
	a := harness.Curl(t, base+path, "--header", "X-User: oscar", "--header", "Sec-Fetch-Site: same-origin", "--data", form.Encode())
	if a.Status != http.StatusOK {
		t.Fatalf("%s: %d %s", path, a.Status, a.Body)
	}
	return string(a.Body)
}

// several is a site with gates behind matchers, and further sites on other ports.
var several = strings.NewReplacer(
	"log default", "grace_period 1s\n\tlog default",
	addresses+" {\n", addresses+` {
	handle /video/* {
		playgate {
			stream /video/{org}/{stream}/*
		}
		reverse_proxy {$ORIGIN}
	}
	@pilot header X-Pilot 1
	handle @pilot {
		playgate {
			stream /pilot/{org}/{stream}/*
			report_only on
		}
		reverse_proxy {$ORIGIN}
	}
	@office client_ip 198.51.100.0/24
	handle @office {
		playgate {
			stream /office/{org}/{stream}/*
		}
		reverse_proxy {$ORIGIN}
	}
	handle {
`, "	log {\n\t\tformat playgate json\n\t}\n	reverse_proxy {$ORIGIN}\n}", "	reverse_proxy {$ORIGIN}\n\t}\n}"+`

http://127.0.0.1:{$REPORTS} {
	playgate {
		`+liveRule+`
		report_only on
	}
	reverse_proxy {$ORIGIN}
}
http://127.0.0.1:{$PATHS} {
	playgate {
		`+liveRule+`
		tokens {
			query off
			path on
			header off
			cookie off
		}
	}
	reverse_proxy {$ORIGIN}
}`, "\tstream_url", "\tplayout https://watch.test/?org={org}&stream={stream}\n\t\tstream_url",
).Replace(issuer)

// Explain asks the gate that a request would meet, by the matchers, ports and modes of its
// site, and says what that gate does.
func TestExplainAsksTheGateThatIsMet(t *testing.T) {
	t.Parallel()
	env := harness.Env{"STORE": t.TempDir() + "/store"}
	for _, name := range []string{"API", "REPORTS", "PATHS"} {
		env[name] = harness.Loopback(harness.Port(t))
	}
	reports, paths := "http://"+env["REPORTS"], "http://"+env["PATHS"]
	for _, name := range []string{"REPORTS", "PATHS"} {
		_, env[name], _ = strings.Cut(env[name], ":")
	}
	i := startIssuing(t, several, env)
	i.do(t, "org", "create", "acme")
	i.do(t, "stream", "create", "open", "--org", "acme", "--public")
	token := i.do(t, "token", "create", "--org", "acme", "--stream", "cam1", "--stream", "open")
	other := i.do(t, "token", "create", "--org", "acme", "--stream", "cam2")
	gone := i.do(t, "token", "create", "--org", "acme", "--stream", "open", "--tag", "gone")
	here := i.do(t, "token", "create", "--org", "acme", "--stream", "cam1", "--ip", "127.0.0.1")
	i.do(t, "token", "revoke", "--org", "acme", "--tag", "gone")
	stranger := harness.NewKey(t, "stranger", "EdDSA").Token(t, "--org", "acme", "--stream", "cam1")
	const undecided = "undecided"
	for name, tc := range map[string]struct {
		token, url, ip, reason string
		asked                  string // of the gate, where that is another URL
	}{
		"a matcher of the path":                     {token, i.Plain() + "/video/acme/cam1/x.ts", "203.0.113.9", "", ""},
		"a matcher of the path, another stream":     {other, i.Plain() + "/video/acme/cam1/x.ts", "203.0.113.9", "wrong_stream", ""},
		"a matcher of an address, from there":       {token, i.Plain() + "/office/acme/cam1/x.ts", "198.51.100.9", undecided, ""},
		"a matcher of a field":                      {token, i.Plain() + "/live/acme/cam1/x.ts", "203.0.113.9", undecided, ""},
		"a public stream, a revoked token":          {gone, i.Plain() + "/video/acme/open/x.ts", "203.0.113.9", "", ""},
		"a public stream, a token for another":      {other, i.Plain() + "/video/acme/open/x.ts", "203.0.113.9", "", ""},
		"a public stream, a token of a stranger":    {stranger, i.Plain() + "/video/acme/open/x.ts", "203.0.113.9", "", ""},
		"another stream, a token of a stranger":     {stranger, i.Plain() + "/video/acme/cam1/x.ts", "203.0.113.9", "unknown_key", ""},
		"report_only":                               {other, reports + "/live/acme/cam1/x.ts", "", "", ""},
		"report_only, no rule":                      {other, reports + "/else", "", "no_stream", ""},
		"a gate for tokens in paths":                {token, paths + "/live/acme/cam1/x.ts", "", "", paths + "/live/~" + token + "/acme/cam1/x.ts"},
		"a gate for tokens in paths, of another":    {other, paths + "/live/acme/cam1/x.ts", "", "wrong_stream", paths + "/live/~" + other + "/acme/cam1/x.ts"},
		"https, and a rule for addresses":           {here, i.Secure() + "/video/acme/cam1/x.ts", "127.0.0.1", "", ""},
		"https at a port without TLS":               {token, strings.Replace(i.Plain(), "http:", "https:", 1) + "/video/acme/cam1/x.ts", "203.0.113.9", undecided, "-"},
		"a port that nobody listens on":             {token, "http://127.0.0.1:1/video/acme/cam1/x.ts", "203.0.113.9", undecided, "-"},
		"no gate: another host":                     {token, "http://other.test/live/acme/cam1/x.ts", "", undecided, "-"},
		"no gate: nothing of that path at the host": {token, reports + "/", "", "no_stream", ""},
		"a player page with names in its query":     {token, "http://watch.test?x=1&stream=cam1&org=acme#t=3", "", undecided, "-"},
		"a player page, an organisation too much":   {token, "https://watch.test/?stream=cam1&org=acme&org=beta", "", undecided, "-"},
	} {
		t.Run(name, func(t *testing.T) {
			if asked := tc.asked; asked != "-" && tc.reason != undecided {
				if asked == "" {
					asked = tc.url + "?token=" + tc.token
				}
				if got := harness.Curl(t, asked).Status; (got == 200) != (tc.reason == "") {
					t.Errorf("the gate answers %d", got)
				}
			}
			args := []string{"token", "explain", tc.token, "--url", tc.url, "--address", i.Admin}
			if tc.ip != "" {
				args = append(args, "--ip", tc.ip)
			}
			r := harness.Playgate(t, args...)
			want, code := "Accepted", 0
			switch tc.reason {
			case "":
			case undecided:
				want, code = "Not decided", 1
			default:
				want, code = "Refused: "+tc.reason, 1
			}
			if r.Code != code || !strings.Contains(r.Stdout, want) {
				t.Errorf("exit status %d instead of %d, no %q in\n%s", r.Code, code, want, r.Text())
			}
		})
	}
}
