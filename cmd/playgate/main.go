// Command playgate is Caddy with the gate in it.
package main

import (
	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard" // Caddy's own modules

	_ "github.com/playgate/playgate/module"      // the gate
	_ "github.com/playgate/playgate/module/demo" // playgate demo, which is not in xcaddy builds
)

func main() {
	tuneCollector()
	caddy.CustomBinaryName = "playgate"
	caddycmd.Main()
}
