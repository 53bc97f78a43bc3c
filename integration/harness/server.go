package harness

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Env is what a Caddyfile of a test can use as {$NAME}. The harness adds ADMIN,
// an address, HTTP_PORT and HTTPS_PORT, and LOGS, a directory; values of Env can
// use these in the same way.
type Env map[string]string

// Server is a running playgate.
type Server struct {
	*Process
	t       testing.TB
	binary  string
	dir     string
	env     []string
	uses    []string // texts that tell which listeners there will be
	stopped bool

	// Admin, HTTP and HTTPS are addresses, "127.0.0.1:port".
	Admin, HTTP, HTTPS string
}

// Serve writes the Caddyfile, starts `playgate run` with it and returns when the
// server answers on every port that the Caddyfile uses. The test fails when the
// server does not end well on SIGTERM.
func Serve(t testing.TB, caddyfile string, env Env) *Server {
	t.Helper()
	return ServeWith(t, Binary(t), caddyfile, env)
}

// ServeWith is Serve with another binary than the plain build.
func ServeWith(t testing.TB, binary, caddyfile string, env Env) *Server {
	t.Helper()
	s := &Server{
		t:      t,
		binary: binary,
		dir:    t.TempDir(),
		Admin:  Loopback(Port(t)),
		HTTP:   Loopback(Port(t)),
		HTTPS:  Loopback(Port(t)),
	}
	logs := filepath.Join(s.dir, "logs")
	if err := os.Mkdir(logs, 0o755); err != nil {
		t.Fatal(err)
	}
	own := Env{"ADMIN": s.Admin, "HTTP_PORT": portOf(s.HTTP), "HTTPS_PORT": portOf(s.HTTPS), "LOGS": logs}
	s.env = isolated(s.dir)
	s.uses = []string{withoutGlobals(caddyfile)}
	for _, name := range slices.Sorted(maps.Keys(own)) {
		s.env = append(s.env, name+"="+own[name])
	}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		s.env = append(s.env, name+"="+own.fill(env[name]))
		s.uses = append(s.uses, env[name])
	}
	s.write("Caddyfile", caddyfile)
	s.Start()
	return s
}

// Start starts the server again with what it had, after Stop or Kill.
func (s *Server) Start() {
	s.t.Helper()
	s.Process = StartProcess(s.t, s.env, s.dir, s.binary, "run", "--config", filepath.Join(s.dir, "Caddyfile"), "--adapter", "caddyfile")
	s.stopped = false
	process := s.Process
	// Registered after the process's own clean-up, hence run before it.
	s.t.Cleanup(func() {
		if s.Process == process {
			s.stop()
		}
	})
	s.await("HTTP", s.uses, "127.0.0.1:{$HTTP_PORT}", func() bool { return answersTCP(s.HTTP) })
	s.await("TLS", s.uses, "localhost:{$HTTPS_PORT}", func() bool { return answersTLS(s.HTTPS) })
}

// Variables are what the Caddyfile can use as {$NAME}, and the directories of the
// process, as NAME=value.
func (s *Server) Variables() []string { return s.env[len(os.Environ()):] }

// Caddyfile is the path of the server's Caddyfile.
func (s *Server) Caddyfile() string { return filepath.Join(s.dir, "Caddyfile") }

// Exchange has the next Start take another binary, as after an upgrade.
func (s *Server) Exchange(binary string) { s.binary = binary }

// Kill ends the server with SIGKILL.
func (s *Server) Kill() {
	s.t.Helper()
	s.stopped = true
	if err := s.End(syscall.SIGKILL, 5*time.Second); errors.Is(err, os.ErrDeadlineExceeded) {
		s.t.Fatal("the server survives SIGKILL")
	}
}

func (e Env) fill(text string) string {
	for name, value := range e {
		text = strings.ReplaceAll(text, "{$"+name+"}", value)
	}
	return text
}

