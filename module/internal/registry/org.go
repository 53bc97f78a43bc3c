package registry

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/playgate/playgate/module/token"
)

// Org is an organisation.
type Org struct {
	Header

	Hash string `json:"org"`
	Name string `json:"name,omitempty"`

	// Secure is "on" or "off", or empty, which says nothing and means on.
	Secure string `json:"secure,omitempty"`
	// Glass, when it is there and not past, lets everybody in.
	Glass *Glass `json:"break_glass,omitempty"`

	Created time.Time `json:"created"`
	By      string    `json:"by,omitempty"`

	Revision uint64 `json:"-"`
}

// Glass is a break-glass: for a while the streams of an organisation need no
// token, whatever anything else says. It ends by itself.
type Glass struct {
	Until  time.Time `json:"until"`
	Since  time.Time `json:"since"`
	Reason string    `json:"reason"`
	By     string    `json:"by,omitempty"`
}

// Broken reports whether the glass is broken at a time.
func (o *Org) Broken(now time.Time) bool { return o.Glass != nil && now.Before(o.Glass.Until) }

// MaxGlass is how long a break-glass may last.
const MaxGlass = 24 * time.Hour

const orgPrefix = "org"

func orgKey(org string) string { return orgPrefix + "." + org }

// Orgs are the organisations of a registry.
type Orgs struct{ *records }

// Create adds an organisation, or returns ErrExists.
func (r *Orgs) Create(ctx context.Context, o *Org, by string) error {
	if err := r.replica.Writable(); err != nil {
		return err
	}
	o.Created, o.By = r.now().UTC().Truncate(time.Millisecond), by
	revision, err := r.create(ctx, r.edge, orgKey(o.Hash), o, func() {
		r.audit.add(ctx, by, o.Hash, "org.create", map[string]string{"name": o.Name})
	})
	o.Revision = revision
	return err
}

// Change changes an organisation. What names the change in the audit trail.
func (r *Orgs) Change(ctx context.Context, hash, by, what string, detail map[string]string, change func(*Org) error) (*Org, error) {
	o := new(Org)
	err := r.update(ctx, r.edge, orgKey(hash), o, func() error { return change(o) }, func() { r.audit.add(ctx, by, hash, what, detail) })
	return o, err
}

// List lists the organisations in the order of their hashes.
func (r *Orgs) List() []*Org {
	list := r.view.directory.all()
	slices.SortFunc(list, func(a, b *Org) int { return strings.Compare(a.Hash, b.Hash) })
	return list
}

// Get returns an organisation, or ErrNotFound.
func (r *Orgs) Get(hash string) (*Org, error) {
	if !token.ValidOrg(hash) {
		return nil, ErrNotFound
	}
	if o := r.view.directory.org(hash); o != nil {
		return o, nil
	}
	return nil, ErrNotFound
}
