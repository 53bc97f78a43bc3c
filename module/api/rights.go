package api

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/playgate/playgate/module/app"
	"github.com/playgate/playgate/module/internal/registry"
	"github.com/playgate/playgate/module/token"
)

// need is what a route needs. The zero value lets nobody in.
type need struct {
	role registry.Role
	all  bool // for all organisations
	// blind routes answer even when the registry is not known yet.
	blind bool
	// storeless routes answer where there is no registry at all.
	storeless bool
}

var (
	toRead          = need{role: registry.Read}
	toLook          = need{role: registry.Read, blind: true}
	toIssue         = need{role: registry.Issue}
	toPurge         = need{role: registry.Issue, blind: true, storeless: true}
	toAdminister    = need{role: registry.Admin}
	toAdministerAll = need{role: registry.Admin, all: true}
)

// check refuses who has not the rights. It does so before anything is looked
// up, so that the answer is the same for what exists and what does not.
func (n need) check(p *Principal) error {
	switch {
	case !p.Role.Allows(n.role):
		return Refuse(http.StatusForbidden, "this needs the role "+string(n.role)+"; make an API key that has it (playgate apikey create)")
	case n.all && p.Orgs != nil:
		return Refuse(http.StatusForbidden, "this needs an admin of all organisations; make an API key without organisations (playgate apikey create)")
	}
	return nil
}

// call is one request: who asks, and whom.
type call struct {
	Principal
	app      *app.App
	registry *registry.Registry
	lists    *lists
	since    map[string]time.Time // from when on organisations are not of former ones; see hides
	now      time.Time
}

// owns reports whether an organisation is one of the caller's.
func (c *call) owns(org string) bool { return c.Orgs == nil || slices.Contains(c.Orgs, org) }

// ownsAll reports whether all of these organisations are the caller's; none
// stands for all there are.
func (c *call) ownsAll(orgs []string) bool {
	if len(orgs) == 0 {
		return c.Orgs == nil
	}
	return !slices.ContainsFunc(orgs, func(org string) bool { return !c.owns(org) })
}

// sees reports whether an organisation exists, as far as the caller may know.
func (c *call) sees(org string) bool {
	if !token.ValidOrg(org) || !c.owns(org) {
		return false
	}
	if _, ok := c.app.Orgs[org]; ok {
		return true
	}
	_, err := c.registry.Orgs.Get(org)
	return err == nil
}

// org is not found unless the caller sees it.
func (c *call) org(org string) error {
	if !c.sees(org) {
		return registry.ErrNotFound
	}
	return nil
}

// orgOrLeft is org that lets who administers all see what is left of an organisation that
// was deleted.
func (c *call) orgOrLeft(ctx context.Context, org string) error {
	if c.sees(org) || c.Orgs == nil && token.ValidOrg(org) && c.Role.Allows(registry.Admin) && c.registry.Left(ctx, org) {
		return nil
	}
	return registry.ErrNotFound
}

// hides reports whether something that was made at a time for an organisation is of one by the
// same hash that was deleted since. Who administers all sees it.
func (c *call) hides(org string, made time.Time) bool {
	if c.Orgs == nil {
		return false
	}
	since, known := c.since[org]
	if !known {
		if since = c.registry.Revocations.OrgDeleted(org); !since.IsZero() {
			// What the deletion did is the former one's too.
			if o, err := c.registry.Orgs.Get(org); err == nil && o.Created.After(since) {
				since = o.Created
			}
		}
		if c.since == nil {
			c.since = make(map[string]time.Time)
		}
		c.since[org] = since
	}
	return !since.IsZero() && !made.After(since)
}

// orgInBody is a mistake in the body unless the caller sees the organisation.
func (c *call) orgInBody(location, org string) error {
	if !c.sees(org) {
		return mistake(location, "no organisation by this hash; make it first: playgate org create")
	}
	return nil
}

// orgs are the organisations that the caller sees, in order.
func (c *call) orgs() []string {
	list := slices.Collect(maps.Keys(c.app.Orgs))
	for _, o := range c.registry.Orgs.List() {
		list = append(list, o.Hash)
	}
	slices.Sort(list)
	return slices.DeleteFunc(slices.Compact(list), func(org string) bool { return !c.owns(org) })
}

// own narrows organisations to the caller's; nil stands for all.
func (c *call) own(orgs []string) []string {
	return slices.DeleteFunc(slices.Clone(orgs), func(org string) bool { return !c.owns(org) })
}
