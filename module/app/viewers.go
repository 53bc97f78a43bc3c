package app

import (
	"net/http"
	"sync"
	"time"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/conns"
	"github.com/playgate/playgate/module/internal/registry"
	"github.com/playgate/playgate/module/token/sessiontoken"
)

// viewers is who watches. Like what is running, it outlives reloads.
var viewers conns.Viewers

// Note takes down that a request of a subject was let through, and returns who
// its viewer is.
func (a *App) Note(s *access.Subject, r *http.Request, now time.Time) (viewer uint64) {
	if !s.Public && a.registry != nil {
		uses.Note(s.TokenID, now)
	}
	viewer = conns.Viewer(s, ClientAddress(r))
	viewers.Seen(s, viewer, now)
	return viewer
}

// counted is the last count of viewers. One costs a look at each of them.
var counted struct {
	sync.Mutex
	at   time.Time
	last *conns.Counts
}

// Viewers are the numbers of viewers on this node, at most a second old.
func Viewers() *conns.Counts {
	counted.Lock()
	defer counted.Unlock()
	if now := time.Now(); counted.last == nil || now.Sub(counted.at) > time.Second {
		counted.last, counted.at = viewers.Count(&running, now), now
	}
	return counted.last
}

// ended is whom a revocation ends on this node; at most a second old.
func ended(whom access.Selection) (count int, streams map[uint64]bool) {
	Viewers()
	return viewers.Ended(whom)
}

// Concerned is whom a revocation concerns.
func Concerned(v *registry.Revocation) access.Selection {
	whom, hash := access.Selection{}, sessiontoken.Hash(v.Kind, v.Org, v.Value)
	switch v.Kind {
	case "org":
		whom.Org = v.Org
	case "stream":
		whom.Org, whom.Stream = v.Org, v.Value
	case "token":
		whom.TokenID = hash
	case "tag":
		whom.Tag = hash
	case "user":
		whom.User = hash
	}
	if !v.IssuedBefore.IsZero() {
		whom.Before = max(v.IssuedBefore.Unix(), 1) // 0 would spare nobody
	}
	return whom
}
