package gate

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// listen puts a gate behind a real HTTP/1.1 server.
func listen(t testing.TB, h *Handler, next caddyhttp.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = prepared(r, w)
		if err := h.ServeHTTP(w, r, next); err != nil {
			t.Errorf("the gate returned %v", err)
		}
	}))
	server.Config.ErrorLog = discardLog
	server.Start()
	t.Cleanup(server.Close)
	return server
}

// dial sends a raw request and returns the connection.
func dial(t testing.TB, server *httptest.Server, raw string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, raw); err != nil {
		t.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}

func answerTo(t testing.TB, server *httptest.Server, raw string) (*http.Response, string) {
	t.Helper()
	_, reader := dial(t, server, raw)
	answer, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}

// An upgrade that nobody asked for would be a raw tunnel to the origin: the
// client gets a 502 and the connection is not handed out.
func TestUnaskedSwitchOfProtocols(t *testing.T) {
	for name, next := range map[string]caddyhttp.HandlerFunc{
		"header, then hijack": func(w http.ResponseWriter, _ *http.Request) error {
			w.Header().Set("Upgrade", "foo")
			w.Header().Set("Connection", "Upgrade")
			w.WriteHeader(http.StatusSwitchingProtocols)
			if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
				_, _ = io.WriteString(conn, "tunnel")
				return conn.Close()
			}
			return nil
		},
		"hijack alone": func(w http.ResponseWriter, _ *http.Request) error {
			if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
				_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\n\r\ntunnel")
				return conn.Close()
			}
			return nil
		},
		"header alone": func(w http.ResponseWriter, _ *http.Request) error {
			w.WriteHeader(http.StatusSwitchingProtocols)
			return nil
		},
		"header and bytes": func(w http.ResponseWriter, _ *http.Request) error {
			w.WriteHeader(http.StatusSwitchingProtocols)
			_, err := io.WriteString(w, "tunnel")
			return err
		},
		"header and copy": func(w http.ResponseWriter, _ *http.Request) error {
			w.WriteHeader(http.StatusSwitchingProtocols)
			_, err := w.(io.ReaderFrom).ReadFrom(strings.NewReader("tunnel"))
			return err
		},
		"header and flush": func(w http.ResponseWriter, _ *http.Request) error {
			w.WriteHeader(http.StatusSwitchingProtocols)
			w.(http.Flusher).Flush()
			return nil
		},
	} {
		for _, target := range []string{media, playlist} {
			t.Run(name+" "+target, func(t *testing.T) {
				server := listen(t, newGate(t, ""), next)
				answer, body := answerTo(t, server, "GET "+target+"?token="+mint(t, nil)+" HTTP/1.1\r\nHost: edge.test\r\nConnection: close\r\n\r\n")
				if answer.StatusCode != http.StatusBadGateway || strings.Contains(body, "tunnel") {
					t.Errorf("status %d, body %q", answer.StatusCode, body)
				}
				if answer.Header.Get("Upgrade") != "" || answer.Header.Get("Playgate-Id") == "" {
					t.Errorf("header %v", answer.Header)
				}
			})
		}
	}
}

