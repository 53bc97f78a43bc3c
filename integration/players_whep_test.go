//go:build players

package integration_test

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/playgate/playgate/integration/harness"
)

// decoded is how many frames viewers say that they have decoded, and when that
// has grown last.
type decoded struct {
	mu     sync.Mutex
	frames map[string]int
	grown  map[string]time.Time
}

func (d *decoded) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	viewer := r.URL.Path
	if n, _ := strconv.Atoi(r.URL.Query().Get("frames")); n > d.frames[viewer] {
		d.frames[viewer], d.grown[viewer] = n, time.Now()
	}
}

func (d *decoded) of(viewer string) (int, time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.frames[viewer], d.grown[viewer]
}

// A browser that plays WebRTC decodes no more frames within a second of the
// revocation of its token, while another one goes on.
func TestPlayersWHEP(t *testing.T) {
	media := harness.NewWebRTC(t)
	i := startIssuingFor(t, media, strings.Replace(issuer, liveRule, whepRule, 1), nil)
	i.do(t, "org", "create", "org1")
	progress := &decoded{frames: map[string]int{}, grown: map[string]time.Time{}}
	reports := harness.NewOrigin(t, progress)
	browser := harness.StartBrowser(t, harness.InstallPackages(t))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	tokens, over := map[string]string{}, map[string]chan harness.Outcome{}
	for _, viewer := range []string{"/revoked", "/other"} {
		tokens[viewer] = i.do(t, "token", "create", "--org", "org1", "--stream", "cam")
		over[viewer] = make(chan harness.Outcome, 1)
		go func() {
			o, _ := browser.Run(ctx, "WHEP", i.Plain()+"/live/org1/cam/whep?token="+tokens[viewer], reports.URL+viewer)
			over[viewer] <- o
		}()
		harness.Wait(t, "a second of decoded frames", func() bool {
			select {
			case o := <-over[viewer]:
				t.Fatalf("%s ended: %+v", viewer, o)
			default:
			}
			n, _ := progress.of(viewer)
			return n > 30
		})
	}
	revoke := func(viewer string) {
		i.do(t, "token", "revoke", harness.TokenID(t, tokens[viewer]), "--org", "org1")
		revoked := time.Now()
		// The page gives up when it has decoded nothing for two seconds.
		select {
		case o := <-over[viewer]:
			n, at := progress.of(viewer)
			t.Logf("the last of %d frames came %v after the revocation", n, at.Sub(revoked))
			if at.Sub(revoked) > cutWithin || o.Detail != "no more frames" {
				t.Errorf("frames grew until %v after the revocation: %+v", at.Sub(revoked), o)
			}
		case <-time.After(harness.Deadline):
			t.Fatal("the viewer still decodes frames")
		}
	}
	revoke("/revoked")
	before, _ := progress.of("/other")
	harness.Wait(t, "the other viewer to go on", func() bool { n, _ := progress.of("/other"); return n > before+10 })
	revoke("/other")
}
