package registry

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/playgate/playgate/module/token"
)

// Role is what an API key may do.
type Role string

// Roles, each with the rights of those before it.
const (
	Read  Role = "read"  // look
	Issue Role = "issue" // make tokens
	Admin Role = "admin" // change streams and the organisation, make API keys
)

// Roles lists them in ascending order.
var Roles = []Role{Read, Issue, Admin}

// Allows reports whether a role has the rights of another one.
func (r Role) Allows(other Role) bool {
	mine, wanted := slices.Index(Roles, r), slices.Index(Roles, other)
	return mine >= 0 && wanted >= 0 && mine >= wanted
}

// APIKey is a key for programs. The key itself is shown once.
type APIKey struct {
	Header

	ID   string   `json:"id"`
	Name string   `json:"name,omitempty"`
	Role Role     `json:"role"`
	Orgs []string `json:"orgs,omitempty"` // empty: all
	Hash []byte   `json:"hash"`           // SHA-256 of the secret, which is random enough for it

	Created time.Time `json:"created"`
	By      string    `json:"by,omitempty"`
	Expires time.Time `json:"expires,omitzero"` // zero: never

	Revision uint64 `json:"-"`
}

// apiKeyMark begins every API key, so that people and scanners know one.
const apiKeyMark = "pgk_"

const apiKeyPrefix = "apikey"

// APIKeys are the API keys of a registry.
type APIKeys struct{ *records }

// Create makes an API key and returns it, which nothing else will.
func (r *APIKeys) Create(ctx context.Context, k *APIKey, by string) (secret string, err error) {
	if err := r.replica.Writable(); err != nil {
		return "", err
	}
	k.ID = token.NewID(12)
	secret = token.NewID(32)
	sum := sha256.Sum256([]byte(secret))
	k.Hash = sum[:]
	k.Created, k.By = r.now().UTC().Truncate(time.Millisecond), by
	note := func() {
		r.audit.addForEach(ctx, by, k.Orgs, "apikey.create", map[string]string{"id": k.ID, "role": string(k.Role)})
	}
	if k.Revision, err = r.create(ctx, r.issuing, apiKeyPrefix+"."+k.ID, k, note); err != nil {
		return "", err
	}
	return apiKeyMark + k.ID + "_" + secret, nil
}

// ErrNoAPIKey: no API key, or not one that is known and valid.
var ErrNoAPIKey = errors.New("the API key is not known here, has expired, or was deleted")

// Authenticate finds the API key by its text.
func (r *APIKeys) Authenticate(ctx context.Context, text string) (*APIKey, error) {
	x, err := r.index.get(ctx)
	if err != nil {
		return nil, err
	}
	rest, ok := strings.CutPrefix(text, apiKeyMark)
	id, secret, found := strings.Cut(rest, "_")
	if !ok || !found {
		return nil, ErrNoAPIKey
	}
	k := x.apiKey(id)
	var hash []byte
	if k != nil {
		hash = k.Hash
	}
	sum := sha256.Sum256([]byte(secret))
	if subtle.ConstantTimeCompare(sum[:], hash) != 1 || !k.Expires.IsZero() && !r.now().Before(k.Expires) {
		return nil, ErrNoAPIKey
	}
	return k, nil
}

// List lists the API keys, oldest first.
func (r *APIKeys) List(ctx context.Context) ([]*APIKey, error) {
	x, err := r.index.get(ctx)
	if err != nil {
		return nil, err
	}
	list := x.allAPIKeys()
	slices.SortFunc(list, func(a, b *APIKey) int {
		if c := a.Created.Compare(b.Created); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return list, nil
}

// Delete ends an API key at once.
func (r *APIKeys) Delete(ctx context.Context, k *APIKey, by string) error {
	return r.remove(ctx, r.issuing, apiKeyPrefix+"."+k.ID, func() {
		r.audit.addForEach(ctx, by, k.Orgs, "apikey.delete", map[string]string{"id": k.ID})
	})
}

// LeaveOrg takes an organisation out of those of an API key. One that has no other ends.
func (r *APIKeys) LeaveOrg(ctx context.Context, k *APIKey, org, by string) error {
	if len(k.Orgs) == 1 && k.Orgs[0] == org {
		return r.Delete(ctx, k, by)
	}
	changed := new(APIKey)
	return r.update(ctx, r.issuing, apiKeyPrefix+"."+k.ID, changed, func() error {
		changed.Orgs = slices.DeleteFunc(changed.Orgs, func(o string) bool { return o == org })
		if len(changed.Orgs) == 0 { // which would be all
			return ErrConflict
		}
		return nil
	}, func() { r.audit.add(ctx, by, org, "apikey.leave", map[string]string{"id": k.ID}) })
}
