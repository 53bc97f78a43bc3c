package integration_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/quic-go/quic-go/http3"

	"github.com/playgate/playgate/integration/harness"
)

// endless is an origin whose answers never end by themselves: /push sends all the
// time, /stall sends one byte and falls silent, /silent does not even answer, and
// /sized is like /push and says how long it will be.
// WebSockets send when the path says push. It counts what is open.
type endless struct{ open atomic.Int64 }

func (e *endless) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.open.Add(1)
	defer e.open.Add(-1)
	sized := strings.HasSuffix(r.URL.Path, "/sized")
	push := sized || strings.HasSuffix(r.URL.Path, "/push")
	if r.Header.Get("Upgrade") != "" {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
		if err != nil {
			return
		}
		defer conn.CloseNow()
		ctx := conn.CloseRead(r.Context())
		if !push {
			_ = conn.Write(ctx, websocket.MessageBinary, make([]byte, 10))
			<-ctx.Done()
			return
		}
		for message := make([]byte, 60_000); ; time.Sleep(time.Millisecond) {
			if conn.Write(ctx, websocket.MessageBinary, message) != nil {
				return
			}
		}
	}
	if strings.HasSuffix(r.URL.Path, "/silent") {
		<-r.Context().Done()
		return
	}
	w.Header().Set("Content-Type", "video/mp4")
	if sized {
		w.Header().Set("Content-Length", "1000000000000")
	}
	chunk := make([]byte, 60_000)
	for {
		if _, err := w.Write(chunk[:1+(len(chunk)-1)*btoi(push)]); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
		if !push {
			<-r.Context().Done()
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-time.After(time.Millisecond):
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// ended is how a client saw its response end: how long after it began, and why.
type ended struct {
	after time.Duration
	err   error
	code  websocket.StatusCode
}

// viewer opens a response and reports when it is running, and how it ends.
type viewer struct {
	name   string
	stuck  bool // reads nothing; only the gate's side tells that it is over
	socket bool
	watch  func(ctx context.Context, s *harness.Server, target string, running func()) ended
}

func overHTTP(base func(*harness.Server) string, transport func() http.RoundTripper, read func(context.Context, io.Reader) error) func(context.Context, *harness.Server, string, func()) ended {
	return func(ctx context.Context, s *harness.Server, target string, running func()) ended {
		began := time.Now()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, base(s)+target, nil)
		if err != nil {
			return ended{err: err}
		}
		rt := transport()
		if c, ok := rt.(io.Closer); ok {
			defer c.Close()
		}
		response, err := rt.RoundTrip(request)
		if err != nil {
			return ended{err: err}
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return ended{err: fmt.Errorf("status %d", response.StatusCode)}
		}
		running()
		err = read(ctx, response.Body)
		return ended{after: time.Since(began), err: err}
	}
}

func readAll(_ context.Context, body io.Reader) error {
	_, err := io.Copy(io.Discard, body)
	return err
}

// leaveAlone reads nothing, for as long as the test waits.
func leaveAlone(ctx context.Context, _ io.Reader) error {
	<-ctx.Done()
	return errors.New("not read")
}

func insecure(protocols ...string) *tls.Config {
	return &tls.Config{ServerName: "localhost", InsecureSkipVerify: true, NextProtos: protocols}
}

// dialLoopback is for names: localhost may be ::1 as well.
func dialLoopback(ctx context.Context, network, addr string) (net.Conn, error) {
	_, port, _ := net.SplitHostPort(addr)
	return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
}

func viewers() []viewer {
	plain := (*harness.Server).Plain
	secure := (*harness.Server).Secure
	http1 := func() http.RoundTripper {
		return &http.Transport{TLSClientConfig: insecure("http/1.1"), DialContext: dialLoopback, DisableKeepAlives: true}
	}
	http2 := func() http.RoundTripper {
		return &http.Transport{TLSClientConfig: insecure("h2"), DialContext: dialLoopback, ForceAttemptHTTP2: true}
	}
	quic := func() http.RoundTripper { return &http3.Transport{TLSClientConfig: insecure(http3.NextProtoH3)} }
	list := []viewer{
		{name: "HTTP/1.1", watch: overHTTP(plain, http1, readAll)},
		{name: "TLS HTTP/1.1", watch: overHTTP(secure, http1, readAll)},
		{name: "HTTP/2", watch: overHTTP(secure, http2, readAll)},
		{name: "HTTP/3", watch: overHTTP(secure, quic, readAll)},
		{name: "HTTP/2 that reads nothing", stuck: true, watch: overHTTP(secure, http2, leaveAlone)},
		{name: "HTTP/3 that reads nothing", stuck: true, watch: overHTTP(secure, quic, leaveAlone)},
		{name: "WebSocket", socket: true, watch: func(ctx context.Context, s *harness.Server, target string, running func()) ended {
			began := time.Now()
			conn, _, err := websocket.Dial(ctx, s.Plain()+target, nil)
			if err != nil {
				return ended{err: err}
			}
			defer conn.CloseNow()
			conn.SetReadLimit(1 << 20)
			running()
			for {
				if _, _, err := conn.Read(ctx); err != nil {
					return ended{after: time.Since(began), err: err, code: websocket.CloseStatus(err)}
				}
			}
		}},
	}
	for _, socket := range []bool{false, true} {
		name := map[bool]string{false: "HTTP/1.1 that reads nothing", true: "WebSocket that reads nothing"}[socket]
		list = append(list, viewer{name: name, stuck: true, socket: socket, watch: func(ctx context.Context, s *harness.Server, target string, running func()) ended {
			began := time.Now()
			conn, err := net.Dial("tcp", s.HTTP)
			if err != nil {
				return ended{err: err}
			}
			defer conn.Close()
			_ = conn.(*net.TCPConn).SetReadBuffer(4096)
			upgrade := ""
			if socket {
				upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
			}
			fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", target, s.HTTP, upgrade)
			if _, err := bufio.NewReaderSize(conn, 16).ReadByte(); err != nil {
				return ended{err: err}
			}
			running()
			<-ctx.Done()
			return ended{after: time.Since(began), err: errors.New("not read")}
		}})
	}
	return list
}

var runningCount = regexp.MustCompile(`(?m)^playgate_running_responses (\d+)$`)

// runningResponses is how many the gate has, by its own metric.
func runningResponses(t *testing.T, s *harness.Server) int {
	t.Helper()
	m := runningCount.FindSubmatch(harness.Curl(t, "http://"+s.Admin+"/metrics").Body)
	if m == nil {
		t.Fatal("no playgate_running_responses")
	}
	n, _ := strconv.Atoi(string(m[1]))
	return n
}

// cutWithin is what a cut may take on a machine that also runs other tests: the
// second that is promised, and one for the machine.
const cutWithin = 2 * time.Second

// watchAll starts a viewer of each kind on each path, has them ended by end, and
// checks when and how: none may take it for the end of the stream. The origin has
// to be rid of them all.
func watchAll(t *testing.T, s *harness.Server, e *endless, target func(path string) string, due time.Time, end func(), code websocket.StatusCode) {
	t.Helper()
	type result struct {
		viewer
		path string
		ended
		at time.Time
	}
	ctx, cancel := context.WithTimeout(t.Context(), harness.Deadline)
	defer cancel()
	results := make(chan result, 64)
	var running, stuck atomic.Int64
	before := runningResponses(t, s)
	count := 0
	for _, path := range []string{"push", "stall"} {
		for _, v := range viewers() {
			if v.stuck && path == "stall" {
				continue
			}
			count++
			if v.stuck {
				stuck.Add(1)
			}
			go func() {
				got := v.watch(ctx, s, target(path), func() { running.Add(1) })
				results <- result{v, path, got, time.Now()}
			}()
		}
	}
	harness.Wait(t, "all viewers", func() bool { return running.Load() == int64(count) })
	if due.IsZero() {
		due = time.Now()
	} else if time.Now().After(due) {
		t.Fatal("the viewers took too long to start")
	}
	end()
	latest := time.Duration(0)
	for range count - int(stuck.Load()) {
		select {
		case r := <-results:
			late := r.at.Sub(due)
			latest = max(latest, late)
			if late < 0 || late > cutWithin {
				t.Errorf("%s, %s: ended %v after it was due (%v)", r.name, r.path, late, r.err)
			}
			if r.err == nil {
				t.Errorf("%s, %s: looks complete", r.name, r.path)
			}
			if r.socket && r.code != code {
				t.Errorf("%s, %s: close status %d instead of %d (%v)", r.name, r.path, r.code, code, r.err)
			}
		case <-ctx.Done():
			t.Fatalf("a viewer was not cut")
		}
	}
	if !harness.Eventually(time.Until(due.Add(cutWithin)), func() bool { return e.open.Load() == 0 }) {
		t.Errorf("the origin still has %d requests", e.open.Load())
	}
	// The viewers that read nothing are still there; only the gate knows that
	// they have been cut.
	if !harness.Eventually(time.Until(due.Add(cutWithin)), func() bool { return runningResponses(t, s) == before }) {
		t.Errorf("the gate still has %d running responses, and %d before", runningResponses(t, s), before)
	}
	t.Logf("the last viewer's stream ended %v after it was due", latest)
}

// Expiry cuts within a second on each transport, stalled origin and stuck reader
// included, and a cut body never looks complete.
func TestCutAtExpiry(t *testing.T) {
	t.Parallel()
	e := new(endless)
	g := guard(t, setup{playgate: "leeway 0s"}, e)
	expires := time.Now().Add(6 * time.Second).Truncate(time.Second)
	token := g.key.Token(t, "--org", "org1", "--stream", "cam", "--expires", expires.UTC().Format(time.RFC3339))
	watchAll(t, g.Server, e, func(path string) string { return "/live/org1/cam/" + path + "?token=" + token }, expires, func() {}, 4401)
}

// Revocation cuts within a second on each transport, and so does a stream that
// is not public any more; the cuts survive a reload.
func TestCutAtRevocation(t *testing.T) {
	t.Parallel()
	e := new(endless)
	i := startIssuingFor(t, e, strings.Replace(issuer, "reverse_proxy {$ORIGIN}", "reverse_proxy {$ORIGIN} {\nstream_close_delay 1h\n}", 1), nil)
	i.do(t, "org", "create", "org1")
	token := i.do(t, "token", "create", "--org", "org1", "--stream", "cam")
	other := i.do(t, "token", "create", "--org", "org1", "--stream", "cam2")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	bystander, over := make(chan struct{}), make(chan ended, 1)
	go func() {
		over <- viewers()[0].watch(ctx, i.Server, "/live/org1/cam2/stall?token="+other, func() { close(bystander) })
	}()
	<-bystander
	e.open.Add(-1) // it stays
	watchAll(t, i.Server, e, func(path string) string { return "/live/org1/cam/" + path + "?token=" + token }, time.Time{}, func() {
		i.do(t, "token", "revoke", "--org", "org1", "--stream", "cam")
	}, 4403)
	select {
	case got := <-over:
		t.Errorf("another stream was cut too: %v", got.err)
	default:
	}
}

// An answer that has not begun is a refusal that says why.
func TestCutBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{playgate: "leeway 0s"}, new(endless))
	for _, client := range harness.Clients() {
		expires := time.Now().Add(2 * time.Second).Truncate(time.Second)
		token := g.key.Token(t, "--org", "org1", "--stream", "cam", "--expires", expires.UTC().Format(time.RFC3339))
		g.refused(t, client.Do(t, g.Server, harness.Request{Target: "/live/org1/cam/silent?token=" + token}), 401, "expired")
	}
}

