package integration_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// WebSockets pass on HTTP/1.1, 2 and 3 with a token and are refused without;
// the origin sees neither the token nor a refused handshake.
func TestWebSocket(t *testing.T) {
	t.Parallel()
	key := harness.NewKey(t, "main", "EdDSA")
	origin := harness.NewOrigin(t, http.HandlerFunc(harness.EchoSocket))
	server := harness.Serve(t, setup{gate: "errors verbose"}.caddyfile(), harness.Env{
		"KEY": key.PublicFile, "ORIGIN": origin.Addr,
		// Without it Go's HTTP/2 offers no WebSockets.
		"GODEBUG": "http2xconnect=1",
	})
	g := &guarded{server, origin, key}
	token := key.Token(t, "--org", "org1", "--stream", "cam")
	for _, client := range harness.SocketClients() {
		t.Run(client.Name, func(t *testing.T) {
			mark := len(origin.Raw())
			for reason, target := range map[string]string{
				"missing_token": "/live/org1/cam/ws",
				"wrong_stream":  "/live/org1/other/ws?token=" + token,
				"bad_signature": "/live/org1/cam/ws?token=" + harness.BreakSignature(token),
				"no_stream":     "/elsewhere?token=" + token,
			} {
				socket := client.Open(t, server, target)
				g.refused(t, harness.Answer{Status: socket.Status, Header: socket.Header}, statuses[reason], reason)
			}
			origin.SawNothing(t, mark)

			for _, target := range []string{"/live/org1/cam/ws?token=" + token + "&q=1", "/live/~" + token + "/org1/cam/ws?q=1"} {
				socket := client.Open(t, server, target)
				if socket.Echo == nil {
					t.Fatalf("status %d instead of an open socket", socket.Status)
				}
				for _, text := range []string{"first", "second"} {
					if back, err := socket.Echo(text); err != nil || back != text {
						t.Errorf("sent %q, got %q, %v", text, back, err)
					}
				}
				last := origin.Last(t)
				if last.Target != "/live/org1/cam/ws?q=1" || last.Method != "GET" {
					t.Errorf("the origin got %s %s", last.Method, last.Target)
				}
				if got := last.Values("X-Playgate-Stream"); len(got) != 1 || got[0] != "cam" {
					t.Errorf("X-Playgate-Stream is %q", got)
				}
			}
			if strings.Contains(origin.Raw(), harness.Signature(token)) {
				t.Error("the origin got the token")
			}
		})
	}
}

// A page that a token is bound to is told by Origin in a handshake.
func TestWebSocketFromAPage(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{}, http.HandlerFunc(harness.EchoSocket))
	token := g.key.Token(t, "--org", "org1", "--stream", "cam", "--referer", "page.test")
	handshake := []string{
		"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
	}
	for _, tc := range []struct {
		name, origin string
		status       int
	}{
		{"right page", "Origin: https://page.test", 101},
		{"wrong page", "Origin: https://evil.test", 403},
		{"no page", "X-None: 1", 403},
	} {
		t.Run(tc.name, func(t *testing.T) {
			request := "GET " + target(token) + " HTTP/1.1\r\nHost: " + g.HTTP + "\r\n" +
				strings.Join(append(handshake, tc.origin), "\r\n") + "\r\n\r\n"
			if a := harness.Raw(t, g.Server, request); a.Status != tc.status {
				t.Errorf("status %d instead of %d", a.Status, tc.status)
			}
		})
	}
}
