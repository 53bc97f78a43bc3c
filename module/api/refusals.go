package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/playgate/playgate/module/api/types"
	"github.com/playgate/playgate/module/internal/registry"
)

func (s *server) refusals() {
	route(s, toRead, huma.Operation{
		OperationID: "get-refusal", Method: http.MethodGet, Path: "/api/v1/refusals/{id}", Tags: []string{"refusals"},
		Summary: "Says why a request was refused", Description: "By the id on the viewer's screen. The last 8,192 refusals of each node are known; the access log knows all.",
	}, func(_ context.Context, c *call, in *struct {
		ID string `path:"id" doc:"The id of the refusal."`
	},
	) (*struct{ Body types.Refusal }, error) {
		r, ok := c.app.RefusalOf(in.ID)
		if !ok || !c.owns(r.Org) {
			return nil, registry.ErrNotFound
		}
		d := types.Refusal{ID: r.ID, At: r.At.UTC(), Reason: string(r.Reason), Title: r.Reason.Title(), Status: r.Reason.Status(), Org: r.Org, Stream: r.Stream}
		if c.owns(r.TokenOrg) {
			d.TokenID = r.TokenID
		}
		return &struct{ Body types.Refusal }{d}, nil
	})
}