// With cut off, and where a gate only reports, what has begun goes on.
func TestCutOff(t *testing.T) {
	t.Parallel()
	for _, option := range []string{"cut off", "report_only on"} {
		t.Run(option, func(t *testing.T) {
			t.Parallel()
			g := guard(t, setup{playgate: "leeway 0s", gate: option}, new(endless))
			expires := time.Now().Add(2 * time.Second).Truncate(time.Second)
			token := g.key.Token(t, "--org", "org1", "--stream", "cam", "--expires", expires.UTC().Format(time.RFC3339))
			ctx, cancel := context.WithDeadline(t.Context(), expires.Add(cutWithin))
			defer cancel()
			got := viewers()[0].watch(ctx, g.Server, "/live/org1/cam/push?token="+token, func() {})
			if !errors.Is(got.err, context.DeadlineExceeded) {
				t.Errorf("ended after %v: %v", got.after, got.err)
			}
		})
	}
}

// Over HTTP/2 and 3 a WebSocket gets its close frame too.
func TestCutOfExtendedConnect(t *testing.T) {
	t.Parallel()
	key := harness.NewKey(t, "main", "EdDSA")
	origin := harness.NewOrigin(t, http.HandlerFunc(harness.EchoSocket))
	server := harness.Serve(t, setup{playgate: "leeway 0s"}.caddyfile(), harness.Env{
		"KEY": key.PublicFile, "ORIGIN": origin.Addr, "GODEBUG": "http2xconnect=1",
	})
	for _, client := range harness.SocketClients()[2:] {
		t.Run(client.Name, func(t *testing.T) {
			expires := time.Now().Add(3 * time.Second).Truncate(time.Second)
			token := key.Token(t, "--org", "org1", "--stream", "cam", "--expires", expires.UTC().Format(time.RFC3339))
			socket := client.Open(t, server, "/live/org1/cam/ws?token="+token)
			if socket.Echo == nil {
				t.Fatalf("status %d", socket.Status)
			}
			if back, err := socket.Echo("hello"); err != nil || back != "hello" {
				t.Fatalf("%q, %v", back, err)
			}
			frame, err := io.ReadAll(socket.Receive)
			late := time.Since(expires)
			if len(frame) < 4 || frame[0] != 0x88 || binary.BigEndian.Uint16(frame[2:]) != 4401 {
				t.Errorf("the last frame is %x (%v)", frame, err)
			}
			if late < 0 || late > cutWithin {
				t.Errorf("cut %v after expiry", late)
			}
		})
	}
}

