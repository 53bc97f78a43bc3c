package api

import (
	"context"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/danielgtaylor/huma/v2"

	"github.com/playgate/playgate/module/internal/registry"
)

// Status is how this instance is.
type Status struct {
	Instance      string      `json:"instance" doc:"The host's name, and the id of its Caddy."`
	Version       string      `json:"version"`
	Store         StoreStatus `json:"store"`
	Organisations int         `json:"organisations" doc:"How many; the caller's own, as below."`
	Streams       int         `json:"streams"`
	BrokenGlass   []string    `json:"broken_glass" doc:"The organisations that need no token now, because the glass is broken."`
	Nodes         []Node      `json:"nodes,omitempty" doc:"All nodes that could be asked, this one among them. Only for keys that are for all organisations."`
}

// Node is how one of many nodes is.
type Node struct {
	Name      string  `json:"name"`
	Version   string  `json:"version"`
	Ready     bool    `json:"ready" doc:"What /readyz says there."`
	Staleness float64 `json:"staleness_seconds" doc:"How old what it knows of the store is."`
	Position  uint64  `json:"position" doc:"The last change of the store that it knows. All nodes should say about the same."`
	Viewers   int     `json:"viewers" doc:"Who watches through it."`
	Revoked   int     `json:"revocations" doc:"How many revocations it knows. All nodes should say about the same."`
}

// StoreStatus is how the registry's store is.
type StoreStatus struct {
	Driver    string `json:"driver" enum:"embedded,nats"`
	Writable  bool   `json:"writable"`
	Error     string `json:"error,omitempty" doc:"Why nothing can be changed."`
	Staleness *int64 `json:"staleness_seconds,omitempty" doc:"How old what is known of the store is; left out where nothing is."`
}

func (s *server) status() {
	route(s, toLook, huma.Operation{
		OperationID: "get-status", Method: http.MethodGet, Path: "/api/v1/status", Tags: []string{"status"}, Summary: "Says how this instance is",
	}, func(_ context.Context, c *call, _ *struct{}) (*struct{ Body Status }, error) {
		version, _ := caddy.Version()
		d := Status{Instance: s.instance(), Version: version, Store: c.store(), BrokenGlass: make([]string, 0)}
		for _, org := range c.orgs() {
			d.Organisations++
			if o, err := c.registry.Orgs.Get(org); err == nil && o.Broken(c.now) {
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
				d.Nodes = append(d.Nodes, Node{n.Name, n.Version, n.Ready, n.Stale.Seconds(), n.Position, n.Viewers, n.Revoked})
			}
		}
		return &struct{ Body Status }{d}, nil
	})
}

func (c *call) store() StoreStatus {
	d := StoreStatus{Driver: c.app.Store.Driver, Writable: true}
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
