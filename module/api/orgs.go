package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/danielgtaylor/huma/v2"

	"github.com/playgate/playgate/module/internal/registry"
	"github.com/playgate/playgate/module/token"
)

// Org is an organisation, as it is told.
type Org struct {
	Org        string     `json:"org" doc:"The organisation hash."`
	Name       string     `json:"name,omitempty" doc:"For people."`
	Secure     string     `json:"secure" enum:"on,off,unset" doc:"What is said of it; unset means on."`
	Source     string     `json:"source" enum:"registry,configuration" doc:"Who says it. What the configuration says is changed there."`
	BreakGlass *Glass     `json:"break_glass,omitempty" doc:"While it lasts, its streams need no token, whatever else is said."`
	NeedsToken bool       `json:"needs_token" doc:"Whether its streams need a token now, all words taken together."`
	Created    *time.Time `json:"created,omitempty"`
	By         string     `json:"by,omitempty" doc:"Who made it."`
}

// Glass is a break-glass that lasts.
type Glass struct {
	Until  time.Time `json:"until"`
	Since  time.Time `json:"since"`
	Reason string    `json:"reason"`
	By     string    `json:"by,omitempty"`
}

// Orgs is a list of them.
type Orgs struct {
	Orgs []Org `json:"orgs"`
}

// NewOrg is an organisation to be made.
type NewOrg struct {
	Org    string `json:"org" doc:"1 to 64 of letters, digits and underscore."`
	Name   string `json:"name,omitempty" doc:"For people; at most 128 characters."`
	Secure string `json:"secure,omitempty" enum:"on,off" doc:"Whether its streams need a token. Default: unset, which means on."`
}

// OrgChange is what is to change; what is left out stays.
type OrgChange struct {
	Name   *string `json:"name,omitempty" nullable:"false"`
	Secure *string `json:"secure,omitempty" nullable:"false" enum:"on,off,unset"`
}

// NewGlass is a glass to be broken.
type NewGlass struct {
	For    string `json:"for" doc:"How long, like 30m or 2h; at most 24h." example:"2h"`
	Reason string `json:"reason" doc:"Why; at most 128 characters. It is logged and kept in the audit trail."`
}

// OrgPath is the organisation in a path.
type OrgPath struct {
	Org string `path:"org" doc:"The organisation hash."`
}

type (
	oneOrg  struct{ Body Org }
	manyOrg struct{ Body Orgs }
)

func (s *server) orgs() {
	tags := []string{"organisations"}
	route(s, toRead, huma.Operation{
		OperationID: "list-orgs", Method: http.MethodGet, Path: "/api/v1/orgs", Tags: tags, Summary: "Lists the organisations",
	}, func(_ context.Context, c *call, _ *struct{}) (*manyOrg, error) {
		orgs := c.orgs()
		list := make([]Org, 0, len(orgs))
		for _, org := range orgs {
			list = append(list, c.describeOrg(org))
		}
		return &manyOrg{Orgs{list}}, nil
	})
	route(s, toAdministerAll, huma.Operation{
		OperationID: "create-org", Method: http.MethodPost, Path: "/api/v1/orgs", DefaultStatus: http.StatusCreated, Tags: tags, Summary: "Makes an organisation",
	}, createOrg)
	route(s, toRead, huma.Operation{
		OperationID: "get-org", Method: http.MethodGet, Path: "/api/v1/orgs/{org}", Tags: tags, Summary: "Shows an organisation",
	}, func(_ context.Context, c *call, in *OrgPath) (*oneOrg, error) {
		if err := c.org(in.Org); err != nil {
			return nil, err
		}
		return &oneOrg{c.describeOrg(in.Org)}, nil
	})
	route(s, toAdminister, huma.Operation{
		OperationID: "change-org", Method: http.MethodPatch, Path: "/api/v1/orgs/{org}", Tags: tags, Summary: "Changes an organisation",
	}, changeOrg)
	route(s, toAdministerAll, huma.Operation{
		OperationID: "delete-org", Method: http.MethodDelete, Path: "/api/v1/orgs/{org}", DefaultStatus: http.StatusNoContent, Tags: tags, Summary: "Deletes an organisation without streams",
	}, deleteOrg)
	route(s, toAdminister, huma.Operation{
		OperationID: "break-glass", Method: http.MethodPost, Path: "/api/v1/orgs/{org}/break-glass", DefaultStatus: http.StatusOK, Tags: tags,
		Summary: "Lets everybody in for a while", Description: "For an emergency: until it ends, the organisation's streams need no token, whatever anything else says.",
	}, breakGlass)
	route(s, toAdminister, huma.Operation{
		OperationID: "mend-glass", Method: http.MethodDelete, Path: "/api/v1/orgs/{org}/break-glass", DefaultStatus: http.StatusOK, Tags: tags, Summary: "Ends a break-glass",
	}, mendGlass)
}

// describeOrg puts together what the registry and the configuration say. The
// configuration wins.
func (c *call) describeOrg(org string) Org {
	d := Org{Org: org, Source: "registry", Secure: "unset", NeedsToken: !c.app.Public(org, "", c.now)}
	if o, err := c.registry.Orgs.Get(org); err == nil {
		d.Name, d.By = o.Name, o.By
		d.Created = moment(o.Created)
		if o.Secure != "" {
			d.Secure = o.Secure
		}
		if o.Broken(c.now) {
			d.BreakGlass = &Glass{Until: o.Glass.Until, Since: o.Glass.Since, Reason: o.Glass.Reason, By: o.Glass.By}
		}
	}
	said, configured := c.app.Orgs[org]
	if configured {
		d.Source = "configuration"
	}
	if said != nil && said.Name != "" {
		d.Name = said.Name
	}
	if said != nil && said.Secure != nil {
		if d.Secure = "off"; *said.Secure {
			d.Secure = "on"
		}
	}
	return d
}

