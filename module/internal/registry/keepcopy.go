package registry

import (
	"context"
	"errors"
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

// sweepEvery is how often revocations that concern nobody any more are looked for.
const sweepEvery = time.Hour

// rewrite has the copy written whole soon.
func (r *Registry) rewrite() {
	select {
	case r.whole <- struct{}{}:
	default:
	}
}

// keepCopy keeps the view on disk: whole after a snapshot and at the end, each
// change in between.
func (r *Registry) keepCopy() {
	defer r.journal.end()
	if r.edges.Wait(r.ctx, 0) != nil {
		return
	}
	tick := time.NewTicker(copyPause)
	defer tick.Stop()
	var written, failedAt time.Time
	swept := time.Now()
	changes, failed, whole := uint64(0), false, true
	for ended := false; !ended; {
		whole = whole || r.journal.length() < 0 || r.journal.length() > max(r.copied, journalLeast)
		if now := r.view.changes.Load(); (whole || now != changes || time.Since(written) > copyEvery) && time.Since(failedAt) > copyRetry && r.holdsDir() {
			err := r.writeCopy(whole)
			if err != nil && !failed && !errors.Is(err, ErrUnavailable) {
				r.logger.Error("the copy of the registry cannot be written; an edge that starts without the store will not know it", zap.Error(err))
			}
			if failed = err != nil; failed {
				failedAt = time.Now()
			} else {
				changes, written, whole = now, time.Now(), false
			}
		}
		if time.Since(swept) > sweepEvery {
			swept = time.Now()
			r.expireRevocations(r.ctx)
		}
		select {
		case <-r.ctx.Done():
			ended = true
		case <-r.whole:
			whole = true
		case <-tick.C:
		}
	}
	if r.holdsDir() && (r.settings.embedded() || r.journal.length() != 0) {
		_ = r.writeCopy(true) // the last tick has told when it cannot be written
	}
}

// holdsDir reports whether this process keeps the copy. Beside servers of the
// operator's, two processes may have one directory, as when one takes the place
// of the other.
func (r *Registry) holdsDir() bool {
	if r.settings.embedded() || r.dirLock != nil {
		return true
	}
	locked, err := kv.Lock(r.settings.Dir)
	if err == nil {
		r.dirLock = locked
	} else if !errors.Is(err, ErrLocked) && !r.lockTold {
		r.lockTold = true
		r.logger.Error("the copy of the registry cannot be kept", zap.Error(err))
	}
	return err == nil
}

// writeCopy writes down how far the store has come, with the whole view or to
// the journal.
func (r *Registry) writeCopy(whole bool) error {
	var head copyHead
	if seen := r.Seen(); !seen.IsZero() {
		head.Seen = r.now().Add(-time.Since(seen)) // by the clock as it is set now
	}
	if r.settings.embedded() {
		head.Seen = r.Seen()
	}
	// At the end the registry's own context is over, and nobody waits for long.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), copyPause)
	defer cancel()
	var err error
	if head.Edge, err = r.edge.Extent(ctx); err != nil {
		return err
	}
	if head.Issuing, err = r.issuing.Extent(ctx); err != nil {
		return err
	}
	if !whole {
		r.journal.append(journalLine{Head: &head})
		return nil
	}
	if head.Journal, err = r.journal.next(r.settings.Dir); err != nil {
		return err
	}
	if r.copied, err = writeCopy(r.settings.Dir, head, r.view.all()); err != nil {
		return err
	}
	tidy(r.settings.Dir, head.Journal)
	return nil
}
