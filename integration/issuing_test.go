package integration_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// issuer is the Caddyfile of a server that makes its own tokens: a gate, and
// the API on a site of its own.
const issuer = "{\n" + globals + `
	log default {
		format playgate json
	}
	playgate {
		store embedded {$STORE}
		stream_url http://127.0.0.1:{$HTTP_PORT}/live/{org}/{stream}/index.m3u8
	}
}

` + addresses + ` {
	playgate {
		` + liveRule + `
	}
	log {
		format playgate json
	}
	reverse_proxy {$ORIGIN}
}

http://{$API} {
	playgate_api
}
`

// issuing is a running server that makes its own tokens.
type issuing struct {
	*guarded
	api string
	env harness.Env
}

func startIssuing(t *testing.T, caddyfile string, env harness.Env) *issuing {
	t.Helper()
	return startIssuingFor(t, nil, caddyfile, env)
}

// startIssuingFor is startIssuing in front of another origin.
func startIssuingFor(t *testing.T, handler http.Handler, caddyfile string, env harness.Env) *issuing {
	t.Helper()
	origin := harness.NewOrigin(t, handler)
	if env == nil {
		env = harness.Env{"STORE": filepath.Join(t.TempDir(), "store"), "API": harness.Loopback(harness.Port(t))}
	}
	env["ORIGIN"] = origin.Addr
	server := harness.Serve(t, caddyfile, env)
	api := "http://" + env["API"]
	harness.Wait(t, "the API to answer", func() bool { return harness.Curl(t, api+"/.well-known/jwks.json").Status == 200 })
	if strings.Contains(caddyfile, "admin {$ADMIN}") {
		// It is the last to know the configuration.
		harness.Wait(t, "the admin endpoint to answer", func() bool { return harness.Curl(t, "http://"+server.Admin+"/config/").Status == 200 })
	}
	return &issuing{&guarded{Server: server, origin: origin}, api, env}
}

// do runs a command that has to succeed, against the admin endpoint.
func (i *issuing) do(t *testing.T, args ...string) string {
	t.Helper()
	return harness.MustPlaygate(t, append(args, "--address", i.Admin)...)
}

// plays checks with curl how a stream answers a token.
func (i *issuing) plays(t *testing.T, token string, status int) {
	t.Helper()
	if got := harness.Curl(t, i.Plain()+target(token)).Status; got != status {
		t.Errorf("status %d instead of %d", got, status)
	}
}

// Everything that an operator does to issue tokens, by commands alone, and what
// the viewer gets each time: without a reload, without a restart.
func TestIssuingOnARunningServer(t *testing.T) {
	t.Parallel()
	i := startIssuing(t, issuer, nil)
	i.do(t, "org", "create", "org1", "--name", "First")
	i.do(t, "stream", "create", "--org", "org1", "cam")

	made := harness.Playgate(t, "token", "create", "--org", "org1", "--stream", "cam", "--tag", "summer", "--address", i.Admin)
	first := strings.TrimSuffix(made.Stdout, "\n")
	if made.Code != 0 || !strings.Contains(made.Stderr, "Stream URL: "+i.Plain()+"/live/org1/cam/index.m3u8?token="+first) {
		t.Fatalf("token create: %s", made.Text())
	}
	i.plays(t, first, 200)
	list := i.do(t, "token", "list", "--org", "org1")
	if !strings.Contains(list, "summer") || !strings.Contains(list, "active") {
		t.Errorf("token list:\n%s", list)
	}
	plant(first).nowhere(t, list)

	var keys struct{ Active, Former string }
	if err := json.Unmarshal([]byte(i.do(t, "key", "rotate", "--json")), &keys); err != nil {
		t.Fatal(err)
	}
	second := i.do(t, "token", "create", "--org", "org1", "--stream", "cam")
	i.plays(t, first, 200)
	i.plays(t, second, 200)
	i.do(t, "key", "retire", keys.Former)
	i.plays(t, first, 401)
	i.plays(t, second, 200)

	plant(first).nowhere(t, i.Everything())
	plant(second).nowhere(t, i.Everything())
}

// With admin off the API is the way, with a key in a file; and the error of the
// other way says so.
func TestIssuingWithAdminOff(t *testing.T) {
	t.Parallel()
	i := startIssuing(t, issuer, nil)
	i.do(t, "org", "create", "org1")
	key := filepath.Join(t.TempDir(), "ops.apikey")
	secret := i.do(t, "apikey", "create", "--role", "admin")
	if err := os.WriteFile(key, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := i.Stop(); err != nil {
		t.Fatal(err)
	}

	off := strings.Replace(issuer, "admin {$ADMIN}", "admin off", 1)
	i = startIssuing(t, off, i.env)
	api := []string{"--api", i.api, "--api-key", "@" + key}
	harness.MustPlaygate(t, append([]string{"stream", "create", "--org", "org1", "cam"}, api...)...)
	token := harness.MustPlaygate(t, append([]string{"token", "create", "--org", "org1", "--stream", "cam"}, api...)...)
	i.plays(t, token, 200)

	path := filepath.Join(t.TempDir(), "Caddyfile")
	if err := os.WriteFile(path, []byte("{\n\tadmin off\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := harness.Playgate(t, "org", "list", "--config", path)
	if r.Code != 1 || !strings.Contains(r.Stderr, "has admin off") || !strings.Contains(r.Stderr, "--api URL") {
		t.Errorf("exit status %d: %s", r.Code, r.Text())
	}
	plant(token).nowhere(t, i.Everything())
	if strings.Contains(i.Everything(), secret) {
		t.Error("the API key is in the log")
	}
}

// putData puts a file where the server keeps its data.
func (i *issuing) putData(t *testing.T, name string, text []byte) {
	t.Helper()
	path := filepath.Join(i.Data(), name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
