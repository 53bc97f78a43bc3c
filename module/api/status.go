package api

import (
	"context"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/danielgtaylor/huma/v2"

	"github.com/playgate/playgate/module/api/types"
	"github.com/playgate/playgate/module/internal/registry"
)

// GetStatus says how this instance is.
var GetStatus = operation(toLook, huma.Operation{
	OperationID: "get-status", Method: http.MethodGet, Path: "/api/v1/status", Tags: []string{"status"}, Summary: "Says how this instance is",
}, getStatus)

func getStatus(_ context.Context, c *call, _ *types.Nothing) (*types.Status, error) {
	version, _ := caddy.Version()
	d := types.Status{Instance: c.app.Edge().Instance(), Version: version, Store: describeStore(c), BrokenGlass: make([]string, 0)}
	for _, org := range c.orgs() {
		d.Organisations++
		if o, err := c.registry.Orgs.Get(org); err == nil && o.Broken(c.now) && !c.app.Orgs[org].GlassForbidden() {
			d.BrokenGlass = append(d.BrokenGlass, org)
		}
	}
	for _, t := range c.registry.Streams.List("") {
		if c.owns(t.Org) {
			d.Streams++
		}
	}
	if c.Orgs == nil {
		for _, n := range c.app.Peers().Nodes() {
			d.Nodes = append(d.Nodes, types.Node{
				Name: n.Name, Version: n.Version, Ready: n.Ready, Staleness: n.Stale.Seconds(), Position: n.Position, Viewers: n.Viewers, Revoked: n.Revoked,
			})
		}
	}
	return &d, nil
}

// describeStore says how the store is, as far as the caller may know.
func describeStore(c *call) types.StoreStatus {
	d := types.StoreStatus{Driver: c.app.Store.Driver, Writable: true}
	if d.Driver == "" {
		d.Driver = "embedded"
	}
	if err := c.registry.Writable(); err != nil {
		d.Writable, d.Error = false, registry.ErrUnavailable.Error()
		if c.Orgs == nil {
			d.Error = err.Error() // it may tell of this machine
		}
	}
	if seen := c.registry.Seen(); !seen.IsZero() {
		age := max(int64(c.now.Sub(seen).Seconds()), 0)
		d.Staleness = &age
	}
	return d
}
