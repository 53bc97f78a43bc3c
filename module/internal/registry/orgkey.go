package registry

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/playgate/playgate/module/token"
)

// OrgKey is the public key of a customer who signs tokens himself. It may speak
// for one organisation alone.
type OrgKey struct {
	Header

	ID        string         `json:"id"`
	Org       string         `json:"org"`
	Algorithm string         `json:"alg"`
	State     token.State    `json:"state"`
	JWK       jsontext.Value `json:"jwk"`

	Created time.Time `json:"created"`
	By      string    `json:"by,omitempty"`

	Revision uint64 `json:"-"`
}

const orgKeyPrefix = "orgkey"

func orgKeyKey(org, id string) string { return orgKeyPrefix + "." + org + "." + name(id) }

// OrgKeys are the keys of customers in a registry.
type OrgKeys struct{ *records }

// Add adds the public key of an organisation, or returns ErrExists. A key
// that Playgate made, or that the configuration has, wins over one of the same id.
func (r *OrgKeys) Add(ctx context.Context, org string, key *token.Key, by string) (*OrgKey, error) {
	if err := r.replica.Writable(); err != nil {
		return nil, err
	}
	public, err := key.MarshalJWK(true)
	if err != nil {
		return nil, err
	}
	k := &OrgKey{
		ID: key.ID, Org: org, Algorithm: key.Algorithm, State: token.Verify, JWK: public,
		Created: r.now().UTC().Truncate(time.Millisecond), By: by,
	}
	k.Revision, err = r.create(ctx, r.edge, orgKeyKey(org, key.ID), k, func() {
		r.audit.add(ctx, by, org, "key.add", map[string]string{"id": key.ID, "alg": key.Algorithm})
	})
	return k, err
}

// Retire makes a customer's key verify nothing any more.
func (r *OrgKeys) Retire(ctx context.Context, org, id, by string) error {
	k := new(OrgKey)
	return r.update(ctx, r.edge, orgKeyKey(org, id), k, func() error {
		k.State = token.Retired
		return nil
	}, func() { r.audit.add(ctx, by, org, "key.retire", map[string]string{"id": id}) })
}

// Delete forgets a customer's key.
func (r *OrgKeys) Delete(ctx context.Context, org, id, by string) error {
	return r.remove(ctx, r.edge, orgKeyKey(org, id), func() { r.audit.add(ctx, by, org, "key.delete", map[string]string{"id": id}) })
}

// List lists them, by organisation and id.
func (r *OrgKeys) List() []*OrgKey {
	var list []*OrgKey
	for _, e := range r.view.All() {
		if strings.HasPrefix(e.Key, orgKeyPrefix+".") {
			if k := new(OrgKey); decode(e.Value, k) == nil {
				k.Revision = e.Revision
				list = append(list, k)
			}
		}
	}
	slices.SortFunc(list, func(a, b *OrgKey) int { return strings.Compare(a.Org+"."+a.ID, b.Org+"."+b.ID) })
	return list
}
