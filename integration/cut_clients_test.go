package integration_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/playgate/playgate/integration/harness"
)

// A cut body never looks complete to curl, whatever the version of HTTP and
// whether or not the origin said how long it would be.
func TestCutSeenByCurl(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{playgate: "leeway 0s"}, new(endless))
	const (
		receiveError = 56 // of curl's exit statuses
		http2Stream  = 92
	)
	for _, version := range []struct {
		name, base string
		args       []string
		code       int
	}{
		{"HTTP/1.0", g.Plain(), []string{"--http1.0"}, receiveError},
		{"HTTP/1.1", g.Plain(), []string{"--http1.1"}, receiveError},
		{"TLS HTTP/1.1", g.Secure(), []string{"--http1.1"}, receiveError},
		{"HTTP/2", g.Secure(), []string{"--http2"}, http2Stream},
	} {
		expires := time.Now().Add(3 * time.Second).Truncate(time.Second)
		token := g.key.Token(t, "--org", "org1", "--stream", "cam", "--expires", expires.UTC().Format(time.RFC3339))
		var all sync.WaitGroup
		for _, path := range []string{"push", "sized", "stall"} {
			all.Go(func() {
				got := harness.Curl(t, version.base+"/live/org1/cam/"+path+"?token="+token, append(version.args, "--output", "/dev/null")...)
				late := time.Since(expires)
				if got.Status != http.StatusOK || got.Code != version.code {
					t.Errorf("%s, %s: status %d, exit status %d instead of %d", version.name, path, got.Status, got.Code, version.code)
				}
				if late < 0 || late > cutWithin {
					t.Errorf("%s, %s: ended %v after expiry", version.name, path, late)
				}
			})
		}
		all.Wait()
	}
}
