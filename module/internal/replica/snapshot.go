package replica

import (
	"context"
	"errors"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/kv"
)

// copyPause is how long changes are collected before the journal says how far
// the store has come, and copyEvery how often it does without any: its age is
// that of the view. The copy is written whole when the journal has become longer
// than journalLeast, and than the copy.
const (
	copyPause    = time.Second
	copyEvery    = time.Minute
	journalLeast = 1 << 20
	copyRetry    = 5 * time.Second // after one that could not be written
)

// sweepEvery is how often what is no longer needed is looked for.
const sweepEvery = time.Hour

// snapshots are the copy on disk, and how it is kept.
type snapshots struct {
	*Config

	journal journal
	whole   chan struct{} // the copy is to be written whole
	// What follows is snapshotLoop's own.
	copied   int64    // how long the last copy was
	dirLock  *os.File // beside servers of the operator's
	lockTold bool
}

// rewrite has the copy written whole soon.
func (s *snapshots) rewrite() {
	select {
	case s.whole <- struct{}{}:
	default:
	}
}

// holdsDir reports whether this process keeps the copy. Beside servers of the
// operator's, two processes may have one directory, as when one takes the place
// of the other.
func (s *snapshots) holdsDir() bool {
	if s.Store.Embedded() || s.dirLock != nil {
		return true
	}
	locked, err := kv.Lock(s.Dir)
	if err == nil {
		s.dirLock = locked
	} else if !errors.Is(err, kv.ErrLocked) && !s.lockTold {
		s.lockTold = true
		s.Logger.Error("the copy of the registry cannot be kept", zap.Error(err))
	}
	return err == nil
}

// close gives the directory back.
func (s *snapshots) close() {
	if s.dirLock != nil {
		_ = s.dirLock.Close() // which ends the lock
	}
}

// snapshotLoop keeps the state on disk: whole after a snapshot and at the end, each
// change in between.
func (p *Replica) snapshotLoop() {
	defer p.copies.journal.end()
	if p.follower.Wait(p.ctx, 0) != nil {
		return
	}
	tick := time.NewTicker(copyPause)
	defer tick.Stop()
	var written, failedAt time.Time
	swept := time.Now()
	changes, failed, whole := uint64(0), false, true
	for ended := false; !ended; {
		whole = whole || p.copies.journal.length() < 0 || p.copies.journal.length() > max(p.copies.copied, journalLeast)
		if now := p.State.Changes(); (whole || now != changes || time.Since(written) > copyEvery) && time.Since(failedAt) > copyRetry && p.copies.holdsDir() {
			err := p.writeCopy(whole)
			if err != nil && !failed && !errors.Is(err, kv.ErrUnavailable) {
				p.Logger.Error("the copy of the registry cannot be written; an edge that starts without the store will not know it", zap.Error(err))
			}
			if failed = err != nil; failed {
				failedAt = time.Now()
			} else {
				changes, written, whole = now, time.Now(), false
			}
		}
		if time.Since(swept) > sweepEvery {
			swept = time.Now()
			p.Sweep(p.ctx)
		}
		select {
		case <-p.ctx.Done():
			ended = true
		case <-p.copies.whole:
			whole = true
		case <-tick.C:
		}
	}
	if p.copies.holdsDir() && (p.Store.Embedded() || p.copies.journal.length() != 0) {
		_ = p.writeCopy(true) // the last tick has told when it cannot be written
	}
}

// writeCopy writes down how far the store has come, with the whole state or to
// the journal.
func (p *Replica) writeCopy(whole bool) error {
	var head Head
	if seen := p.Seen(); !seen.IsZero() {
		head.Seen = time.Now().Add(-time.Since(seen)) // by the clock as it is set now
	}
	if p.Store.Embedded() {
		head.Seen = p.Seen()
	}
	// At the end the replica's own context is over, and nobody waits for long.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.ctx), copyPause)
	defer cancel()
	var err error
	if head.Edge, err = p.Edge.Extent(ctx); err != nil {
		return err
	}
	if head.Issuing, err = p.Issuing.Extent(ctx); err != nil {
		return err
	}
	if !whole {
		p.copies.journal.append(journalLine{Head: &head})
		return nil
	}
	if head.Journal, err = p.copies.journal.next(p.Dir); err != nil {
		return err
	}
	if p.copies.copied, err = WriteCopy(p.Dir, head, p.State.All()); err != nil {
		return err
	}
	tidy(p.Dir, head.Journal)
	return nil
}
