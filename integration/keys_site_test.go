package integration_test

import (
	"strings"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// A site that names its keys takes no key that an organisation has added for itself, under
// whatever id.
func TestKeysOfASiteAreNotThoseOfItsTenants(t *testing.T) {
	t.Parallel()
	caddyfile := strings.NewReplacer(
		"	stream_url", "	key main {\n\t\t\tfile {$KEY}\n\t\t\torgs beta\n\t\t}\n\t\tstream_url",
		"http://{$API}", "http://127.0.0.1:{$NARROW} {\n\tplaygate {\n\t\t"+liveRule+"\n\t\tkeys main\n\t}\n\treverse_proxy {$ORIGIN}\n}\n\nhttp://{$API}",
	).Replace(issuer)
	key, own := harness.NewKey(t, "main", "EdDSA"), harness.NewKey(t, "main", "EdDSA")
	narrow := harness.Loopback(harness.Port(t))
	env := harness.Env{"STORE": t.TempDir() + "/store", "API": harness.Loopback(harness.Port(t)), "KEY": key.PublicFile}
	_, env["NARROW"], _ = strings.Cut(narrow, ":")
	i := startIssuing(t, caddyfile, env)
	i.do(t, "org", "create", "acme")
	i.do(t, "key", "add", own.PublicFile, "--org", "acme")
	acmes, betas := own.Token(t, "--org", "acme", "--stream", "cam"), key.Token(t, "--org", "beta", "--stream", "cam")
	harness.Wait(t, "the key to count", func() bool {
		return harness.Curl(t, i.Plain()+"/live/acme/cam/x.ts?token="+acmes).Status == 200
	})
	for _, tc := range []struct {
		base, org, token string
		status           int
	}{{i.Plain(), "beta", betas, 200}, {"http://" + narrow, "beta", betas, 200}, {"http://" + narrow, "acme", acmes, 401}} {
		if got := harness.Curl(t, tc.base+"/live/"+tc.org+"/cam/x.ts?token="+tc.token).Status; got != tc.status {
			t.Errorf("%s of %s: %d instead of %d", tc.base, tc.org, got, tc.status)
		}
	}
}
