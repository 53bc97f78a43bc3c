package app

import (
	"time"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/registry"
)

// Public reports whether a stream needs no token. The word secure on wins over
// off, whoever says it, but a broken glass wins over everything until it ends, unless the
// configuration forbids it.
// Where nothing is said, the stream needs one. A stream that the registry calls
// public is, unless the configuration says secure on for its organisation.
func (a *App) Public(org, stream string, now time.Time) bool {
	said, off := false, false
	if o := a.Orgs[org]; o != nil && o.Secure != nil {
		said, off = true, !*o.Secure
	}
	if a.registry == nil {
		return said && off
	}
	view := a.registry.View()
	if !view.Complete() {
		return false // it may say on
	}
	switch view.Secure(org, now) {
	case registry.BreakGlass:
		return !a.Orgs[org].GlassForbidden()
	case registry.On:
		return (!said || off) && view.Public(org, stream)
	case registry.Off:
		return !said || off
	}
	if said && !off {
		return false
	}
	return off || view.Public(org, stream)
}

// warnOfGlass tells the operator at start which organisations are open.
func warnOfGlass(r *registry.Registry, orgs map[string]*Org, logger *zap.Logger, now time.Time) {
	for _, o := range r.Orgs.List() {
		if o.Broken(now) && !orgs[o.Hash].GlassForbidden() {
			logger.Warn("the glass is broken: this organisation's streams need no token",
				zap.String("org", o.Hash), zap.Time("until", o.Glass.Until), zap.String("reason", o.Glass.Reason), zap.String("by", o.Glass.By))
		}
	}
}

// Revoked reports whether a playback token, or the one that a session began
// with, is revoked for its stream at a time.
func (a *App) Revoked(s *access.Subject, at time.Time) bool {
	return a.registry != nil && a.registry.View().Revoked(s, at)
}