// await waits for a listener, if any of the texts names its address.
func (s *Server) await(what string, texts []string, address string, answers func() bool) {
	s.t.Helper()
	if !strings.Contains(strings.Join(texts, "\n"), address) {
		return
	}
	Wait(s.t, "the server to answer "+what, func() bool {
		if s.Ended() {
			s.t.Fatalf("the server ended at start: %v", s.End(syscall.SIGTERM, time.Second))
		}
		return answers()
	})
}

// withoutGlobals drops the options at the top of a Caddyfile, where ports are
// named without being listened on.
func withoutGlobals(caddyfile string) string {
	text := strings.TrimLeft(caddyfile, " \t\n")
	if !strings.HasPrefix(text, "{") || strings.HasPrefix(text, "{$") {
		return text
	}
	_, sites, _ := strings.Cut(text, "\n}\n")
	return sites
}

func (s *Server) stop() {
	if s.stopped {
		return
	}
	if s.Ended() {
		s.t.Errorf("the server ended before its test did: %v", s.End(syscall.SIGTERM, time.Second))
		return
	}
	if err := s.End(syscall.SIGTERM, 20*time.Second); err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			s.End(syscall.SIGABRT, 5*time.Second) // it writes where it hangs
		}
		s.t.Errorf("the server on SIGTERM: %v", err)
	}
}

// Stop ends the server early, as the end of the test would.
func (s *Server) Stop() error {
	s.stopped = true
	return s.End(syscall.SIGTERM, 20*time.Second)
}

// Data is the directory where the server keeps what it has.
func (s *Server) Data() string { return filepath.Join(s.dir, "data", "caddy") }

// Plain is the start of a URL of the site without TLS.
func (s *Server) Plain() string { return "http://" + s.HTTP }

// Secure is the start of a URL of the site with TLS, on a name and not an
// address, so that clients send SNI.
func (s *Server) Secure() string { return "https://localhost:" + portOf(s.HTTPS) }

// Reload replaces the running configuration as `playgate reload` does.
func (s *Server) Reload(caddyfile string) Result {
	s.t.Helper()
	path := s.write("Caddyfile.next", caddyfile)
	return run(s.t, s.env, s.binary, "reload", "--config", path, "--adapter", "caddyfile", "--address", s.Admin)
}

func (s *Server) write(name, text string) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// Everything is all that the server has written so far: both outputs and every
// file below the directory for logs.
func (s *Server) Everything() string {
	s.t.Helper()
	var all strings.Builder
	all.WriteString(s.Output())
	err := filepath.WalkDir(filepath.Join(s.dir, "logs"), func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all.Write(text)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return all.String()
}

// Line is one line of a log in JSON.
type Line map[string]any

// Text is a field as text; empty when it is not there.
func (l Line) Text(field string) string {
	switch value := l[field].(type) {
	case nil:
		return ""
	case string:
		return value
	default:
		return fmt.Sprint(value)
	}
}

// AccessLines waits for an access-log line that holds the text and gives all
// such lines.
func (s *Server) AccessLines(text string) []Line {
	s.t.Helper()
	var found []Line
	Wait(s.t, "an access-log line with "+text, func() bool {
		found = s.accessLines(text)
		return len(found) > 0
	})
	return found
}

func (s *Server) accessLines(text string) []Line {
	var found []Line
	for raw := range strings.Lines(s.Everything()) {
		if !strings.Contains(raw, text) || !strings.HasSuffix(raw, "\n") {
			continue
		}
		var line Line
		if json.Unmarshal([]byte(raw), &line) == nil && strings.HasPrefix(line.Text("logger"), "http.log.access") {
			found = append(found, line)
		}
	}
	return found
}

func portOf(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return port
}

func answersTCP(addr string) bool {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

func answersTLS(addr string) bool {
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	conn, err := tls.DialWithDialer(dialer, "tcp", addr, &tls.Config{ServerName: "localhost", InsecureSkipVerify: true})
	if err != nil {
		return false
	}
	conn.Close()
	return true
}