// An upgrade that does not offer a WebSocket alone is not taken (RFC 9110, section
// 7.8): the request is a plain one, and nobody below sees that it asked.
func TestOtherUpgradesAreNotTaken(t *testing.T) {
	h := newGate(t, "")
	target := media + "?token=" + mint(t, nil)
	for _, upgrades := range [][]string{
		{"foo"}, {"h2c"}, {"H2C"}, {"websocket, foo"}, {"foo, websocket"}, {"websocket, h2c"}, {"websocket", "websocket"}, {"websocket", "foo"},
		{""}, {}, nil, {"TLS/1.0"}, {"websocket/13"}, {"websocket,"}, {strings.Repeat("h2c,", 1000)},
	} {
		for connection, left := range map[string][]string{
			"Upgrade":                             nil,
			"upgrade, HTTP2-Settings":             nil,
			"keep-alive, UPGRADE ,http2-settings": {"keep-alive"},
			"HTTP2-Settings, close":               {"close"},
		} {
			r := request(http.MethodGet, target, "Connection: "+connection, "Http2-Settings: AAMAAABkAAQCAAAAAAIAAAAA")
			r.Header["Upgrade"] = upgrades
			var o origin
			allowed(t, serve(t, h, &o, r))
			got := o.only(t).Header
			if got["Upgrade"] != nil || got["Http2-Settings"] != nil || !slices.Equal(got["Connection"], left) {
				t.Errorf("Upgrade %q, Connection %q: next got %v", upgrades, connection, got)
			}
		}
	}
	for name, change := range map[string]func(*http.Request){
		"HTTP/1.0": func(r *http.Request) { r.Proto, r.ProtoMinor = "HTTP/1.0", 0 },
		"HTTP/2":   func(r *http.Request) { r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/2.0", 2, 0 },
		"HTTP/3":   func(r *http.Request) { r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/3.0", 3, 0 },
		"HEAD":     func(r *http.Request) { r.Method = http.MethodHead },
	} {
		r := request(http.MethodGet, target, "Upgrade: websocket", "Connection: Upgrade")
		change(r)
		var o origin
		allowed(t, serve(t, h, &o, r))
		if got := o.only(t).Header; got["Upgrade"] != nil || got["Connection"] != nil {
			t.Errorf("a WebSocket asked with %s: next got %v", name, got)
		}
	}
}

// A request that is refused, too, does not ask an error route for an upgrade.
func TestOtherUpgradesOfRefusedRequests(t *testing.T) {
	h := newGate(t, "errors terse pass")
	for _, target := range []string{media, "/live/acme/cam/%2f"} {
		r := request(http.MethodGet, target, "Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "Http2-Settings: AAMAAABk")
		if err := h.ServeHTTP(httptest.NewRecorder(), r, new(origin)); err == nil {
			t.Errorf("%s was not refused", target)
		}
		if len(r.Header) != 0 {
			t.Errorf("%s: an error route gets %v", target, r.Header)
		}
	}
}

// A WebSocket gets its connection, with the bytes that came early.
func TestSocketGetsItsConnection(t *testing.T) {
	server := listen(t, newGate(t, ""), func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Connection", "Upgrade")
		w.WriteHeader(http.StatusSwitchingProtocols)
		conn, both, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return err
		}
		defer conn.Close()
		line, err := both.ReadString('\n')
		if err != nil {
			return err
		}
		_, err = io.WriteString(conn, "\x81\x0becho "+line)
		return err
	})
	for _, word := range []string{"websocket", "WebSocket"} {
		_, reader := dial(t, server, "GET /live/acme/cam/ws?token="+mint(t, nil)+" HTTP/1.1\r\nHost: edge.test\r\nConnection: Upgrade\r\nUpgrade: "+word+"\r\n\r\nhello\n")
		answer, err := http.ReadResponse(reader, nil)
		if err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("%v %v", answer, err)
		}
		if line, err := reader.ReadString('\n'); err != nil || line != "\x81\x0becho hello\n" {
			t.Errorf("the socket said %q, %v", line, err)
		}
	}
}

// A socket is asked for over HTTP/2 and 3 with an extended CONNECT.
func TestExtendedConnect(t *testing.T) {
	h := newGate(t, "")
	for _, tc := range []struct {
		name     string
		major    int
		proto    string
		protocol string
		upgrade  string
		ok       bool
	}{
		{"HTTP/2", 2, "HTTP/2.0", "websocket", "", true},
		{"HTTP/3", 3, "websocket", "", "", true},
		{"HTTP/2 for something else", 2, "HTTP/2.0", "connect-udp", "", false},
		{"HTTP/3 for something else", 3, "webtransport", "", "", false},
		{"HTTP/2 with Upgrade as well", 2, "HTTP/2.0", "websocket", "foo", true}, // which is not taken
		{"HTTP/3 with Upgrade as well", 3, "websocket", "", "websocket", true},
		{"plain CONNECT", 1, "HTTP/1.1", "", "", false},
		{"HTTP/1.1 that says :protocol", 1, "HTTP/1.1", "websocket", "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := request(http.MethodGet, "/live/acme/cam/ws?token="+mint(t, nil))
			r.Method, r.ProtoMajor, r.Proto = http.MethodConnect, tc.major, tc.proto
			if tc.protocol != "" {
				r.Header[":protocol"] = []string{tc.protocol}
			}
			if tc.upgrade != "" {
				r.Header.Set("Upgrade", tc.upgrade)
			}
			passed := 0
			w := httptest.NewRecorder()
			if err := h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
				if passed++; r.Header["Upgrade"] != nil {
					t.Errorf("next got Upgrade: %q", r.Header["Upgrade"])
				}
				_, err := io.WriteString(w, "\x81\x02hi")
				return err
			})); err != nil {
				t.Fatal(err)
			}
			if tc.ok != (passed == 1) || tc.ok != (w.Body.String() == "\x81\x02hi") || !tc.ok && w.Code < 400 {
				t.Errorf("status %d, %d requests passed, body %q", w.Code, passed, w.Body)
			}
		})
	}
}

