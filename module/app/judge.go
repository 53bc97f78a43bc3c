package app

import (
	"time"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/edge"
	"github.com/playgate/playgate/module/internal/registry"
)

// judge is the app as the State of the process sees it.
type judge struct{ app *App }

// Ends implements [edge.Config].
func (j judge) Ends(s *access.Subject, now time.Time) access.Reason {
	a := j.app
	switch {
	case a.Public(s.Org, s.Stream, now):
		return ""
	case a.registry != nil && !a.registry.View().Complete():
		return "" // nobody knows
	case s.Public && s.Key == 0:
		return access.MissingToken
	case s.Public && !now.Before(time.Unix(s.Expires, 0).Add(a.terms.Leeway)):
		return access.Expired
	case !j.keyCounts(s), a.registry != nil && s.SessionKey != 0 && !a.Trust().Sessions.Has(s.SessionKey):
		return access.UnknownKey
	case a.Revoked(s, now):
		return access.Revoked
	}
	return ""
}

// keyCounts reports whether the key of what is running is in use. With a store, that is
// asked by the hash of the key: under another secret of hashes, as a backup of another
// store brings it, nobody could tell what has been revoked.
func (j judge) keyCounts(s *access.Subject) bool {
	a := j.app
	if a.registry != nil {
		return a.Trust().Active(s.Key, s.Org) != nil
	}
	return a.Trust().ActiveLocal(s.LocalKey, s.Org) != nil
}

// Ready implements [edge.Config].
func (j judge) Ready(now time.Time) bool { return j.app.Ready(now) }

// Registry implements [edge.Config].
func (j judge) Registry() *registry.Registry { return j.app.registry }

// Logger implements [edge.Config].
func (j judge) Logger() *zap.Logger { return j.app.logger }

// Interface guard.
var _ edge.Config = judge{}
