//go:build players

package integration_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/playgate/playgate/integration/harness"
)

// The player page plays, says how long the token is valid, and says why it does
// not play any more.
func TestPlayersPage(t *testing.T) {
	live := harness.Live(t)
	i := startIssuingFor(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/offline/") {
			http.NotFound(w, r)
			return
		}
		live.ServeHTTP(w, r)
	}), playerSite, nil)
	packages := harness.InstallPackages(t)
	// hls.js as the page would fetch it.
	text, err := os.ReadFile(filepath.Join(packages.Dir, "hls.js", "dist", "hls.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	i.putData(t, "playgate/hls-"+packages.Version(t, "hls.js")+".js", text)
	browser := harness.StartBrowser(t, packages)
	i.do(t, "org", "create", "org1")
	page := func(stream, token string) string { return i.Plain() + "/play/org1/" + stream + "?token=" + token }
	visit := func(t *testing.T, v harness.Look) harness.Outcome {
		t.Helper()
		v.Shots = os.Getenv("PLAYGATE_SHOTS")
		o, err := browser.Look(t.Context(), v)
		if err != nil {
			t.Fatal(err)
		}
		if o.Detail != "" {
			t.Errorf("%+v", o)
		}
		return o
	}
	token := func(args ...string) string {
		return i.do(t, append([]string{"token", "create", "--org", "org1", "--stream", "cam"}, args...)...)
	}

	for _, wish := range []string{"", "hls.js"} {
		t.Run("plays "+wish, func(t *testing.T) {
			o := visit(t, harness.Look{URL: page("cam", token()) + "&player=" + wish, Until: []string{"playing"}, Name: "player-playing" + wish})
			if !strings.Contains(o.Facts, "valid until") || !strings.Contains(o.Facts, "(14 days left)") || o.Native != (wish == "") {
				t.Errorf("%+v", o)
			}
		})
		t.Run("expires "+wish, func(t *testing.T) {
			short := token("--expires", time.Now().Add(12*time.Second).UTC().Format(time.RFC3339))
			o := visit(t, harness.Look{URL: page("cam", short) + "&player=" + wish, Until: []string{"expired"}, Name: "player-expired" + wish})
			if !strings.Contains(o.Cover, "has expired") || !strings.Contains(o.Cover, "Reference") || !strings.Contains(o.Facts, "was valid until") {
				t.Errorf("%+v", o)
			}
		})
	}
	t.Run("revoked", func(t *testing.T) {
		text := token()
		before := len(i.origin.Calls())
		go func() {
			harness.Eventually(harness.Deadline, func() bool { return len(i.origin.Calls()) > before+8 }) // it plays
			i.do(t, "token", "revoke", harness.TokenID(t, text), "--org", "org1")
		}()
		o := visit(t, harness.Look{URL: page("cam", text) + "&player=hls.js", Until: []string{"revoked"}, Name: "player-revoked"})
		if !strings.Contains(o.Cover, "has been revoked") || strings.Contains(o.Facts, "valid until") {
			t.Errorf("%+v", o)
		}
	})
	t.Run("refused", func(t *testing.T) {
		o := visit(t, harness.Look{URL: page("cam2", token()), Until: []string{"refused"}, Name: "player-refused"})
		if !strings.Contains(o.Facts, "secured stream") || strings.Contains(o.Facts, "valid until") {
			t.Errorf("%+v", o)
		}
	})
	t.Run("without a token", func(t *testing.T) {
		o := visit(t, harness.Look{URL: i.Plain() + "/play/org1/cam", Until: []string{"refused"}, Name: "player-missing"})
		if !strings.Contains(o.Cover, "needs a token") {
			t.Errorf("%+v", o)
		}
	})
	t.Run("waiting", func(t *testing.T) {
		text := i.do(t, "token", "create", "--org", "org1", "--orgwide")
		o := visit(t, harness.Look{URL: page("offline", text), Until: []string{"waiting"}, Name: "player-waiting"})
		if !strings.Contains(o.Cover, "Waiting for the stream") || !strings.Contains(o.Facts, "all streams") {
			t.Errorf("%+v", o)
		}
	})
	t.Run("cannot play", func(t *testing.T) {
		o := visit(t, harness.Look{URL: page("cam", token()), Until: []string{"unsupported"}, Bare: true, Name: "player-unsupported"})
		if !strings.Contains(o.Cover, "Safari") || !strings.Contains(o.Facts, "valid until") {
			t.Errorf("%+v", o)
		}
	})
	t.Run("rules", func(t *testing.T) {
		text := token("--ip", "127.0.0.1", "--referer", "127.0.0.1:"+i.HTTP[len("127.0.0.1:"):], "--expires", time.Now().Add(30*time.Minute).UTC().Format(time.RFC3339))
		o := visit(t, harness.Look{URL: page("cam", text), Until: []string{"playing"}, Name: "player-rules"})
		if !strings.Contains(o.Facts, "127.0.0.1") {
			t.Errorf("%+v", o)
		}
	})
}
