package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/playgate/playgate/module/internal/cluster"
	"github.com/playgate/playgate/module/token"
)

// NewPurge is what caches are to forget.
type NewPurge struct {
	Org    string `json:"org,omitempty" doc:"All that is cached of this organisation."`
	Stream string `json:"stream,omitempty" doc:"Of this stream of the organisation only."`
	URL    string `json:"url,omitempty" doc:"What is cached of this URL, instead of org and stream; without a query: whatever the query was. A token in it makes no difference."`
}

// Purged is what became of a purge.
type Purged struct {
	Objects int `json:"objects" doc:"How many answers were forgotten, those that were on their way included."`
	Nodes   int `json:"nodes" doc:"On how many nodes: all that could be reached, this one among them."`
}

func (s *server) purges() {
	route(s, toPurge, huma.Operation{
		OperationID: "purge", Method: http.MethodPost, Path: "/api/v1/purges", DefaultStatus: http.StatusOK, Tags: []string{"cache"},
		Summary: "Makes the caches of all nodes forget what they have", Description: "Who already gets an answer gets all of it; who comes later gets a new one from the origin.",
	}, func(_ context.Context, c *call, in *struct{ Body NewPurge }) (*struct{ Body Purged }, error) {
		what, err := c.purging(&in.Body)
		if err != nil {
			return nil, err
		}
		var done Purged
		done.Objects, done.Nodes = c.app.Peers().Purge(what)
		return &struct{ Body Purged }{done}, nil
	})
}

// purging is what is to be forgotten, of the caller's own.
func (c *call) purging(in *NewPurge) (what *cluster.Purging, err error) {
	switch {
	case in.URL != "" && (in.Org != "" || in.Stream != ""):
		return nil, mistake("body.url", "write the URL alone, or org and stream without it")
	case in.URL != "":
		if what, err = cluster.AtURL(in.URL); err != nil {
			return nil, mistake("body.url", err.Error())
		}
	case in.Org == "":
		return nil, mistake("body.org", "say what to forget: an org, a stream of an org, or a url")
	case !token.ValidOrg(in.Org), !c.owns(in.Org):
		return nil, mistake("body.org", "no organisation by this hash")
	default:
		what = &cluster.Purging{Org: in.Org, Stream: in.Stream}
	}
	what.All, what.Owners = c.Orgs == nil, c.Orgs
	return what, nil
}
