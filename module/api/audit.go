package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/playgate/playgate/module/internal/registry"
)

// Event is an entry of the audit trail. The making of tokens is not in it,
// because each token's record says who made it.
type Event struct {
	Time   time.Time         `json:"time"`
	By     string            `json:"by,omitempty"`
	Org    string            `json:"org,omitempty" doc:"Left out for what concerns all."`
	What   string            `json:"what" example:"org.change"`
	Detail map[string]string `json:"detail"`
}

// Events is a list of them, the newest first.
type Events struct {
	Events []Event `json:"events"`
}

func (s *server) audit() {
	route(s, toAdminister, huma.Operation{
		OperationID: "list-events", Method: http.MethodGet, Path: "/api/v1/audit", Tags: []string{"audit"}, Summary: "Lists who changed what, the newest first",
	}, func(ctx context.Context, c *call, in *struct {
		Org   string `query:"org" doc:"Of this organisation only."`
		Limit int    `query:"limit" default:"100" minimum:"1" maximum:"500" doc:"How many at most."`
	},
	) (*struct{ Body Events }, error) {
		orgs := c.Orgs
		if in.Org != "" {
			if err := c.org(in.Org); err != nil {
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
			list = append(list, events...)
		}
		slices.SortStableFunc(list, func(a, b *registry.Event) int { return b.Time.Compare(a.Time) })
		out := Events{Events: make([]Event, 0)}
		for _, e := range list[:min(in.Limit, len(list))] {
			detail := e.Detail
			if detail == nil {
				detail = map[string]string{}
			}
			out.Events = append(out.Events, Event{e.Time.UTC(), e.By, e.Org, e.What, detail})
		}
		return &struct{ Body Events }{out}, nil
	})
}
