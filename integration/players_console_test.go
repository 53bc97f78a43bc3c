//go:build players

package integration_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/playgate/playgate/integration/harness"
)

// A person signs in, makes a stream with a token, watches it on the player page,
// and ends it there by revoking the token. Every page on the way meets WCAG 2.2 AA
// as far as axe can tell, in light and dark, and fits a phone.
func TestPlayersConsole(t *testing.T) {
	packages := harness.InstallPackages(t)
	console := harness.Loopback(harness.Port(t))
	site := playerSite + `
http://{$CONSOLE} {
	basic_auth /console* {
		ann {$HASH}
	}
	playgate_console {
		grant ann admin *
		host 127.0.0.1
		ingest rtmp://127.0.0.1/{org}/{stream}
	}
}
`
	i := startIssuingFor(t, harness.Live(t), site, harness.Env{
		"STORE": t.TempDir() + "/store", "API": harness.Loopback(harness.Port(t)), "CONSOLE": console,
		"HASH": strings.TrimSpace(harness.MustPlaygate(t, "hash-password", "--plaintext", "only for tests")),
	})
	text, err := os.ReadFile(packages.Dir + "/hls.js/dist/hls.min.js")
	if err != nil {
		t.Fatal(err)
	}
	i.putData(t, "playgate/hls-"+packages.Version(t, "hls.js")+".js", text)
	browser := harness.StartBrowser(t, packages)
	o, err := browser.Console(t.Context(), "http://"+console+"/console", "ann", "only for tests", os.Getenv("PLAYGATE_SHOTS"))
	if err != nil {
		t.Fatal(err)
	}
	if o.Detail != "" {
		t.Error(o.Detail)
	}
	ended := time.Duration(o.Notes["ended"]) * time.Millisecond
	t.Logf("the picture ended %v after the click", ended)
	if ended == 0 || ended > 10*time.Second {
		t.Errorf("the player page says it after %v", ended)
	}
}
