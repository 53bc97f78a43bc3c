package integration_test

import (
	"bufio"
	"io"
	"net/http"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// An origin that switches protocols without having been asked is a 502, and no
// second request gets through on that connection.
func TestUnaskedSwitch(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		io.WriteString(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\nraw bytes\n")
		rw.Flush()
		bufio.NewReader(rw).ReadByte() // until the gate hangs up
	}))
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	for _, client := range harness.Clients() {
		answer := client.Do(t, g.Server, harness.Request{Target: target(token)})
		if answer.Status != http.StatusBadGateway {
			t.Errorf("%s: status %d instead of 502", client.Name, answer.Status)
		}
		if answer.Header.Get("Playgate-Id") == "" {
			t.Errorf("%s: no Playgate-Id", client.Name)
		}
	}
	websocket := "GET " + target(token) + " HTTP/1.1\r\nHost: " + g.HTTP +
		"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	if answer := harness.Raw(t, g.Server, websocket); answer.Status != http.StatusBadGateway {
		t.Errorf("asked for websocket, got foo: status %d instead of 502", answer.Status)
	}
}
