package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/playgate/playgate/module/api/types"
	"github.com/playgate/playgate/module/internal/registry"
)

// GetRefusal says why a request was refused, by the id on the viewer's screen.
var GetRefusal = operation(toRead, huma.Operation{
	OperationID: "get-refusal", Method: http.MethodGet, Path: "/api/v1/refusals/{id}", Tags: []string{"refusals"},
	Summary: "Says why a request was refused", Description: "By the id on the viewer's screen. The last 8,192 refusals of each node are known; the access log knows all.",
}, getRefusal)

func getRefusal(_ context.Context, c *call, in *types.RefusalPath) (*types.Refusal, error) {
	r, ok := c.app.Peers().Refusal(in.ID)
	if !ok || !c.owns(r.Org) {
		return nil, registry.ErrNotFound
	}
	d := types.Refusal{ID: r.ID, At: r.At.UTC(), Reason: string(r.Reason), Title: r.Reason.Title(), Status: r.Reason.Status(), Org: r.Org, Stream: r.Stream}
	if c.owns(r.TokenOrg) {
		d.TokenID = r.TokenID
	}
	return &d, nil
}
