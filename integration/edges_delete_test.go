package integration_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// Tokens and API keys that one edge makes while another one deletes their organisation end
// with it, everywhere.
func TestEdgesDeletionEndsWhatOthersMake(t *testing.T) {
	f := startFleet(t, 2, livePlaylist())
	here, there := f.edges[0], f.edges[1]
	here.do(t, "org", "create", "org1")
	f.within(t, convergesWithin, "the organisation known", func(e *edge) bool {
		return harness.Playgate(t, "org", "show", "org1", "--address", e.Admin).Code == 0
	})
	var mu sync.Mutex
	var tokens []string
	made := func() int { mu.Lock(); defer mu.Unlock(); return len(tokens) }
	stop := make(chan struct{})
	var done sync.WaitGroup
	for _, e := range f.edges {
		done.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				var out struct{ Token string }
				switch e.api(t, "POST", "tokens", map[string]any{"org": "org1", "orgwide": true}, &out) {
				case http.StatusCreated:
					mu.Lock()
					tokens = append(tokens, out.Token)
					mu.Unlock()
				case http.StatusUnprocessableEntity: // the organisation is gone here
					return
				}
				e.api(t, "POST", "apikeys", map[string]any{"role": "admin", "orgs": []string{"org1"}}, nil)
			}
		})
	}
	harness.Wait(t, "some tokens", func() bool { return made() > 10 })
	if status := here.api(t, "DELETE", "orgs/org1?force=true", nil, nil); status != http.StatusNoContent {
		t.Errorf("status %d", status)
	}
	close(stop)
	done.Wait()
	var keys struct {
		APIKeys []struct{ Orgs []string } `json:"apikeys"`
	}
	if there.api(t, "GET", "apikeys", nil, &keys); len(keys.APIKeys) != 0 {
		t.Errorf("%d API keys are left", len(keys.APIKeys))
	}
	f.within(t, convergesWithin, "all tokens refused", func(e *edge) bool {
		for _, token := range tokens {
			if e.status("/live/org1/cam/index.m3u8?token="+token) == http.StatusOK {
				return false
			}
		}
		return true
	})
	t.Logf("%d tokens were made", len(tokens))
}
