package registry

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/token"
)

// Revocations are the revocations of a registry.
type Revocations struct{ *records }

// RevocationFilter says which revocations are wanted. The zero value wants all.
type RevocationFilter struct {
	Orgs        []string // nil for all
	Kind, Value string   // "" for any
}

func (f *RevocationFilter) match(v *Revocation) bool {
	return (f.Orgs == nil || slices.Contains(f.Orgs, v.Org)) && (f.Kind == "" || f.Kind == v.Kind) && (f.Value == "" || f.Value == v.Value)
}

// Add keeps a revocation, and returns when this node refuses what it says.
// One of the same value is replaced, unless it refuses more.
func (r *Revocations) Add(ctx context.Context, v *Revocation, by string) error {
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
	r.audit.add(ctx, by, v.Org, "revoke", v.detail())
	return nil
}

// Undo takes a revocation back.
func (r *Revocations) Undo(ctx context.Context, org, id, by string) error {
	v := r.view.revocation(org, id)
	if v == nil {
		return ErrNotFound
	}
	if err := r.remove(ctx, r.edge, v.key()); err != nil {
		return err
	}
	r.audit.add(ctx, by, org, "revoke.undo", v.detail())
	return nil
}

// ByTokenID is the revocation of one token by its id, or nil.
func (r *Revocations) ByTokenID(org, id string) *Revocation {
	return r.view.revocation(org, (&Revocation{Kind: byToken, Value: id}).ID())
}

// List lists at most n, the newest first, from after a cursor on. next is nil
// at the end.
func (r *Revocations) List(f RevocationFilter, after *SortCursor, n int) (page []*Revocation, next *SortCursor) {
	return firstN(func(yield func(SortCursor, *Revocation) bool) {
		for _, v := range r.view.allRevocations() {
			if f.match(v) && !yield(SortCursor{-v.At.UnixMilli(), v.Org, v.Kind + "." + v.Value}, v) {
				return
			}
		}
	}, after, n)
}

// Get returns one by its organisation and id, or nil.
func (r *Revocations) Get(org, id string) *Revocation { return r.view.revocation(org, id) }

// expire removes those that can concern no valid token any more.
func (r *Revocations) expire(ctx context.Context) {
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

// Of is why all that a token may play is refused, or will be, or nil. A
// revoked stream is only one of those that a token may play.
func (r *Revocations) Of(t *Token) (first *Revocation) {
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
func (r *Revocations) StatusOf(t *Token, now time.Time) string {
	status := t.Status(now)
	if status == StatusExpired {
		return status
	}
	if v := r.Of(t); v == nil || !v.Holds(now) {
		return status
	}
	return StatusRevoked
}
