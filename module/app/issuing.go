package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/playgate/playgate/module/internal/issue"
	"github.com/playgate/playgate/module/token"
)

// ErrNoStore: something needs the registry, and there is none.
var ErrNoStore = errors.New("store off: this server keeps no tokens, organisations and keys; write store embedded into the global playgate block")

// ErrNotVerified: tokens of the key that signs would be verified with another one, or with
// none.
var ErrNotVerified = errors.New("another key has the id of the one that signs, or it is retired")

// Issuer makes tokens for an organisation: with the configuration's active key
// that has a private part and may speak for it, or else with the registry's.
func (a *App) Issuer(ctx context.Context, org string) (*issue.Issuer, error) {
	key, err := a.signer(ctx, org)
	if err != nil {
		return nil, err
	}
	if found, _ := a.Trust().Keys.Lookup(org, key.ID, key.Algorithm); found == nil || found.Thumbprint() != key.Thumbprint() {
		return nil, fmt.Errorf("%w: %s; give one of them another id, or run playgate key rotate", ErrNotVerified, key.ID)
	}
	return &issue.Issuer{
		Key: key, Lifetime: time.Duration(a.Lifetime), Max: a.terms.Max,
		Issuer: a.Iss, Audience: a.Audience, URLs: templates(a.Playout, a.StreamURL), Now: time.Now,
	}, nil
}

func (a *App) signer(ctx context.Context, org string) (*token.Key, error) {
	for _, k := range a.keyring.Keys() {
		if k.State == token.Active && k.Private() != nil && k.MaySpeakFor(org) {
			return k, nil
		}
	}
	if a.registry == nil {
		return nil, ErrNoStore
	}
	return a.registry.Keys.Signer(ctx)
}

// templates are the URLs that are told with a new token.
func templates(playouts, streams []string) issue.Templates {
	t := make(issue.Templates, max(len(playouts), len(streams)))
	for i, playout := range playouts {
		t[i].Playout = playout
	}
	for i, stream := range streams {
		t[i].Stream = stream
	}
	return t
}
