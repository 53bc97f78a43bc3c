package registry

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/token"
)

// Revocations are the revocations of a registry.
type Revocations struct{ *records }

// RevocationFilter says which conditions are wanted. The zero value wants all.
type RevocationFilter struct {
	Orgs        []string                              // nil for all
	Hides       func(org string, made time.Time) bool // nil: nothing
	Kind, Value string                                // "" for any
}

func (f *RevocationFilter) match(c *Condition) bool {
	return (f.Orgs == nil || slices.Contains(f.Orgs, c.Org)) && (f.Hides == nil || !f.Hides(c.Org, c.At)) && (f.Kind == "" || f.Kind == c.Kind) && (f.Value == "" || f.Value == c.Value)
}

// MaxFuture is how many conditions without an end an organisation may have: those of the future.
const MaxFuture = 1000

// ErrTooManyFuture: an organisation has [MaxFuture] of them.
var ErrTooManyFuture = fmt.Errorf("the organisation has %d revocations that concern later tokens too; undo some of them first", MaxFuture)

// Add keeps a condition under an id of its own, and returns when this node refuses what
// it says. Expires is when a token that is revoked by its id expires; zero if that is
// not known. If the same has been said of one token already, the condition becomes that
// one, and nothing is added.
func (r *Revocations) Add(ctx context.Context, c *Condition, expires time.Time, by string) error {
	if err := c.check(); err != nil {
		return err
	}
	if err := r.replica.Writable(); err != nil {
		return err
	}
	c.ID, c.At, c.By, c.Schema = token.NewID(16), r.now().UTC().Truncate(time.Millisecond), by, conditionSchema
	if !c.From.After(c.At) {
		c.From = time.Time{}
	}
	if c.Until = c.end(expires); c.Kind == byToken {
		for _, said := range r.OfToken(c.Org, c.Value) {
			if said.From.After(c.From) || said.Until.Add(conditionKept).Before(c.Until) {
				continue
			}
			// It may have been undone, where this node has not heard of it.
			if _, err := r.edge.Get(ctx, said.key()); !errors.Is(err, ErrNotFound) {
				*c = *said
				return err
			}
		}
	}
	if c.Future() && r.view.futureConditions(c.Org) >= MaxFuture {
		return ErrTooManyFuture
	}
	revision, err := r.create(ctx, r.edge, c.key(), c, func() { r.audit.add(ctx, by, c.Org, "revoke", c.detail()) })
	c.Revision = revision
	return err
}

// Now is the time until which what an organisation has issued is revoked when it is revoked
// now. A token that was made just after another condition says that it was issued a little
// later than it was.
func (r *Revocations) Now(ctx context.Context, org string) time.Time {
	now := r.now()
	index, err := r.index.get(ctx)
	if err != nil {
		return now
	}
	// None says so of a time that is farther away than it was made with another node's clock.
	const farthest = 2 * token.MaxLeeway
	for after, since := (*Cursor)(nil), r.now().Add(-farthest); ; {
		page, next := index.Page(Filter{Orgs: []string{org}}, after, 1000, now)
		for _, t := range page {
			if issued := time.Unix(t.issuedAt(), 0).Add(-issuedSlack); issued.After(now) && t.Created.After(since) {
				now = issued
			}
		}
		if after = next; next == nil || next.Created.Before(since) {
			return now
		}
	}
}

// OrgDeleted is when an organisation of a hash was deleted last; zero for never, or if that
// was undone.
func (r *Revocations) OrgDeleted(org string) (at time.Time) {
	for _, c := range r.view.conditionsOf(&Condition{Org: org, Kind: byOrg}) {
		if c.OrgDeleted && c.At.After(at) {
			at = c.At
		}
	}
	return at
}

// OfToken are the conditions on one token, by its id.
func (r *Revocations) OfToken(org, id string) []*Condition {
	return r.view.conditionsOf(&Condition{Org: org, Kind: byToken, Value: id})
}

// Undo removes a condition. What others refuse stays refused.
func (r *Revocations) Undo(ctx context.Context, org, id, by string) error {
	c := r.view.condition(org, id)
	if c == nil {
		return ErrNotFound
	}
	return r.remove(ctx, r.edge, c.key(), func() { r.audit.add(ctx, by, org, "revoke.undo", c.detail()) })
}

