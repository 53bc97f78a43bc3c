package integration_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// docBlockOf is the block of docs/topologies.md with this text behind its fence.
func docBlockOf(t *testing.T, info string) string {
	t.Helper()
	language, _, _ := strings.Cut(info, " ")
	for _, b := range docBlocks(t, language) {
		if b.file == "docs/topologies.md" && b.info == info {
			return b.text
		}
	}
	t.Fatalf("docs/topologies.md has no block %q", info)
	return ""
}

var documentedAddress = regexp.MustCompile(`(?:10\.0\.0\.[123]|127\.0\.0\.1):(?:4222|6222|7422|8222|8888)`)

// rewired gives every address of the documentation one of this machine's.
func rewired(text string, addresses map[string]string) string {
	return documentedAddress.ReplaceAllStringFunc(text, func(a string) string {
		if to := addresses[a]; to != "" {
			return to
		}
		return a
	})
}

// docEdge is the documentation's Caddyfile with this machine's addresses.
func docEdge(t *testing.T, text string) string {
	t.Helper()
	for _, r := range [][2]string{{"{\n\tplaygate {", "{\n" + globals + "\tplaygate {"}, {"live.example.com {", addresses + " {"}} {
		if !strings.Contains(text, r[0]) {
			t.Fatalf("the Caddyfile does not hold %q:\n%s", r[0], text)
		}
		text = strings.Replace(text, r[0], r[1], 1)
	}
	return text
}

// The topologies of the documentation, with its own files: three servers, edges
// beside them, and one behind a leaf node far away.
func TestDocsTopologies(t *testing.T) {
	t.Parallel()
	origin := harness.NewOrigin(t, nil)
	at := map[string]string{"127.0.0.1:8888": origin.Addr}
	for n := 1; n <= 3; n++ {
		for _, port := range []string{"4222", "6222", "7422", "8222"} {
			at[fmt.Sprintf("10.0.0.%d:%s", n, port)] = harness.Loopback(harness.Port(t))
		}
	}
	one, hub := docBlockOf(t, "nats one"), docBlockOf(t, "nats hub")
	run := func(name, conf string) *harness.Process {
		dir := t.TempDir()
		conf = rewired(strings.ReplaceAll(conf, "/var/lib/nats", filepath.Join(dir, "store")), at)
		path := filepath.Join(dir, name+".conf")
		if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
			t.Fatal(err)
		}
		return harness.StartProcess(t, os.Environ(), dir, harness.NATSServer(t), "-c", path)
	}
	for n := 1; n <= 3; n++ {
		conf := strings.ReplaceAll(one, "nats1", fmt.Sprintf("nats%d", n))
		domain, leaves, found := strings.Cut(hub, "}\n")
		if !found || !strings.Contains(conf, "jetstream {\n") {
			t.Fatal("there is no jetstream block")
		}
		conf = strings.Replace(conf, "jetstream {\n", domain, 1) + leaves
		// "the others differ in the name and in the addresses they listen on"
		for _, what := range []string{"listen: ", "http: "} {
			conf = strings.ReplaceAll(conf, what+"10.0.0.1:", fmt.Sprintf("%s10.0.0.%d:", what, n))
		}
		run(fmt.Sprintf("nats%d", n), conf)
	}
	far := harness.Loopback(harness.Port(t))
	run("far1", strings.Replace(docBlockOf(t, "nats leaf"), "127.0.0.1:4222", far, 1))

	text := docEdge(t, docBlockOf(t, "caddyfile edge"))
	start := func(text, seal string) *edge {
		data := t.TempDir()
		e := &edge{dir: filepath.Join(data, "caddy", "playgate")}
		if seal != "" { // step 2
			e.takeSealKey(t, seal)
		}
		e.Server = harness.Serve(t, rewired(text, at), harness.Env{"XDG_DATA_HOME": data})
		harness.Wait(t, "the edge to be ready", func() bool { return e.status("/readyz") == http.StatusOK })
		return e
	}
	first := start(text, "")
	second := start(text, first.dir)
	at["127.0.0.1:4222"] = far
	distant := start(docEdge(t, docBlockOf(t, "caddyfile distant")), first.dir)

	first.do(t, "org", "create", "acme")
	for _, issuing := range []*edge{first, second, distant} {
		token := issuing.do(t, "token", "create", "--org", "acme", "--stream", "cam1")
		playing := "/acme/cam1/index.m3u8?token=" + token
		for _, e := range []*edge{first, second, distant} {
			harness.Wait(t, "the token to play", func() bool { return e.status(playing) == http.StatusOK })
		}
		issuing.do(t, "token", "revoke", harness.TokenID(t, token))
		for _, e := range []*edge{first, second, distant} {
			harness.Wait(t, "the token to be refused", func() bool { return e.status(playing) == http.StatusUnauthorized })
		}
	}
	if status := second.do(t, "status"); strings.Count(status, "yes") < 4 || !strings.Contains(status, "POSITION") {
		t.Errorf("playgate status:\n%s", status)
	}
	harness.Wait(t, "the log to say that the servers sync", func() bool {
		return strings.Count(first.Output(), "it syncs every write") == 3
	})
}
