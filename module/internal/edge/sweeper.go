package edge

import (
	"time"

	"github.com/playgate/playgate/module/internal/conns"
)

const (
	// sweepEvery is how often running responses are looked at.
	sweepEvery = 100 * time.Millisecond
	// settling is how long a new configuration has to last before it judges what
	// is running: one that fails to start must not cut anybody.
	settling = 300 * time.Millisecond
)

// sweeper judges running responses again: when their time is over, when anything
// has changed on which their verdict depends, and those without a token always,
// because an organisation can be open for a while.
type sweeper struct {
	state          *State
	config, coming Config // that judges, and that will
	since, asked   time.Time
	started        bool
}

// run looks until the State is closed.
func (s *sweeper) run() {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case <-s.state.ctx.Done():
			return
		case now := <-ticker.C:
			s.state.noteStep(stepBetween(last, now))
			last = now
			s.sweep(now)
		}
	}
}

func (s *sweeper) sweep(now time.Time) {
	all := s.settle(now)
	s.noteRevocations(now)
	changes := s.state.Changes.Count()
	s.state.running.Each(func(r *conns.Running) {
		switch {
		case !r.Deadline.IsZero() && !now.Before(r.Deadline):
			s.state.cut(r, expired)
		case s.config == nil:
		case all || r.Seen != changes || r.Subject.Public:
			if reason := s.config.Ends(&r.Subject, now); reason != "" {
				s.state.cut(r, ending{reason, conns.CloseRevoked})
				return
			}
			r.Seen = changes
		}
	})
}

// noteRevocations finds out whether planned revocations have begun since the last look.
// It asks with the time: a clock that is set and a machine that slept change nothing.
func (s *sweeper) noteRevocations(now time.Time) {
	asked := s.asked
	s.asked = now
	if s.config == nil || asked.IsZero() {
		return
	}
	if r := s.config.Registry(); r != nil && r.View().RevocationsBegun(asked, now) {
		s.state.Changes.RegistryChanged()
	}
}

// settle chooses the configuration that judges, and reports whether it is another
// one.
func (s *sweeper) settle(now time.Time) bool {
	newest := s.state.configs.newest()
	if newest != s.coming {
		s.coming, s.since = newest, now
	}
	if s.config == s.coming || s.started && now.Sub(s.since) < settling {
		return false
	}
	s.config, s.started = s.coming, true
	return true
}
