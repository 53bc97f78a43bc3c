package jwks

import (
	"context"
	"crypto/sha256"
	"errors"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"
)

// Pauses after refreshes that failed: the first, and the longest. Each is
// twice the one before, and none is longer than the refresh time.
const (
	firstPause   = time.Second
	longestPause = time.Minute
)

// run refreshes the set until the context ends.
func (s *Set) run(ctx context.Context) {
	defer close(s.done)
	var last time.Time // when the last refresh ended; zero before the first
	if s.location.File() {
		last = time.Now() // read when it was joined
	}
	failures := 0
	for {
		timer := time.NewTimer(time.Until(s.due(last, failures)))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-s.wake:
			timer.Stop()
			continue
		case <-timer.C:
		}
		s.asked.Store(false)
		if s.refresh(ctx) {
			failures = 0
		} else {
			failures++
		}
		last = time.Now()
	}
}

// due is when the next refresh is.
func (s *Set) due(last time.Time, failures int) time.Time {
	if last.IsZero() {
		return last
	}
	wait := s.refreshTime()
	if failures > 0 {
		wait = min(wait, longestPause, firstPause<<min(failures-1, 10))
	}
	// Not all edges at once.
	wait -= rand.N(wait/10 + 1) //nolint:gosec // nobody gains from guessing it
	if s.asked.Load() {
		wait = min(wait, s.early)
	}
	return last.Add(wait)
}

func (s *Set) reschedule() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// refresh reads the document anew. When that fails, what was read before stays.
func (s *Set) refresh(ctx context.Context) bool {
	s.turn.Lock()
	defer s.turn.Unlock()
	document, err := s.location.read(ctx, s.within)
	if err == nil {
		err = s.Take(document, s.user().Logger)
	}
	if ctx.Err() != nil {
		return false // at the end, which is nobody's fault
	}
	s.report(err)
	if err == nil {
		s.keep(ctx, document)
	}
	return err == nil
}

// report tells of a failure once, and of its end.
func (s *Set) report(err error) {
	if (err != nil) == s.failing {
		return
	}
	s.failing = err != nil
	log := s.user().Logger.With(zap.Stringer("jwks", s.location))
	_, read := s.Keys()
	switch {
	case err == nil:
		log.Info("the key set can be read again")
	case read:
		log.Warn("the key set cannot be read; its last keys stay in use", zap.Error(err))
	default:
		log.Warn("the key set cannot be read, and none was kept; tokens of its keys are refused as keys_unavailable", zap.Error(err))
	}
}

// Take puts the keys of a document in the place of those that were read
// before. A document that is no key set changes nothing.
func (s *Set) Take(document []byte, log *zap.Logger) error {
	r := &reading{sum: sha256.Sum256(document)}
	if before := s.newest.Load(); before != nil && before.sum == r.sum {
		return nil
	}
	keys, ignored, err := Parse(document)
	if err != nil {
		return err
	}
	r.keys = keys
	s.newest.Store(r)
	s.changed() // after the keys, so that whoever sees the change sees them
	log = log.With(zap.Stringer("jwks", s.location))
	for _, i := range ignored {
		log.Warn("a key of the key set is ignored", zap.Int("position", i.Position), zap.String("key_id", i.ID), zap.String("why", i.Why))
	}
	log.Info("the key set was read", zap.Int("keys", len(keys)), zap.Int("ignored", len(ignored)))
	return nil
}

// ReadFile reads the document of a file, which must hold a key that can be
// used.
func (l Location) ReadFile() ([]byte, error) {
	document, err := l.readFile()
	if err != nil {
		return nil, err
	}
	keys, ignored, err := Parse(document)
	switch {
	case err != nil:
		return nil, err
	case len(keys) == 0 && len(ignored) > 0:
		return nil, errors.New("no key of the set can be used; of the first: " + ignored[0].Why)
	case len(keys) == 0:
		return nil, errors.New("there is no key in the set")
	}
	return document, nil
}
