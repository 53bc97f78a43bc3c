package integration_test

import (
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
				said("explain with --rule", harness.Playgate(t, append(args, "--rule", rule)...), tc.reason)
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