// List lists at most n, the newest first, from after a cursor on. next is nil
// at the end.
func (r *Revocations) List(f RevocationFilter, after *SortCursor, n int) (page []*Condition, next *SortCursor) {
	return firstN(func(yield func(SortCursor, *Condition) bool) {
		for _, c := range r.view.allConditions() {
			if f.match(c) && !yield(SortCursor{-c.At.UnixMilli(), c.Org, c.ID}, c) {
				return
			}
		}
	}, after, n)
}

// Get returns one by its organisation and id, or nil.
func (r *Revocations) Get(org, id string) *Condition { return r.view.condition(org, id) }

// Selection is whom a condition concerns.
func (r *Revocations) Selection(c *Condition) access.Selection {
	_, hasher := r.view.Sessions()
	return c.selection(hasher)
}

// expire removes those that can concern no valid token any more, by the store's clock:
// that of this node may be wrong.
func (r *Revocations) expire(ctx context.Context) {
	now, err := r.replica.StoreTime(ctx)
	if err != nil {
		r.logger.Debug("the time of the store is not known; no revocation is removed", zap.Error(err))
		return
	}
	for _, c := range r.view.allConditions() {
		if !c.Until.IsZero() && now.After(c.Until) {
			if err := r.remove(ctx, r.edge, c.key(), nil); err != nil && !errors.Is(err, ErrNotFound) {
				r.logger.Debug("an old revocation could not be removed yet", zap.Error(err))
				return
			}
		}
	}
}

// Revoked is what refuses, at some time, all that a token may play, or nil: of the
// streams that it may play the last to go counts.
func (r *Revocations) Revoked(t *Token) *Condition {
	if r.view.Revocations() == 0 {
		return nil
	}
	s := r.subject(t)
	var last *Condition
	for _, stream := range t.Playable() {
		s.Stream = stream
		first, found := r.view.revoked.first(&s)
		if !found {
			return nil
		}
		if c := r.condition(t.Org, first.id); last == nil || c.From.After(last.From) {
			last = c
		}
	}
	return last
}

// subject is what a token can be revoked by, without a stream.
func (r *Revocations) subject(t *Token) access.Subject {
	_, hasher := r.view.Sessions()
	return access.SubjectOf(&token.Grant{
		Org: t.Org, ID: t.ID, Tag: t.Tag, Subject: t.User, IssuedAt: t.issuedAt(), Expires: t.Expires.Unix(),
	}, "", hasher)
}

// StatusOf is what has become of a token by a time.
func (r *Revocations) StatusOf(t *Token, now time.Time) string {
	status := t.Status(now)
	if status == StatusExpired {
		return status
	}
	if c := r.Revoked(t); c != nil && c.Holds(now) {
		return StatusRevoked
	}
	return status
}

// Ahead is what a token that is yet to be made has to reckon with: a condition that
// concerns tokens of the future, with which it would be refused, or nil; and the iat after
// which no other condition concerns it, 0 if there is none.
func (r *Revocations) Ahead(t *Token) (future *Condition, after int64) {
	s := r.subject(t)
	s.TokenID = 0 // it is new
	for _, stream := range t.Playable() {
		s.Stream = stream
		l := r.view.revoked.farthest(&s)
		if l.lastIssued == math.MaxInt64 {
			return r.condition(t.Org, l.id), 0
		}
		after = max(after, l.lastIssued)
	}
	if t.OrgWide { // what concerns some of its streams alone refuses it there
		for _, c := range r.view.allConditions() {
			if c.Org == t.Org && c.Kind == byStream && !c.Future() {
				after = max(after, c.lastIssued())
			}
		}
	}
	return nil, after
}

// condition is one that a line stands for: where it cannot be read, or is gone by now,
// one on all of the organisation.
func (r *Revocations) condition(org, id string) *Condition {
	if c := r.view.condition(org, id); c != nil {
		return c
	}
	return &Condition{ID: id, Org: org, Kind: byOrg}
}
