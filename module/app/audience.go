package app

import (
	"net/http"
	"sync"
	"time"

	"github.com/playgate/playgate/module/internal/session"
)

// audience is who watches. Like what is running, it outlives reloads.
var audience session.Audience

// Note takes down that a request of a subject was let through, and returns who
// its viewer is.
func (a *App) Note(s *session.Subject, r *http.Request, now time.Time) (viewer uint64) {
	if !s.Public && a.registry != nil {
		uses.Note(s.TokenID, now)
	}
	viewer = session.Viewer(s, ClientAddress(r))
	audience.Seen(s, viewer, now)
	return viewer
}

// counted is the last count of viewers. One costs a look at each of them.
var counted struct {
	sync.Mutex
	at   time.Time
	last *session.Counts
}

// Viewers are the numbers of viewers on this node, at most a second old.
func Viewers() *session.Counts {
	counted.Lock()
	defer counted.Unlock()
	if now := time.Now(); counted.last == nil || now.Sub(counted.at) > time.Second {
		counted.last, counted.at = audience.Count(&running, now), now
	}
	return counted.last
}
