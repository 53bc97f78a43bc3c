package integration_test

import (
	"path/filepath"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// serveExample runs the very Caddyfile.example of the repository. All that is
// different is what its {$NAME}s stand for; one of them brings along the options
// that keep the server to loopback and away from the machine's trust store.
func serveExample(t *testing.T, key *harness.Key, origin string) *harness.Server {
	t.Helper()
	text := fileOf(t, filepath.Join(harness.Root(t), "Caddyfile.example"))
	return harness.Serve(t, string(text), harness.Env{
		"PLAYGATE_ADMIN": "{$ADMIN}\n\tdefault_bind 127.0.0.1\n\tskip_install_trust\n\tauto_https disable_redirects\n" +
			"\thttp_port {$HTTP_PORT}\n\thttps_port {$HTTPS_PORT}",
		"PLAYGATE_SITE":     "http://127.0.0.1:{$HTTP_PORT}, https://localhost:{$HTTPS_PORT}",
		"PLAYGATE_KEY_FILE": key.PublicFile,
		"PLAYGATE_ORIGIN":   origin,
	})
}

// Caddyfile.example plays with a token and refuses without, over every version
// of HTTP, and tells of its health.
func TestCaddyfileExample(t *testing.T) {
	t.Parallel()
	key := harness.NewKey(t, "main", "EdDSA")
	tree := harness.FragmentedMP4(t)
	origin := harness.NewOrigin(t, tree.FileServer("/live/org1/cam"))
	g := &guarded{serveExample(t, key, origin.Addr), origin, key}
	token := key.Token(t, "--org", "org1", "--stream", "cam")
	for _, client := range harness.Clients() {
		t.Run(client.Name, func(t *testing.T) {
			g.allowed(t, client.Do(t, g.Server, harness.Request{Target: "/live/org1/cam/index.m3u8?token=" + token}))
			g.refused(t, client.Do(t, g.Server, harness.Request{Target: "/live/org1/cam/index.m3u8"}), 401, "missing_token")
			g.refused(t, client.Do(t, g.Server, harness.Request{Target: "/live/org1/other/index.m3u8?token=" + token}), 403, "wrong_stream")
			for _, path := range []string{"/healthz", "/readyz"} {
				g.allowed(t, client.Do(t, g.Server, harness.Request{Target: path}))
			}
		})
	}
	plays(t, g, "/live/org1/cam/"+tree.First, token, tree.AtLeast)
}