// Hints before the answer go through, and do not begin it.
func TestInformationalAnswersPass(t *testing.T) {
	for target, body := range map[string]string{media: "media", playlist: "#EXTM3U\n"} {
		server := listen(t, newGate(t, ""), func(w http.ResponseWriter, _ *http.Request) error {
			w.Header().Set("Link", "</init.mp4>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusProcessing)
			_, err := io.WriteString(w, body)
			return err
		})
		_, reader := dial(t, server, "GET "+target+"?token="+mint(t, nil)+" HTTP/1.1\r\nHost: edge.test\r\nConnection: close\r\n\r\n")
		for _, want := range []int{103, 102, 200} {
			answer, err := http.ReadResponse(reader, nil)
			if err != nil || answer.StatusCode != want {
				t.Fatalf("%s: %v %v instead of status %d", target, answer, err, want)
			}
			if want == 200 {
				got, err := io.ReadAll(answer.Body)
				if err != nil || string(got) != body {
					t.Errorf("%s: the body is %q, %v", target, got, err)
				}
			}
		}
	}
}

// The first chunk of a progressive stream is with the client before the second
// exists; a playlist goes out in one piece.
func TestFlush(t *testing.T) {
	for target, first := range map[string]string{media: "first", "/live/acme/cam/other.m3u8": "not a playlist at all"} {
		release := make(chan struct{})
		var once sync.Once
		server := listen(t, newGate(t, ""), func(w http.ResponseWriter, _ *http.Request) error {
			_, _ = io.WriteString(w, first)
			if err := http.NewResponseController(w).Flush(); err != nil {
				return err
			}
			<-release
			_, err := io.WriteString(w, "second")
			return err
		})
		t.Cleanup(func() { once.Do(func() { close(release) }) })
		answer, err := server.Client().Get(server.URL + target + "?token=" + mint(t, nil))
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		got := make([]byte, len(first))
		if _, err := io.ReadFull(answer.Body, got); err != nil || string(got) != first {
			t.Errorf("%s: first came %q, %v", target, got, err)
		}
		once.Do(func() { close(release) })
		if rest, err := io.ReadAll(answer.Body); err != nil || string(rest) != "second" {
			t.Errorf("%s: then came %q, %v", target, rest, err)
		}
	}
}

// flushes counts what reaches the writer below the gate's own.
type flushes struct {
	*httptest.ResponseRecorder
	n int
}

func (f *flushes) FlushError() error { f.n++; return nil }

func TestFlushOfAPlaylistIsSwallowed(t *testing.T) {
	w := &flushes{ResponseRecorder: httptest.NewRecorder()}
	o := origin{answer: func(w http.ResponseWriter, _ *http.Request) error {
		for _, part := range []string{"", "#EXT", "M3U\nseg-1.ts\n", "seg-2.ts\n"} {
			if _, err := io.WriteString(w, part); err != nil {
				return err
			}
			if err := http.NewResponseController(w).Flush(); err != nil {
				return err
			}
		}
		return nil
	}}
	tok := mint(t, nil)
	if err := newGate(t, "").ServeHTTP(w, request(http.MethodGet, playlist+"?token="+tok), &o); err != nil {
		t.Fatal(err)
	}
	if want := "#EXTM3U\nseg-1.ts?token=" + tok + "\nseg-2.ts?token=" + tok + "\n"; w.Body.String() != want {
		t.Errorf("the playlist is %q", w.Body)
	}
	if w.n != 0 {
		t.Errorf("%d flushes reached the client before the header was known", w.n)
	}
}

// sendfile marks a writer that can read from a file itself.
type sendfile struct {
	*httptest.ResponseRecorder
	used bool
}

func (s *sendfile) ReadFrom(r io.Reader) (int64, error) {
	s.used = true
	return io.Copy(s.ResponseRecorder, r)
}

// Segments keep sendfile and splice; playlists that come the same way are
// rewritten all the same.
func TestReadFrom(t *testing.T) {
	tok := mint(t, nil)
	for target, tc := range map[string]struct {
		body, want string
		used       bool
	}{
		media:                       {strings.Repeat("media", 200), strings.Repeat("media", 200), true},
		playlist:                    {"#EXTM3U\nseg.ts\n", "#EXTM3U\nseg.ts?token=" + tok + "\n", false},
		"/live/acme/cam/other.m3u8": {"no playlist, for all its name", "no playlist, for all its name", false},
	} {
		w := &sendfile{ResponseRecorder: httptest.NewRecorder()}
		o := origin{answer: func(w http.ResponseWriter, _ *http.Request) error {
			_, err := w.(io.ReaderFrom).ReadFrom(io.LimitReader(strings.NewReader(tc.body), 1<<20))
			return err
		}}
		if err := newGate(t, "").ServeHTTP(w, request(http.MethodGet, target+"?token="+tok), &o); err != nil {
			t.Fatal(err)
		}
		if w.Body.String() != tc.want || w.used != tc.used {
			t.Errorf("%s: %q, sendfile %t", target, w.Body, w.used)
		}
	}
}

// A truncated answer never looks complete: the client's read fails.
func TestTruncatedAnswerLooksTruncated(t *testing.T) {
	for name, end := range map[string]func() error{
		"error":         func() error { return errors.New("gone") },
		"aborted copy":  func() error { panic(http.ErrAbortHandler) },
		"another panic": func() error { panic("boom") },
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewUnstartedServer(nil)
			h := newGate(t, "")
			server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_ = h.ServeHTTP(w, prepared(r, w), caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
					_, _ = io.WriteString(w, "half")
					_ = http.NewResponseController(w).Flush()
					return end()
				}))
			})
			server.Config.ErrorLog = discardLog
			server.Start()
			defer server.Close()
			answer, err := server.Client().Get(server.URL + media + "?token=" + mint(t, nil))
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			if body, err := io.ReadAll(answer.Body); err == nil {
				t.Errorf("the body looks complete: %q", body)
			}
		})
	}
}
