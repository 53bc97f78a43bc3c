package integration_test

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// With nothing but bad requests under way, no sequence of reloads, good and bad
// ones, lets a single one of them through.
func TestReloadNeverOpens(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{}, nil)
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	targets := []string{
		"/live/org1/cam/seg.ts", "/live/org1/other/seg.ts?token=" + token, target(harness.BreakSignature(token)), "/elsewhere?token=" + token,
	}
	stop := make(chan struct{})
	var sent atomic.Int64
	var workers sync.WaitGroup
	for worker := range 4 {
		workers.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			for i := worker; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				response, err := client.Get(g.Plain() + targets[i%len(targets)])
				if err != nil {
					continue // a connection may be closed by a reload
				}
				response.Body.Close()
				sent.Add(1)
				if response.StatusCode < 400 {
					t.Errorf("%s: status %d", targets[i%len(targets)], response.StatusCode)
				}
			}
		})
	}
	for _, gate := range []string{"errors verbose", "no such option", "keys main", "keys other", "propagate off", ""} {
		before := sent.Load()
		g.Reload(setup{gate: gate}.caddyfile())
		harness.Wait(t, "requests after a reload", func() bool { return sent.Load() > before+20 })
	}
	close(stop)
	workers.Wait()
	g.origin.SawNothing(t, 0)
	g.allowed(t, g.get(t, target(token)))
}