// A reload drops no running stream, also one that changes the gate, and what
// began under the old configuration is cut in time.
func TestCutAfterReload(t *testing.T) {
	t.Parallel()
	e := new(endless)
	s := setup{playgate: "leeway 0s"}
	g := guard(t, s, e)
	expires := time.Now().Add(8 * time.Second).Truncate(time.Second)
	token := g.key.Token(t, "--org", "org1", "--stream", "cam", "--expires", expires.UTC().Format(time.RFC3339))
	began := make(chan struct{})
	over := make(chan ended, 1)
	go func() {
		over <- viewers()[0].watch(t.Context(), g.Server, "/live/org1/cam/push?token="+token, func() { close(began) })
	}()
	<-began
	for _, gate := range []string{"errors verbose", "no such option", "propagate off", "cut off"} {
		s.gate = gate
		g.Reload(s.caddyfile())
	}
	select {
	case got := <-over:
		t.Fatalf("the reload ended the stream: %v", got.err)
	default:
	}
	got := <-over
	if late := time.Since(expires); late < 0 || late > cutWithin || got.err == nil {
		t.Errorf("ended %v after expiry: %v", late, got.err)
	}
}

// A key that a reload retires takes along what its tokens have started.
func TestCutWithItsKey(t *testing.T) {
	t.Parallel()
	e := new(endless)
	g := guard(t, setup{}, e)
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	began, over := make(chan struct{}), make(chan ended, 1)
	go func() {
		over <- viewers()[0].watch(t.Context(), g.Server, "/live/org1/cam/push?token="+token, func() { close(began) })
	}()
	<-began
	if r := g.Reload(setup{playgate: "key main {\nfile {$KEY}\nstate retired\n}\n"}.caddyfile()); r.Code != 0 {
		t.Fatal(r.Text())
	}
	retired := time.Now()
	if got := <-over; got.err == nil || time.Since(retired) > cutWithin {
		t.Errorf("ended %v after the reload: %v", time.Since(retired), got.err)
	}
}

