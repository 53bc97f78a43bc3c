package app

import (
	"context"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/session"
	tokens "github.com/playgate/playgate/module/token/session"
)

// Who watches, and when tokens were used last. Like what is running, these
// outlive reloads.
var (
	audience session.Audience
	uses     session.Uses
)

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

// LastUsed is when a token was used last, as far as this node knows; zero when it
// was not.
func (a *App) LastUsed(ctx context.Context, org, id string) time.Time {
	hash := tokens.Hash("token", org, id)
	last := uses.Last(hash)
	if index, err := a.registry.Tokens(ctx); err == nil {
		if stored := index.LastUsed(hash); stored.After(last) {
			last = stored
		}
	}
	return last
}

// storeUsesEvery is how often the uses of tokens are stored.
const storeUsesEvery = time.Minute

// storeUses begins to store the uses of tokens, once for the process.
var storeUses = sync.OnceFunc(func() {
	go func() {
		for range time.Tick(storeUsesEvery) {
			if a := current.Load(); a != nil {
				a.StoreUses()
			}
		}
	}()
})

// StoreUses stores when tokens were used last, as far as it is new. What cannot be stored is kept for the next time.
func (a *App) StoreUses() {
	if a.registry == nil {
		return
	}
	fresh := uses.Take()
	if len(fresh) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), storeUsesEvery/2)
	defer cancel()
	left, err := a.registry.NoteUses(ctx, fresh)
	if err != nil {
		uses.Return(left)
		a.logger.Warn("when tokens were used last could not be stored; it is tried again", zap.Error(err))
	}
}
