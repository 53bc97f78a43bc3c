package app

import (
	"github.com/playgate/playgate/module/internal/access"
)

// Revoked reports whether a playback token, or the one that a session began
// with, has been revoked for its stream.
func (a *App) Revoked(s *access.Subject) bool {
	return a.registry != nil && a.registry.View().Revoked(s)
}
