package integration_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/playgate/playgate/integration/harness"
)

// listener is an origin's WebSocket that keeps each byte it gets, sends one frame
// first, and never ends by itself.
type listener struct {
	mu  sync.Mutex
	got bytes.Buffer
}

func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn, both, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x02hi")
	buf := make([]byte, 4096)
	for {
		n, err := both.Read(buf)
		l.mu.Lock()
		l.got.Write(buf[:n])
		if err != nil {
			l.got.WriteString("END")
		}
		l.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (l *listener) bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.got.Bytes())
}

func (l *listener) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.got.Reset()
}

const handshake = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

// Frames of a client.
var (
	ping    = []byte{0x89, 0x83, 1, 2, 3, 4, 5, 6, 7}
	message = []byte("\x81\x85\x01\x02\x03\x04other")
)

func socketServer(t *testing.T, l http.Handler, s setup) *guarded {
	key := harness.NewKey(t, "main", "EdDSA")
	origin := harness.NewOrigin(t, l)
	server := harness.Serve(t, s.caddyfile(), harness.Env{
		"KEY": key.PublicFile, "ORIGIN": origin.Addr, "GODEBUG": "http2xconnect=1",
	})
	return &guarded{server, origin, key}
}

// greeting is the frame that the origin sends first.
const greeting = "\x81\x02hi"

// greeted waits for it.
func greeted(t *testing.T, r io.Reader) {
	t.Helper()
	got := make([]byte, len(greeting))
	if _, err := io.ReadFull(r, got); err != nil || string(got) != greeting {
		t.Fatalf("the client got %q, %v", got, err)
	}
}

// closedFor checks that a close frame with 1008 comes, and nothing else but the
// greeting, which may have been on its way.
func closedFor(t *testing.T, r io.Reader) {
	t.Helper()
	got, err := io.ReadAll(r)
	rest, _ := bytes.CutPrefix(got, []byte(greeting))
	if len(rest) < 4 || rest[0] != 0x88 || binary.BigEndian.Uint16(rest[2:]) != 1008 || err != nil {
		t.Errorf("the client got %q, %v", got, err)
	}
}

// With socket_messages deny a ping reaches the origin and a message does not, not
// one byte of it: on each version of HTTP, also together with the handshake, and
// whatever cut and report_only say.
func TestSocketMessages(t *testing.T) {
	t.Parallel()
	for _, gate := range []string{"", "cut off", "report_only on"} {
		t.Run("deny "+gate, func(t *testing.T) {
			t.Parallel()
			l := new(listener)
			g := socketServer(t, l, setup{gate: "socket_messages deny\n" + gate})
			token := g.key.Token(t, "--org", "org1", "--stream", "cam")
			target := "/live/org1/cam/ws?token=" + token
			if gate == "report_only on" {
				target = "/live/org1/cam/ws"
			}
			check := func(t *testing.T, count int) {
				t.Helper()
				want := string(ping) + "END"
				harness.Wait(t, "the origin to be rid of the socket", func() bool { return bytes.HasSuffix(l.bytes(), []byte("END")) })
				if got := l.bytes(); string(got) != want {
					t.Errorf("the origin got %q instead of %q", got, want)
				}
				l.forget()
				metric := fmt.Sprintf("\nplaygate_cuts_total{reason=\"socket_message\"} %d\n", count)
				harness.Wait(t, "the count of cuts", func() bool {
					return strings.Contains(string(harness.Curl(t, "http://"+g.Admin+"/metrics").Body), metric)
				})
				harness.Wait(t, "the access log", func() bool {
					return strings.Count(g.Everything(), `"playgate_reason":"socket_message"`) == count
				})
			}
			count := 0
			for _, secure := range []bool{false, true} {
				frames := append(bytes.Clone(ping), message...)
				for _, tc := range []struct {
					name, header, first string
					more                bool
				}{
					{"after the handshake", "", "", true},
					{"with the handshake", "", string(frames), false},
					// A body, which an origin could take for frames, goes nowhere.
					{"after a body", fmt.Sprintf("Content-Length: %d\r\n", len(frames)), string(frames), true},
					{"after a chunked body", "Transfer-Encoding: chunked\r\n", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(frames), frames), true},
				} {
					count++
					t.Run(fmt.Sprintf("HTTP/1.1, TLS %t, %s", secure, tc.name), func(t *testing.T) {
						conn, err := net.Dial("tcp", g.HTTP)
						if secure {
							conn, err = tls.Dial("tcp", g.HTTPS, insecure("http/1.1"))
						}
						if err != nil {
							t.Fatal(err)
						}
						defer conn.Close()
						_ = conn.SetDeadline(time.Now().Add(harness.Deadline))
						request := "GET " + target + " HTTP/1.1\r\nHost: localhost\r\n" + handshake + tc.header + "\r\n" + tc.first
						if _, err := io.WriteString(conn, request); err != nil {
							t.Fatal(err)
						}
						reader := bufio.NewReader(conn)
						response, err := http.ReadResponse(reader, nil)
						if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
							t.Fatalf("%v, %v", response, err)
						}
						if tc.more {
							greeted(t, reader)
							for _, b := range frames[:len(frames)-1] { // the message never ends
								if _, err := conn.Write([]byte{b}); err != nil {
									break // it was closed meanwhile
								}
							}
						}
						closedFor(t, reader)
						check(t, count)
					})
				}
			}
			for _, client := range harness.SocketClients()[2:] {
				count++
				t.Run(client.Name, func(t *testing.T) {
					socket := client.Open(t, g.Server, target)
					if socket.Send == nil {
						t.Fatalf("status %d", socket.Status)
					}
					greeted(t, socket.Receive)
					if _, err := socket.Send.Write(append(bytes.Clone(ping), message...)); err != nil {
						t.Fatal(err)
					}
					closedFor(t, socket.Receive)
					check(t, count)
				})
			}
		})
	}
	// By default messages pass: TestWebSocket sends some.
}
