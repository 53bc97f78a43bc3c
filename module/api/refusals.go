package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/playgate/playgate/module/internal/registry"
)

// Refusal is a request that a gate has refused, on any node that answers.
type Refusal struct {
	ID      string    `json:"id" doc:"As the viewer saw it."`
	At      time.Time `json:"at"`
	Reason  string    `json:"reason"`
	Title   string    `json:"title" doc:"The reason in words."`
	Status  int       `json:"status"`
	Org     string    `json:"org,omitempty" doc:"Whose stream was asked for; left out where that is not known."`
	Stream  string    `json:"stream,omitempty"`
	TokenID string    `json:"token_id,omitempty" doc:"Of the caller's own tokens; left out when the signature did not hold."`
}

func (s *server) refusals() {
	route(s, toRead, huma.Operation{
		OperationID: "get-refusal", Method: http.MethodGet, Path: "/api/v1/refusals/{id}", Tags: []string{"refusals"},
		Summary: "Says why a request was refused", Description: "By the id on the viewer's screen. The last 8,192 refusals of each node are known; the access log knows all.",
	}, func(_ context.Context, c *call, in *struct {
		ID string `path:"id" doc:"The id of the refusal."`
	},
	) (*struct{ Body Refusal }, error) {
		r, ok := c.app.Peers().Refusal(in.ID)
		if !ok || !c.owns(r.Org) {
			return nil, registry.ErrNotFound
		}
		d := Refusal{ID: r.ID, At: r.At.UTC(), Reason: string(r.Reason), Title: r.Reason.Title(), Status: r.Reason.Status(), Org: r.Org, Stream: r.Stream}
		if c.owns(r.TokenOrg) {
			d.TokenID = r.TokenID
		}
		return &struct{ Body Refusal }{d}, nil
	})
}
