package api

import (
	"context"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/playgate/playgate/module/api/types"
	"github.com/playgate/playgate/module/internal/registry"
)

// ListEvents lists who changed what, the newest first.
var ListEvents = operation(toAdminister, huma.Operation{
	OperationID: "list-events", Method: http.MethodGet, Path: "/api/v1/audit", Tags: []string{"audit"}, Summary: "Lists who changed what, the newest first",
}, listEvents)

func listEvents(ctx context.Context, c *call, in *types.ListEvents) (*types.Events, error) {
	orgs := c.Orgs
	if in.Org != "" {
		if err := c.orgOrLeft(ctx, in.Org); err != nil {
			return nil, err
		}
		orgs = []string{in.Org}
	} else if orgs == nil {
		orgs = []string{""} // all of them, and what concerns all
	}
	var list []*registry.Event
	for _, org := range orgs {
		events, err := c.registry.Audit.Events(ctx, org, in.Limit)
		if err != nil {
			return nil, err
		}
		list = append(list, slices.DeleteFunc(events, func(e *registry.Event) bool { return c.hides(e.Org, e.Time) })...)
	}
	slices.SortStableFunc(list, func(a, b *registry.Event) int { return b.Time.Compare(a.Time) })
	out := types.Events{Events: make([]types.Event, 0)}
	for _, e := range list[:min(in.Limit, len(list))] {
		detail := e.Detail
		if detail == nil {
			detail = map[string]string{}
		}
		out.Events = append(out.Events, types.Event{Time: e.Time.UTC(), By: e.By, Org: e.Org, What: e.What, Detail: detail})
	}
	return &out, nil
}