// moment is a time as it is told, nil for none.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// checkText is the mistake of a text for people, or nil.
func checkText(location, text string) error {
	if !token.ValidText(text) {
		return mistake(location, "at most 128 characters, none of them a control character")
	}
	return nil
}

func createOrg(ctx context.Context, c *call, in *struct{ Body NewOrg }) (*oneOrg, error) {
	if !token.ValidOrg(in.Body.Org) {
		return nil, mistake("body.org", "write an organisation hash: 1 to 64 of letters, digits and underscore")
	}
	if err := checkText("body.name", in.Body.Name); err != nil {
		return nil, err
	}
	if _, ok := c.app.Orgs[in.Body.Org]; ok {
		return nil, saidElsewhere("body.org")
	}
	if err := c.registry.Orgs.Create(ctx, &registry.Org{Hash: in.Body.Org, Name: in.Body.Name, Secure: in.Body.Secure}, c.Name); err != nil {
		return nil, err
	}
	return &oneOrg{c.describeOrg(in.Body.Org)}, nil
}

func changeOrg(ctx context.Context, c *call, in *struct {
	OrgPath
	Body OrgChange
},
) (*oneOrg, error) {
	if err := c.org(in.Org); err != nil {
		return nil, err
	}
	said, change := c.app.Orgs[in.Org], in.Body
	detail := make(map[string]string)
	if change.Name != nil {
		if said != nil && said.Name != "" {
			return nil, saidElsewhere("body.name")
		}
		if err := checkText("body.name", *change.Name); err != nil {
			return nil, err
		}
		detail["name"] = *change.Name
	}
	if change.Secure != nil {
		if said != nil && said.Secure != nil {
			return nil, saidElsewhere("body.secure")
		}
		detail["secure"] = *change.Secure
	}
	if len(detail) == 0 {
		return nil, mistake("body", "say what is to change: name, secure or both")
	}
	return c.changeOrg(ctx, in.Org, "org.change", detail, func(o *registry.Org) error {
		if change.Name != nil {
			o.Name = *change.Name
		}
		if change.Secure != nil {
			if o.Secure = *change.Secure; o.Secure == "unset" {
				o.Secure = ""
			}
		}
		return nil
	})
}

// changeOrg changes the record of an organisation. One that only the
// configuration knows gets a record first.
func (c *call) changeOrg(ctx context.Context, org, what string, detail map[string]string, change func(*registry.Org) error) (*oneOrg, error) {
	if _, err := c.registry.Orgs.Get(org); errors.Is(err, registry.ErrNotFound) {
		if err := c.registry.Orgs.Create(ctx, &registry.Org{Hash: org}, c.Name); err != nil && !errors.Is(err, registry.ErrExists) {
			return nil, err
		}
	}
	if _, err := c.registry.Orgs.Change(ctx, org, c.Name, what, detail, change); err != nil {
		return nil, err
	}
	return &oneOrg{c.describeOrg(org)}, nil
}

func deleteOrg(ctx context.Context, c *call, in *OrgPath) (*nothing, error) {
	if err := c.org(in.Org); err != nil {
		return nil, err
	}
	if _, ok := c.app.Orgs[in.Org]; ok {
		return nil, saidElsewhere("path.org")
	}
	return nil, c.registry.Orgs.Delete(ctx, in.Org, c.Name)
}

func breakGlass(ctx context.Context, c *call, in *struct {
	OrgPath
	Body NewGlass
},
) (*oneOrg, error) {
	if err := c.org(in.Org); err != nil {
		return nil, err
	}
	d, err := caddy.ParseDuration(in.Body.For)
	if err != nil || d <= 0 || d > registry.MaxGlass {
		return nil, mistake("body.for", "write how long, like 30m or 2h; at most 24h")
	}
	if in.Body.Reason == "" {
		return nil, mistake("body.reason", "say why; it is kept in the audit trail")
	}
	if err := checkText("body.reason", in.Body.Reason); err != nil {
		return nil, err
	}
	since := c.now.UTC().Truncate(time.Second)
	glass := &registry.Glass{Since: since, Until: since.Add(d), Reason: in.Body.Reason, By: c.Name}
	detail := map[string]string{"until": glass.Until.Format(time.RFC3339), "reason": glass.Reason}
	return c.changeOrg(ctx, in.Org, "org.break_glass", detail, func(o *registry.Org) error {
		o.Glass = glass
		return nil
	})
}

func mendGlass(ctx context.Context, c *call, in *OrgPath) (*oneOrg, error) {
	if err := c.org(in.Org); err != nil {
		return nil, err
	}
	if o, _ := c.registry.Orgs.Get(in.Org); o == nil || o.Glass == nil {
		return &oneOrg{c.describeOrg(in.Org)}, nil
	}
	return c.changeOrg(ctx, in.Org, "org.mend_glass", nil, func(o *registry.Org) error {
		o.Glass = nil
		return nil
	})
}
