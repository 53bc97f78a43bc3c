//go:build players

package integration_test

import (
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/playgate/playgate/integration/harness"
)

// A cut body never looks complete to ffmpeg.
func TestPlayersCutSeenByFFmpeg(t *testing.T) {
	clip, err := os.ReadFile(harness.Clip(t))
	if err != nil {
		t.Fatal(err)
	}
	g := guard(t, setup{playgate: "leeway 0s"}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "video/mp2t")
		_, _ = w.Write(clip)
		_ = http.NewResponseController(w).Flush()
		if r.URL.Path == "/live/org1/cam/endless.ts" {
			<-r.Context().Done()
		}
	}))
	play := func(path, token string) string {
		return harness.Decode(t, g.Plain()+"/live/org1/cam/"+path+"?token="+token)
	}
	if said := play("whole.ts", g.key.Token(t, "--org", "org1", "--stream", "cam")); said != "" {
		t.Errorf("ffmpeg of a whole body: %s", said)
	}
	expires := time.Now().Add(5 * time.Second).Truncate(time.Second)
	token := g.key.Token(t, "--org", "org1", "--stream", "cam", "--expires", expires.UTC().Format(time.RFC3339))
	said := play("endless.ts", token)
	if late := time.Since(expires); said == "" || late < 0 || late > cutWithin {
		t.Errorf("ended %v after expiry, and ffmpeg complains: %t", late, said != "")
	}
}

// A cut body never looks complete to a browser, over HTTP/1.1 and 2.
func TestPlayersCutSeenByChromium(t *testing.T) {
	g := guard(t, setup{playgate: "leeway 0s"}, new(endless))
	browser := harness.StartBrowser(t, harness.InstallPackages(t))
	expires := time.Now().Add(6 * time.Second).Truncate(time.Second)
	token := g.key.Token(t, "--org", "org1", "--stream", "cam", "--expires", expires.UTC().Format(time.RFC3339))
	var all sync.WaitGroup
	for _, base := range []string{g.Plain(), g.Secure()} {
		for _, path := range []string{"push", "sized", "stall"} {
			all.Go(func() {
				o, err := browser.Run(t.Context(), "body", base+"/live/org1/cam/"+path+"?token="+token, "")
				late := time.Since(expires)
				if err != nil || o.Status != http.StatusOK || o.Detail != "TypeError: network error" {
					t.Errorf("%s, %s: %+v, %v", base, path, o, err)
				}
				if late < 0 || late > cutWithin {
					t.Errorf("%s, %s: ended %v after expiry", base, path, late)
				}
			})
		}
	}
	all.Wait()
}
