package registry

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/token"
	"github.com/playgate/playgate/module/token/sessiontoken"
)

// Kinds of revocations: by what a token is known. The first three are hashed
// as session tokens hash them.
const (
	byToken  = "token"
	byTag    = "tag"
	byUser   = "user"
	byStream = "stream"
	byOrg    = "org"
)

// RevocationKinds lists them.
var RevocationKinds = []string{byToken, byTag, byUser, byStream, byOrg}

// Revocation refuses all tokens of an organisation that have a value: an id, a
// tag, a user, a stream, or that belong to it at all.
type Revocation struct {
	Header

	Org   string `json:"org"`
	Kind  string `json:"kind"`
	Value string `json:"value,omitempty"` // none for all of the organisation

	// IssuedBefore, when it is there, spares tokens that were issued later.
	// Tokens that do not say when they were issued are never spared.
	IssuedBefore time.Time `json:"issued_before,omitzero"`

	// From, when it is there, is when it begins to hold: until then nothing is
	// refused. A node that does not know this member refuses at once.
	From time.Time `json:"from,omitzero"`

	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
	By     string    `json:"by,omitempty"`
	// Until is when no token that it can concern is valid any more. Who revokes
	// one token says here when that expires, where it is known.
	Until time.Time `json:"until"`

	Revision uint64 `json:"-"`
}

const revokedPrefix = "revoked"

// revokedKept is how long a revocation is kept after the latest end of a token
// that it can concern.
const revokedKept = 24 * time.Hour

func (v *Revocation) key() string {
	return revokedPrefix + "." + v.Org + "." + name(v.Kind+"\x00"+v.Value)
}

// ID names the revocation within its organisation.
func (v *Revocation) ID() string { return name(v.Kind + "\x00" + v.Value) }

func (v *Revocation) hash() uint64 {
	value := v.Value
	if v.Kind == byOrg {
		value = v.Org
	}
	return sessiontoken.Hash(v.Kind, v.Org, value)
}

// Holds reports whether it is in force at a time.
func (v *Revocation) Holds(now time.Time) bool { return !now.Before(v.From) }

// ErrRevocation: a revocation that says nothing, or too much.
var ErrRevocation = errors.New("a revocation is by token, tag, user or stream and its value, or by org without one")

func (v *Revocation) check() error {
	if !token.ValidOrg(v.Org) || !slices.Contains(RevocationKinds, v.Kind) || (v.Kind == byOrg) != (v.Value == "") {
		return ErrRevocation
	}
	return nil
}

// Revoke keeps a revocation, and returns when this node refuses what it says.
// One of the same value is replaced, unless it refuses more.
func (r *Registry) Revoke(ctx context.Context, v *Revocation, by string) error {
	if err := v.check(); err != nil {
		return err
	}
	if err := r.replica.Writable(); err != nil {
		return err
	}
	v.At, v.By = r.now().UTC().Truncate(time.Millisecond), by
	last := v.At
	if v.From.After(last) {
		last = v.From
	} else {
		v.From = time.Time{}
	}
	last = last.Add(token.MaxLifetime)
	if !v.IssuedBefore.IsZero() && v.IssuedBefore.Before(v.At) {
		last = v.IssuedBefore.Add(token.MaxLifetime)
	}
	// A token that begins in a year may end in two.
	if v.Until.After(last) {
		last = v.Until
	}
	v.Until = last.UTC().Add(token.MaxLeeway + revokedKept)
	revision, err := r.create(ctx, r.edge, v.key(), v)
	if errors.Is(err, ErrExists) {
		wanted := *v
		err = r.update(ctx, r.edge, v.key(), v, func() error {
			if !v.IssuedBefore.IsZero() && (wanted.IssuedBefore.IsZero() || wanted.IssuedBefore.After(v.IssuedBefore)) {
				v.IssuedBefore = wanted.IssuedBefore
			}
			if wanted.From.Before(v.From) {
				v.From = wanted.From
			}
			v.Reason, v.At, v.By = wanted.Reason, wanted.At, wanted.By
			if wanted.Until.After(v.Until) {
				v.Until = wanted.Until
			}
			return nil
		})
		revision = v.Revision
	}
	if err != nil {
		return err
	}
	v.Revision = revision
	r.Audit(ctx, by, v.Org, "revoke", v.detail())
	return nil
}

func (v *Revocation) detail() map[string]string {
	d := map[string]string{"by": v.Kind, "value": v.Value, "reason": v.Reason}
	if !v.IssuedBefore.IsZero() {
		d["issued_before"] = v.IssuedBefore.UTC().Format(time.RFC3339)
	}
	if !v.From.IsZero() {
		d["from"] = v.From.UTC().Format(time.RFC3339)
	}
	return d
}

// Undo takes a revocation back.
func (r *Registry) Undo(ctx context.Context, org, id, by string) error {
	v := r.view.revocation(org, id)
	if v == nil {
		return ErrNotFound
	}
	if err := r.remove(ctx, r.edge, v.key()); err != nil {
		return err
	}
	r.Audit(ctx, by, org, "revoke.undo", v.detail())
	return nil
}

// TokenRevocation is the revocation of one token by its id, or nil.
func (r *Registry) TokenRevocation(org, id string) *Revocation {
	return r.view.revocation(org, (&Revocation{Kind: byToken, Value: id}).ID())
}

// RevocationFilter says which revocations are wanted. The zero value wants all.
type RevocationFilter struct {
	Orgs        []string // nil for all
	Kind, Value string   // "" for any
}

func (f *RevocationFilter) match(v *Revocation) bool {
	return (f.Orgs == nil || slices.Contains(f.Orgs, v.Org)) && (f.Kind == "" || f.Kind == v.Kind) && (f.Value == "" || f.Value == v.Value)
}

// Revocations lists at most n, the newest first, from after a cursor on. next is nil
// at the end.
func (r *Registry) Revocations(f RevocationFilter, after *SortCursor, n int) (page []*Revocation, next *SortCursor) {
	return firstN(func(yield func(SortCursor, *Revocation) bool) {
		for _, v := range r.view.allRevocations() {
			if f.match(v) && !yield(SortCursor{-v.At.UnixMilli(), v.Org, v.Kind + "." + v.Value}, v) {
				return
			}
		}
	}, after, n)
}

// Revocation is one by its organisation and id, or nil.
func (r *Registry) Revocation(org, id string) *Revocation { return r.view.revocation(org, id) }

// expireRevocations removes those that can concern no valid token any more.
func (r *Registry) expireRevocations(ctx context.Context) {
	now := r.now()
	for _, v := range r.view.allRevocations() {
		if now.After(v.Until) {
			if err := r.remove(ctx, r.edge, v.key()); err != nil && !errors.Is(err, ErrNotFound) {
				r.logger.Debug("an old revocation could not be removed yet", zap.Error(err))
				return
			}
		}
	}
}
