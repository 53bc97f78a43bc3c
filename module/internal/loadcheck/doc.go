// Package loadcheck refuses configurations of a server in which a gate would stand open,
// its tokens would be written into logs, or a cache would keep nothing or give answers to
// those whom a rule behind it refuses. It judges what Caddy has loaded, so that Caddyfile
// and JSON are one to it.
package loadcheck

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Server is the server that is being loaded, nil outside of one.
func Server(ctx caddy.Context) *caddyhttp.Server {
	server, _ := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	return server
}

// Gate checks the server of a gate that is being provisioned. errorsPass means that
// the gate hands refusals on, which Caddy then writes into its error log.
func Gate(ctx caddy.Context, errorsPass bool) error {
	server := Server(ctx)
	if server == nil {
		return nil
	}
	gates, err := findGates(server)
	if err != nil {
		return err
	}
	return gates.checkLogs(ctx, errorsPass)
}
