// Command playgate is Caddy with the gate in it.
package main

import (
	"os"
	"runtime/debug"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard" // Caddy's own modules

	_ "github.com/playgate/playgate/module"      // the gate
	_ "github.com/playgate/playgate/module/demo" // playgate demo, which is not in xcaddy builds
)

// gcPercent is how much the heap may grow, in percent of what lives, before it is
// collected. A proxy's heap is small and its garbage plenty: with Go's 100 it spends
// a tenth of its time on collecting (docs/performance.md). Caddy sets a memory limit,
// under which it is collected more often, whatever this says.
const gcPercent = 400

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	caddy.CustomBinaryName = "playgate"
	caddycmd.Main()
}
