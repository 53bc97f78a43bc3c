package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/danielgtaylor/huma/v2"

	"github.com/playgate/playgate/module/api/types"
	"github.com/playgate/playgate/module/internal/registry"
	"github.com/playgate/playgate/module/token"
)

// ListOrgs lists the organisations that the caller sees, in the order of their hashes.
var ListOrgs = operation(toRead, huma.Operation{
	OperationID: "list-orgs", Method: http.MethodGet, Path: "/api/v1/orgs", Tags: []string{"organisations"}, Summary: "Lists the organisations",
}, listOrgs)

// CreateOrg makes an organisation.
var CreateOrg = operation(toAdministerAll, huma.Operation{
	OperationID: "create-org", Method: http.MethodPost, Path: "/api/v1/orgs", DefaultStatus: http.StatusCreated, Tags: []string{"organisations"}, Summary: "Makes an organisation",
}, createOrg)

// GetOrg shows an organisation.
var GetOrg = operation(toRead, huma.Operation{
	OperationID: "get-org", Method: http.MethodGet, Path: "/api/v1/orgs/{org}", Tags: []string{"organisations"}, Summary: "Shows an organisation",
}, getOrg)

// ChangeOrg changes the name or the switch of an organisation.
var ChangeOrg = operation(toAdminister, huma.Operation{
	OperationID: "change-org", Method: http.MethodPatch, Path: "/api/v1/orgs/{org}", Tags: []string{"organisations"}, Summary: "Changes an organisation",
}, changeOrg)

// DeleteOrg deletes an organisation, and ends its tokens, keys and API keys.
var DeleteOrg = operation(toAdministerAll, huma.Operation{
	OperationID: "delete-org", Method: http.MethodDelete, Path: "/api/v1/orgs/{org}", DefaultStatus: http.StatusNoContent, Tags: []string{"organisations"},
	Summary: "Deletes an organisation", Description: "Its tokens are refused from then on. One that has streams, tokens that play, keys or API keys is a conflict, unless force ends them all.",
}, deleteOrg)

// BreakGlass lets everybody in for a while.
var BreakGlass = operation(toAdminister, huma.Operation{
	OperationID: "break-glass", Method: http.MethodPost, Path: "/api/v1/orgs/{org}/break-glass", DefaultStatus: http.StatusOK, Tags: []string{"organisations"},
	Summary: "Lets everybody in for a while", Description: "For an emergency: until it ends, the organisation's streams need no token, whatever anything else says.",
}, breakGlass)

// MendGlass ends a break-glass.
var MendGlass = operation(toAdminister, huma.Operation{
	OperationID: "mend-glass", Method: http.MethodDelete, Path: "/api/v1/orgs/{org}/break-glass", DefaultStatus: http.StatusOK, Tags: []string{"organisations"}, Summary: "Ends a break-glass",
}, mendGlass)

func listOrgs(_ context.Context, c *call, _ *types.Nothing) (*types.Orgs, error) {
	orgs := c.orgs()
	list := make([]types.Org, 0, len(orgs))
	for _, org := range orgs {
		list = append(list, describeOrg(c, org))
	}
	return &types.Orgs{Orgs: list}, nil
}

func getOrg(_ context.Context, c *call, in *types.OrgPath) (*types.Org, error) {
	if err := c.org(in.Org); err != nil {
		return nil, err
	}
	return new(describeOrg(c, in.Org)), nil
}

// describeOrg puts together what the registry and the configuration say. The
// configuration wins.
func describeOrg(c *call, org string) types.Org {
	d := types.Org{Org: org, Source: "registry", Secure: "unset", NeedsToken: !c.app.Public(org, "", c.now)}
	if o, err := c.registry.Orgs.Get(org); err == nil {
		d.Name, d.By = o.Name, o.By
		d.Created = moment(o.Created)
		if o.Secure != "" {
			d.Secure = o.Secure
		}
		if o.Broken(c.now) && !c.app.Orgs[org].GlassForbidden() {
			d.BreakGlass = &types.Glass{Until: o.Glass.Until, Since: o.Glass.Since, Reason: o.Glass.Reason, By: o.Glass.By}
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

func createOrg(ctx context.Context, c *call, in *types.Body[types.NewOrg]) (*types.Org, error) {
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
	return new(describeOrg(c, in.Body.Org)), nil
}

func changeOrg(ctx context.Context, c *call, in *types.ChangeOrg) (*types.Org, error) {
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
	return changeRecord(ctx, c, in.Org, "org.change", detail, func(o *registry.Org) error {
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

// changeRecord changes the record of an organisation. One that only the
// configuration knows gets a record first.
func changeRecord(ctx context.Context, c *call, org, what string, detail map[string]string, change func(*registry.Org) error) (*types.Org, error) {
	if _, err := c.registry.Orgs.Get(org); errors.Is(err, registry.ErrNotFound) {
		if err := c.registry.Orgs.Create(ctx, &registry.Org{Hash: org}, c.Name); err != nil && !errors.Is(err, registry.ErrExists) {
			return nil, err
		}
	}
	if _, err := c.registry.Orgs.Change(ctx, org, c.Name, what, detail, change); err != nil {
		return nil, err
	}
	return new(describeOrg(c, org)), nil
}

func deleteOrg(ctx context.Context, c *call, in *types.DeleteOrg) (*types.Nothing, error) {
	if err := c.orgOrLeft(ctx, in.Org); err != nil {
		return nil, err
	}
	if _, ok := c.app.Orgs[in.Org]; ok {
		return nil, saidElsewhere("path.org")
	}
	return nil, c.registry.DeleteOrg(ctx, in.Org, in.Force, c.Name)
}

func breakGlass(ctx context.Context, c *call, in *types.BreakGlass) (*types.Org, error) {
	if err := c.org(in.Org); err != nil {
		return nil, err
	}
	if c.app.Orgs[in.Org].GlassForbidden() {
		return nil, Refuse(http.StatusConflict, "the configuration says break_glass off for this organisation; change it there")
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
	return changeRecord(ctx, c, in.Org, "org.break_glass", detail, func(o *registry.Org) error {
		o.Glass = glass
		return nil
	})
}

func mendGlass(ctx context.Context, c *call, in *types.OrgPath) (*types.Org, error) {
	if err := c.org(in.Org); err != nil {
		return nil, err
	}
	if o, _ := c.registry.Orgs.Get(in.Org); o == nil || o.Glass == nil {
		return new(describeOrg(c, in.Org)), nil
	}
	return changeRecord(ctx, c, in.Org, "org.mend_glass", nil, func(o *registry.Org) error {
		o.Glass = nil
		return nil
	})
}
