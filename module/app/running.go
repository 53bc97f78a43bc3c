package app

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/conns"
)

// running are the responses of this process, whichever configuration they began
// under. It outlives reloads.
var running conns.Table

const (
	// sweepEvery is how often running responses are looked at.
	sweepEvery = 100 * time.Millisecond
	// spread is the time over which cuts are spread, so that not all clients come
	// back in the same moment. With sweepEvery and what a cut may wait for, it
	// stays below one second.
	spread = 250 * time.Millisecond
	// settling is how long a new configuration has to last before it judges what
	// is running: one that fails to start must not cut anybody.
	settling = 300 * time.Millisecond
)

// Changes grows with everything on which a verdict can depend, but time.
func Changes() uint64 { return registryChanges.Load() + keySetChanges.Load() }

// Run takes a response in that was judged when [Changes] was seen. Its handler
// has to release it.
func (a *App) Run(r *conns.Running, seen uint64) {
	r.Seen = seen
	running.Add(r)
}

// Message cuts a WebSocket at once whose client sent what its gate forbids.
func (a *App) Message(r *conns.Running) { cutNow(r, access.SocketMessage, conns.CloseViolation) }

// ends is why a running response may not go on, or "". The time is not asked.
func (a *App) ends(s *access.Subject, now time.Time) access.Reason {
	switch {
	case a.Public(s.Org, s.Stream, now):
		return ""
	case a.registry != nil && !a.registry.View().Complete():
		return "" // nobody knows
	case s.Public:
		return access.MissingToken
	case !a.Trust().Active(s.Key, s.Org):
		return access.UnknownKey
	case a.Revoked(s):
		return access.Revoked
	}
	return ""
}

// sweep begins to look at what is running, once for the process.
var sweep = sync.OnceFunc(func() { go new(sweeper).run() })

// sweeper judges running responses again: when their time is over, when anything
// has changed on which their verdict depends, and those without a token always,
// because an organisation can be open for a while.
type sweeper struct {
	app, coming *App // that judges, and that will
	since       time.Time
	started     bool
}

func (s *sweeper) run() {
	last := time.Now()
	for now := range time.Tick(sweepEvery) {
		noteClock(last, now)
		last = now
		s.sweep(now)
	}
}

func (s *sweeper) sweep(now time.Time) {
	all := s.settle(now)
	changes := Changes()
	running.Each(func(r *conns.Running) {
		switch {
		case !r.Deadline.IsZero() && !now.Before(r.Deadline):
			cut(r, access.Expired, conns.CloseExpired)
		case s.app == nil:
		case all || r.Seen != changes || r.Subject.Public:
			if reason := s.app.ends(&r.Subject, now); reason != "" {
				cut(r, reason, conns.CloseRevoked)
				return
			}
			r.Seen = changes
		}
	})
}

// settle chooses the app that judges, and reports whether it is another one.
func (s *sweeper) settle(now time.Time) bool {
	newest := current.Load()
	if newest != s.coming {
		s.coming, s.since = newest, now
	}
	if s.app == s.coming || s.started && now.Sub(s.since) < settling {
		return false
	}
	s.app, s.started = s.coming, true
	return true
}

func cut(r *conns.Running, reason access.Reason, code uint16) {
	if !r.Schedule() {
		return
	}
	time.AfterFunc(rand.N(spread), func() { cutNow(r, reason, code) })
}

func cutNow(r *conns.Running, reason access.Reason, code uint16) {
	if r.Cut(string(reason), code) {
		cuts.WithLabelValues(string(reason)).Inc()
		tellCut(r, reason)
	}
}
