package harness

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"golang.org/x/net/http2"
)

// EchoSocket is an origin's handler that sends back what it gets.
func EchoSocket(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return
	}
	defer conn.CloseNow()
	for {
		kind, text, err := conn.Read(r.Context())
		if err != nil {
			return
		}
		if err := conn.Write(r.Context(), kind, text); err != nil {
			return
		}
	}
}

// Socket is an open WebSocket, or the refusal to open one.
type Socket struct {
	Status int
	Header http.Header
	Echo   func(text string) (string, error)
	// Receive has the bytes of the frames that come, over HTTP/2 and 3.
	Receive io.Reader
	// Send takes bytes of frames, over HTTP/2 and 3.
	Send io.Writer
}

// SocketClient opens WebSockets over one version of HTTP.
type SocketClient struct {
	Name string
	Open func(t testing.TB, s *Server, target string) Socket
}

// SocketClients are all the ways to open a WebSocket. HTTP/2 needs a server
// that was started with GODEBUG=http2xconnect=1: else Go does not offer it.
func SocketClients() []SocketClient {
	return []SocketClient{
		{"plain HTTP/1.1", func(t testing.TB, s *Server, target string) Socket { return openHTTP1(t, "ws://"+s.HTTP+target) }},
		{"TLS HTTP/1.1", func(t testing.TB, s *Server, target string) Socket {
			return openHTTP1(t, strings.Replace(s.Secure(), "https", "wss", 1)+target)
		}},
		{"HTTP/2", openHTTP2},
		{"HTTP/3", openHTTP3},
	}
}

func limited(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), Deadline)
	t.Cleanup(cancel)
	return ctx
}

func openHTTP1(t testing.TB, url string) Socket {
	t.Helper()
	ctx := limited(t)
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: tlsFor("http/1.1"),
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, Loopback(mustPort(addr)))
		},
	}}
	conn, response, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPClient: client})
	if response == nil {
		t.Fatalf("no answer to the handshake: %v", err)
	}
	socket := Socket{Status: response.StatusCode, Header: response.Header}
	if err != nil {
		return socket
	}
	t.Cleanup(func() { conn.CloseNow() })
	socket.Echo = func(text string) (string, error) {
		if err := conn.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
			return "", err
		}
		_, back, err := conn.Read(ctx)
		return string(back), err
	}
	return socket
}

func mustPort(addr string) int {
	port, _ := strconv.Atoi(portOf(addr))
	return port
}

// connectRequest is an extended CONNECT (RFC 8441 and 9220).
func connectRequest(t testing.TB, s *Server, target string) *http.Request {
	t.Helper()
	request, err := http.NewRequestWithContext(limited(t), http.MethodConnect, "https://"+s.HTTPS+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if request.URL, err = url.Parse("https://" + s.HTTPS + target); err != nil {
		t.Fatal(err)
	}
	request.Host = strings.TrimPrefix(s.Secure(), "https://")
	request.Header.Set("Sec-WebSocket-Version", "13")
	return request
}

func openHTTP2(t testing.TB, s *Server, target string) Socket {
	t.Helper()
	transport := &http2.Transport{TLSClientConfig: tlsFor("h2")} //nolint:staticcheck // net/http refuses the pseudo header that this needs
	t.Cleanup(transport.CloseIdleConnections)                    //nolint:staticcheck // see above
	request := connectRequest(t, s, target)
	request.Header.Set(":protocol", "websocket")
	body, send := io.Pipe()
	request.Body = body
	t.Cleanup(func() { send.Close() })
	response, err := transport.RoundTrip(request) //nolint:staticcheck // see above
	if err != nil {
		t.Fatalf("extended CONNECT over HTTP/2: %v", err)
	}
	t.Cleanup(func() { response.Body.Close() })
	return byHand(response, send)
}

func openHTTP3(t testing.TB, s *Server, target string) Socket {
	t.Helper()
	request := connectRequest(t, s, target)
	request.Proto = "websocket"
	transport := &http3.Transport{TLSClientConfig: tlsFor(http3.NextProtoH3)}
	conn, err := quic.DialAddr(request.Context(), s.HTTPS, tlsFor(http3.NextProtoH3), &quic.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.CloseWithError(0, ""); transport.Close() })
	client := transport.NewClientConn(conn)
	select {
	case <-client.ReceivedSettings():
	case <-request.Context().Done():
		t.Fatal("no settings over HTTP/3")
	}
	stream, err := client.OpenRequestStream(request.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.SendRequestHeader(request); err != nil {
		t.Fatalf("extended CONNECT over HTTP/3: %v", err)
	}
	response, err := stream.ReadResponse()
	if err != nil {
		t.Fatalf("extended CONNECT over HTTP/3: %v", err)
	}
	stream.SetDeadline(time.Now().Add(Deadline))
	socket := byHand(response, stream)
	if socket.Echo != nil {
		socket.Echo, socket.Receive = echo(stream, stream), stream
	}
	return socket
}

func byHand(response *http.Response, send io.Writer) Socket {
	socket := Socket{Status: response.StatusCode, Header: response.Header}
	if response.StatusCode == http.StatusOK {
		socket.Echo, socket.Receive, socket.Send = echo(response.Body, send), response.Body, send
	}
	return socket
}

func echo(receive io.Reader, send io.Writer) func(string) (string, error) {
	return func(text string) (string, error) {
		if err := WriteText(send, text); err != nil {
			return "", err
		}
		return ReadText(receive)
	}
}
