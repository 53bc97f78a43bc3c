package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/playgate/playgate/module/api/types"
	"github.com/playgate/playgate/module/internal/cluster"
	"github.com/playgate/playgate/module/token"
)

// Purge makes the caches of all nodes forget what they have.
var Purge = operation(toPurge, huma.Operation{
	OperationID: "purge", Method: http.MethodPost, Path: "/api/v1/purges", DefaultStatus: http.StatusOK, Tags: []string{"cache"},
	Summary: "Makes the caches of all nodes forget what they have", Description: "Who already gets an answer gets all of it; who comes later gets a new one from the origin.",
}, purge)

func purge(_ context.Context, c *call, in *types.Body[types.NewPurge]) (*types.Purged, error) {
	what, err := purging(c, &in.Body)
	if err != nil {
		return nil, err
	}
	var done types.Purged
	done.Objects, done.Nodes = c.app.Peers().Purge(what)
	return &done, nil
}

// purging is what is to be forgotten, of the caller's own.
func purging(c *call, in *types.NewPurge) (what *cluster.Purging, err error) {
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
