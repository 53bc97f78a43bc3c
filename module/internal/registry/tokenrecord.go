package registry

import (
	"context"
	"time"

	"github.com/playgate/playgate/module/token/sessiontoken"
)

// Token is what is kept of a token: everything but the token.
type Token struct {
	Header

	ID      string   `json:"id"`
	Org     string   `json:"org"`
	Streams []string `json:"streams,omitempty"`
	OrgWide bool     `json:"orgwide,omitempty"`

	IPs      []string `json:"ip,omitempty"`
	Referers []string `json:"referer,omitempty"`
	Tag      string   `json:"tag,omitempty"`
	User     string   `json:"user,omitempty"`

	Created   time.Time `json:"created"`
	By        string    `json:"by,omitempty"`
	NotBefore time.Time `json:"not_before,omitzero"`
	Expires   time.Time `json:"expires"`
	Key       string    `json:"key"`

	Revision uint64 `json:"-"`

	hash uint64 // of its organisation and id, as uses are noted by it; from the index
}

// Hash is by what uses of the token are noted.
func (t *Token) Hash() uint64 {
	if t.hash != 0 {
		return t.hash
	}
	return sessiontoken.Hash(byToken, t.Org, t.ID)
}

const tokenPrefix = "token"

func tokenKey(org, id string) string { return tokenPrefix + "." + org + "." + name(id) }

// CreateToken keeps a token's record. Only when it has returned may the token
// be shown.
func (r *Registry) CreateToken(ctx context.Context, t *Token) error {
	if err := r.replica.Writable(); err != nil {
		return err
	}
	revision, err := r.create(ctx, r.issuing, tokenKey(t.Org, t.ID), t)
	t.Revision = revision
	return err
}

// Token is a token's record, or ErrNotFound.
func (r *Registry) Token(ctx context.Context, org, id string) (*Token, error) {
	x, err := r.index(ctx)
	if err != nil {
		return nil, err
	}
	if t := x.token(org, id); t != nil {
		return t, nil
	}
	return nil, ErrNotFound
}

// Status of a token.
const (
	StatusActive      = "active"
	StatusExpired     = "expired"
	StatusNotYetValid = "not_yet_valid"
	StatusRevoked     = "revoked"
)

// RevocationOf is why all that a token may play is refused, or will be, or nil. A
// revoked stream is only one of those that a token may play.
func (r *Registry) RevocationOf(t *Token) (first *Revocation) {
	if r.view.Revocations() == 0 {
		return nil
	}
	for _, v := range []Revocation{
		{Org: t.Org, Kind: byToken, Value: t.ID},
		{Org: t.Org, Kind: byTag, Value: t.Tag},
		{Org: t.Org, Kind: byUser, Value: t.User},
		{Org: t.Org, Kind: byOrg},
	} {
		if v.Value == "" && v.Kind != byOrg {
			continue
		}
		if found := r.view.revocation(t.Org, v.ID()); found != nil && (found.IssuedBefore.IsZero() || t.Created.Unix() <= found.IssuedBefore.Unix()) {
			if first == nil || found.From.Before(first.From) {
				first = found
			}
		}
	}
	return first
}

// StatusOf is what has become of a token by a time.
func (r *Registry) StatusOf(t *Token, now time.Time) string {
	status := t.Status(now)
	if status == StatusExpired {
		return status
	}
	if v := r.RevocationOf(t); v == nil || !v.Holds(now) {
		return status
	}
	return StatusRevoked
}

// Status is what has become of the token by a time, revocation apart.
func (t *Token) Status(now time.Time) string {
	switch {
	case !now.Before(t.Expires):
		return StatusExpired
	case now.Before(t.NotBefore):
		return StatusNotYetValid
	}
	return StatusActive
}
