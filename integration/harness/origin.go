package harness

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// Origin is an HTTP/1.1 server that keeps every byte it is sent.
type Origin struct {
	// Addr is its address, URL the same with "http://".
	Addr, URL string

	mu    sync.Mutex
	raw   bytes.Buffer
	calls []Recorded
}

// Recorded is one request as it came in.
type Recorded struct {
	// Head is the request's head byte for byte, without the empty line.
	Head string
	// Method and Target are the words of its first line.
	Method, Target string
	Body           []byte
}

// Values are a header's values in the order in which they came, under exactly
// this spelling but for case.
func (r Recorded) Values(name string) []string {
	var values []string
	for line := range strings.SplitSeq(r.Head, "\r\n") {
		key, value, ok := strings.Cut(line, ":")
		if ok && strings.EqualFold(key, name) {
			values = append(values, strings.TrimSpace(value))
		}
	}
	return values
}

// NewOrigin starts an origin that answers with the handler; nil answers
// everything with 200 and "origin\n".
func NewOrigin(t testing.TB, handler http.Handler) *Origin {
	t.Helper()
	if handler == nil {
		handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "origin\n") })
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := &Origin{Addr: listener.Addr().String()}
	o.URL = "http://" + o.Addr
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { o.serve(handler, w, r) }),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, c)
		},
	}
	go server.Serve(&recordingListener{listener, o})
	t.Cleanup(func() { server.Close() })
	return o
}

// serve takes down a request before the handler sees it. The bytes of its head
// and body are all there by then: a proxy does not send the next request on a
// connection before it has the answer to this one.
func (o *Origin) serve(handler http.Handler, w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	conn := r.Context().Value(connKey{}).(*recordingConn)
	head, _, _ := strings.Cut(conn.take(), "\r\n\r\n")
	method, rest, _ := strings.Cut(head, " ")
	target, _, _ := strings.Cut(rest, " ")
	o.mu.Lock()
	o.calls = append(o.calls, Recorded{Head: head, Method: method, Target: target, Body: body})
	o.mu.Unlock()
	handler.ServeHTTP(w, r)
}

// Forget drops what came in so far.
func (o *Origin) Forget() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls = nil
	o.raw.Reset()
}

// Calls are the requests that came in so far.
func (o *Origin) Calls() []Recorded {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]Recorded(nil), o.calls...)
}

// Last is the request that came in last; the test fails when there is none.
func (o *Origin) Last(t testing.TB) Recorded {
	t.Helper()
	calls := o.Calls()
	if len(calls) == 0 {
		t.Fatal("the origin got no request")
	}
	return calls[len(calls)-1]
}

// Raw is every byte that ever came in, requests or not.
func (o *Origin) Raw() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.raw.String()
}

// SawNothing fails the test when so much as one byte came in since the mark,
// which is an earlier len(Raw()).
func (o *Origin) SawNothing(t testing.TB, mark int) {
	t.Helper()
	if raw := o.Raw(); len(raw) != mark {
		t.Errorf("the origin got a request that was to be refused:\n%s", tail(raw[mark:], 2000))
	}
}

type connKey struct{}

// recordingConn also keeps what was read since the last take.
type recordingConn struct {
	net.Conn
	origin *Origin
	fresh  bytes.Buffer
}

func (c *recordingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.origin.mu.Lock()
	defer c.origin.mu.Unlock()
	c.origin.raw.Write(b[:n])
	c.fresh.Write(b[:n])
	return n, err
}

func (c *recordingConn) take() string {
	c.origin.mu.Lock()
	defer c.origin.mu.Unlock()
	text := c.fresh.String()
	c.fresh.Reset()
	return text
}

type recordingListener struct {
	net.Listener
	origin *Origin
}

func (l *recordingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &recordingConn{Conn: conn, origin: l.origin}, nil
}
