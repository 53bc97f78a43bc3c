package app

import (
	"github.com/playgate/playgate/module/internal/conns"
	"github.com/playgate/playgate/module/internal/registry"
)

// Revoked reports whether a playback token, or the one that a session began
// with, has been revoked for its stream.
func (a *App) Revoked(s *conns.Subject) bool {
	return a.registry != nil && a.registry.View().Revoked(registry.Bearer{
		Org: s.Org, Stream: s.Stream, IssuedAt: s.IssuedAt, TokenID: s.TokenID, Tag: s.Tag, User: s.User,
	})
}
