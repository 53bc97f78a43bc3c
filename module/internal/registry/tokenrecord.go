package registry

import (
	"context"
	"slices"
	"time"
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
	IssuedAt  int64     `json:"iat,omitzero"` // a unix second; 0 where a record is older than this member
	By        string    `json:"by,omitempty"`
	NotBefore time.Time `json:"not_before,omitzero"`
	Expires   time.Time `json:"expires"`
	Key       string    `json:"key"`

	Revision uint64 `json:"-"`

	hash uint64 // of its organisation and id; from the index
}

// Hash is by what uses of a token are noted.
func (r *Tokens) Hash(t *Token) uint64 {
	if t.hash != 0 {
		return t.hash
	}
	_, hasher := r.view.Sessions()
	return hasher.Hash(byToken, t.Org, t.ID)
}

// issuedAt is the token's iat; 0 if it has none.
func (t *Token) issuedAt() int64 {
	if t.IssuedAt != 0 || t.Created.IsZero() {
		return t.IssuedAt
	}
	return t.Created.Unix()
}

// Playable are the streams of the token, or "" for all.
func (t *Token) Playable() []string {
	if t.OrgWide {
		return []string{""}
	}
	return slices.Clone(t.Streams)
}

const tokenPrefix = "token"

func tokenKey(org, id string) string { return tokenPrefix + "." + org + "." + name(id) }

// Tokens are the token records of a registry.
type Tokens struct{ *records }

// Create keeps a token's record. Only when it has returned may the token
// be shown.
func (r *Tokens) Create(ctx context.Context, t *Token) error {
	if err := r.replica.Writable(); err != nil {
		return err
	}
	revision, err := r.create(ctx, r.issuing, tokenKey(t.Org, t.ID), t, nil)
	t.Revision = revision
	return err
}

// Get returns a token's record, or ErrNotFound.
func (r *Tokens) Get(ctx context.Context, org, id string) (*Token, error) {
	x, err := r.index.get(ctx)
	if err != nil {
		return nil, err
	}
	if t := x.token(org, id); t != nil {
		return t, nil
	}
	return nil, ErrNotFound
}

// Index is the index of the token records. It is made when it is first asked for,
// which takes a while where there are many.
func (r *Tokens) Index(ctx context.Context) (*Index, error) { return r.index.get(ctx) }

// Status of a token.
const (
	StatusActive      = "active"
	StatusExpired     = "expired"
	StatusNotYetValid = "not_yet_valid"
	StatusRevoked     = "revoked"
)

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
