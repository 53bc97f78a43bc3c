package logging_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/logging"      // for log_append
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy" // for errors with a request in them
	"go.uber.org/zap/zapcore"

	_ "github.com/playgate/playgate/module/gate" // refuses logs that would show tokens
	_ "github.com/playgate/playgate/module/logging"
	"github.com/playgate/playgate/module/token"
	"github.com/playgate/playgate/module/token/jwt"
)

func init() { caddy.RegisterModule(memory{}) }

// memory is a log output that tests can read: caddy.logging.writers.memory.
type memory struct{}

// logged is all that has been written to it.
var logged struct {
	sync.Mutex
	bytes.Buffer
}

func (memory) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "caddy.logging.writers.memory", New: func() caddy.Module { return new(memory) }}
}

func (memory) String() string                                 { return "memory" }
func (memory) WriterKey() string                              { return "memory" }
func (memory) OpenWriter() (io.WriteCloser, error)            { return memory{}, nil }
func (memory) Close() error                                   { return nil }
func (*memory) UnmarshalCaddyfile(*caddyfile.Dispenser) error { return nil }

func (memory) Write(p []byte) (int, error) {
	logged.Lock()
	defer logged.Unlock()
	return logged.Write(p)
}

// takeLog returns what has been logged since the last time.
func takeLog() string {
	logged.Lock()
	defer logged.Unlock()
	text := logged.String()
	logged.Reset()
	return text
}

var key = func() *token.Key {
	key, err := token.GenerateKey("main", token.EdDSA)
	if err != nil {
		panic(err)
	}
	return key
}()

// mint signs a token for stream cam of organisation acme.
func mint(t testing.TB) string {
	t.Helper()
	now := time.Now()
	text, err := jwt.Sign(&token.Grant{ID: "token-1", Org: "acme", Streams: []string{"cam"}, IssuedAt: now.Unix(), Expires: now.Add(time.Hour).Unix()}, key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// load runs a Caddyfile: global options, and the body of one site.
func load(t testing.TB, global, site string) {
	t.Helper()
	if err := tryLoad(t, global, site); err != nil {
		t.Fatal(err)
	}
}

// tryLoad is load where it may fail.
func tryLoad(t testing.TB, global, site string) error {
	t.Helper()
	jwk, err := key.MarshalJWK(true)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "main.jwk")
	if err := os.WriteFile(path, jwk, 0o600); err != nil {
		t.Fatal(err)
	}
	text := "{\nadmin off\nauto_https off\npersist_config off\nplaygate {\nstore off\nkey main {\nfile " + path + "\n}\n}\n" + global + "\n}\nhttp://:0 {\n" + site + "\n}"
	config, _, err := caddyfile.Adapter{ServerType: httpcaddyfile.ServerType{}}.Adapt([]byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return caddy.Load(config, true)
}

func stopAtEnd(t testing.TB) {
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
		takeLog()
	})
}

// tellTale are parts of a token that must be nowhere: its signature and its
// claims, each whole and in part.
func tellTale(tok string) []string {
	parts := strings.Split(tok, ".")
	return []string{parts[1], parts[2], parts[2][:20], parts[2][len(parts[2])-20:]}
}

func checkClean(t testing.TB, text, tok string) {
	t.Helper()
	for _, part := range tellTale(tok) {
		if before, _, ok := strings.Cut(text, part); ok {
			line := text[strings.LastIndexByte(before, '\n')+1:]
			line, _, _ = strings.Cut(line, "\n")
			t.Errorf("the log has (part of) the token:\n%s", line)
			return
		}
	}
}

// encoder provisions an encoder from its Caddyfile line.
func encoder(t testing.TB, line string) zapcore.Encoder {
	t.Helper()
	d := caddyfile.NewTestDispenser(line)
	d.Next()
	module, err := caddyfile.UnmarshalModule(d, "caddy.logging.encoders."+d.Val())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	t.Cleanup(cancel)
	if err := module.(caddy.Provisioner).Provision(ctx); err != nil {
		t.Fatal(err)
	}
	return module.(zapcore.Encoder)
}