// What plays without a token is cut when its organisation is secure again; the
// viewer with a token plays on.
func TestCutWhenNotPublicAnyMore(t *testing.T) {
	t.Parallel()
	e := new(endless)
	i := startIssuingFor(t, e, issuer, nil)
	i.do(t, "org", "create", "org1")
	token := i.do(t, "token", "create", "--org", "org1", "--stream", "cam")
	i.do(t, "org", "secure", "org1", "off")
	watch := func(target string) (over chan ended) {
		began := make(chan struct{})
		over = make(chan ended, 1)
		go func() { over <- viewers()[0].watch(t.Context(), i.Server, target, func() { close(began) }) }()
		select {
		case <-began:
		case got := <-over:
			t.Fatal(got.err)
		}
		return over
	}
	without, public := watch("/live/org1/cam/push"), watch("/live/org1/cam/push?token="+token)
	i.do(t, "org", "secure", "org1", "on")
	secure := time.Now()
	with := watch("/live/org1/cam/push?token=" + token)
	if got := <-without; got.err == nil || time.Since(secure) > cutWithin {
		t.Errorf("without a token: ended after %v: %v", time.Since(secure), got.err)
	}
	select {
	case got := <-public:
		t.Errorf("with a token that was not asked for: cut: %v", got.err)
	case got := <-with:
		t.Errorf("with a token: cut: %v", got.err)
	default:
	}
}

// A reload that closes sockets, as Caddy does by default, tells them so between
// two frames, however fast these follow each other. Caddy may close the origin's
// connection first: what then breaks off within a frame cannot be told. That is
// rare, and so it is tried a few times.
func TestReloadClosesSocketsBetweenFrames(t *testing.T) {
	t.Parallel()
	s := setup{}
	g := guard(t, s, new(endless))
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	i := slices.IndexFunc(viewers(), func(v viewer) bool { return v.name == "WebSocket" })
	socket := viewers()[i]
	const sockets = 5
	round := func() (failed []string) {
		began, over := make(chan struct{}, sockets), make(chan ended, sockets)
		for range sockets {
			go func() {
				over <- socket.watch(t.Context(), g.Server, "/live/org1/cam/push?token="+token, func() { began <- struct{}{} })
			}()
		}
		for range sockets {
			<-began
		}
		if r := g.Reload(s.caddyfile()); r.Code != 0 {
			t.Fatal(r.Text())
		}
		for range sockets {
			if got := <-over; got.code != websocket.StatusGoingAway {
				failed = append(failed, fmt.Sprintf("close status %d (%v)", got.code, got.err))
			}
		}
		return failed
	}
	for n, gate := range []string{"errors verbose", "errors terse", "errors verbose", "errors terse", "errors verbose"} {
		s.gate = gate
		failed := round()
		if len(failed) == 0 {
			return
		}
		t.Logf("round %d: %s", n, failed)
	}
	t.Error("in no round all sockets were told")
}
