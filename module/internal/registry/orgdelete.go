package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize/english"

	"github.com/playgate/playgate/module/token"
)

// DeleteOrg removes an organisation, and ends all that there is of it: its tokens, by a
// condition on all that were issued until now; its keys, its API keys and its streams. So
// nothing of it comes to life again when one of the same hash is made. Unless it is forced,
// an organisation that has any of these is [ErrConflict]. A deletion that broke off is
// taken up by another one.
func (r *Registry) DeleteOrg(ctx context.Context, hash string, force bool, by string) error {
	left, err := r.whatIsLeft(ctx, hash)
	if err != nil {
		return err
	}
	has := left.String()
	_, missing := r.Orgs.Get(hash)
	switch {
	case missing != nil && has == "":
		return missing
	case has != "" && !force:
		return fmt.Errorf("%w: the organisation still has %s; delete these first, or use force to end them all", ErrConflict, has)
	}
	// The tokens first: whatever fails later, they are refused. Then the record, so that
	// nothing more is made. Then the rest, until there is none: some was being made.
	if err := r.revokeDeleted(ctx, hash, by); err != nil {
		return err
	}
	note := func() { r.audit.add(ctx, by, hash, "org.delete", map[string]string{"ended": has}) }
	if err := r.remove(ctx, r.edge, orgKey(hash), note); ignoreMissing(err) != nil {
		return err
	}
	for range 2 {
		if err := r.endLeft(ctx, &left, hash, by); err != nil {
			return err
		}
		if !r.replica.Store.Embedded() { // other nodes make something until they know
			select {
			case <-time.After(orgGoneWithin):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if left, err = r.whatIsLeft(ctx, hash); err != nil || left.String() == "" {
			return err
		}
		if err := r.revokeDeleted(ctx, hash, by); err != nil {
			return err
		}
	}
	return r.endLeft(ctx, &left, hash, by)
}

// orgGoneWithin is how long it takes until all nodes know that an organisation is gone.
const orgGoneWithin = 2 * time.Second

// revokeDeleted refuses all tokens of an organisation that is deleted.
func (r *Registry) revokeDeleted(ctx context.Context, hash, by string) error {
	return r.Revocations.Add(ctx, &Condition{
		Org: hash, Kind: byOrg, IssuedUntil: r.Revocations.Now(ctx, hash), OrgDeleted: true, Reason: "the organisation was deleted",
	}, time.Time{}, by)
}

// endLeft ends what is left of an organisation, but for its tokens.
func (r *Registry) endLeft(ctx context.Context, left *leftovers, hash, by string) (err error) {
	for _, k := range left.keys {
		err = errors.Join(err, ignoreMissing(r.OrgKeys.Delete(ctx, hash, k.ID, by)))
	}
	for _, k := range left.apiKeys {
		err = errors.Join(err, ignoreMissing(r.APIKeys.LeaveOrg(ctx, k, hash, by)))
	}
	for _, s := range left.streams {
		err = errors.Join(err, ignoreMissing(r.Streams.Delete(ctx, hash, s.Name, by)))
	}
	return err
}

func ignoreMissing(err error) error {
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// leftovers is what there is of an organisation.
type leftovers struct {
	streams []*Stream
	keys    []*OrgKey
	apiKeys []*APIKey
	tokens  int // that play
}

func (r *Registry) whatIsLeft(ctx context.Context, org string) (l leftovers, err error) {
	l.streams = r.Streams.List(org)
	l.keys = slices.DeleteFunc(r.OrgKeys.List(), func(k *OrgKey) bool { return k.Org != org })
	if l.apiKeys, err = r.APIKeys.List(ctx); err != nil {
		return l, err
	}
	l.apiKeys = slices.DeleteFunc(l.apiKeys, func(k *APIKey) bool { return !slices.Contains(k.Orgs, org) })
	index, err := r.Tokens.Index(ctx)
	if err != nil {
		return l, err
	}
	for _, t := range index.all([]string{org}) {
		if status := r.Revocations.StatusOf(t, r.now()); status == StatusActive || status == StatusNotYetValid {
			l.tokens++
		}
	}
	return l, nil
}

// String is what there is, in words; "" for nothing.
func (l leftovers) String() string {
	var words []string
	for _, part := range []struct {
		n    int
		what string
	}{
		{len(l.streams), "stream"}, {l.tokens, "token"}, {len(l.apiKeys), "API key"},
		{len(slices.DeleteFunc(slices.Clone(l.keys), func(k *OrgKey) bool { return k.State == token.Retired })), "key"},
	} {
		if part.n > 0 {
			words = append(words, english.Plural(part.n, part.what, ""))
		}
	}
	return strings.Join(words, ", ")
}

// Left reports whether there is anything of an organisation that was deleted.
func (r *Registry) Left(ctx context.Context, org string) bool {
	if index, err := r.Tokens.Index(ctx); err == nil && len(index.all([]string{org})) > 0 {
		return true
	}
	return slices.ContainsFunc(r.view.allConditions(), func(c *Condition) bool { return c.Org == org })
}
