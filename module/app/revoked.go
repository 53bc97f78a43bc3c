package app

import (
	"github.com/playgate/playgate/module/internal/registry"
	"github.com/playgate/playgate/module/token"
	"github.com/playgate/playgate/module/token/session"
)

// Revokes reports whether anything is revoked at all, so that the rest need
// not be asked.
func (a *App) Revokes() bool { return a.registry != nil && a.registry.View().Revokes() }

// Revoked reports whether a playback token has been revoked for a stream.
func (a *App) Revoked(g *token.Grant, stream string) bool {
	return a.Revokes() && a.registry.View().Revoked(registry.Bearer{
		Org: g.Org, Stream: stream, IssuedAt: g.IssuedAt,
		TokenID: session.Hash("token", g.Org, g.ID),
		Tag:     session.Hash("tag", g.Org, g.Tag),
		User:    session.Hash("user", g.Org, g.Subject),
	})
}

// SessionRevoked reports whether the playback token that a session began with
// has been revoked for its stream.
func (a *App) SessionRevoked(t *session.Token, org, stream string) bool {
	return a.Revokes() && a.registry.View().Revoked(registry.Bearer{
		Org: org, Stream: stream, IssuedAt: t.IssuedAt, TokenID: t.TokenID, Tag: t.Tag, User: t.User,
	})
}
