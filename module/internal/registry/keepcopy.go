package registry

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"
)

// copyPause is how long changes are collected before the copy is written, and
// copyEvery how often it is written without any: its age is that of the view.
const (
	copyPause = time.Second
	copyEvery = time.Minute
)

// sweepEvery is how often revocations that concern nobody any more are looked for.
const sweepEvery = time.Hour

// keepCopy writes the view to disk after changes, and at the end.
func (r *Registry) keepCopy() {
	if r.edges.wait(r.ctx, 0) != nil {
		return
	}
	tick := time.NewTicker(copyPause)
	defer tick.Stop()
	var written time.Time
	swept := time.Now()
	changes, failed := uint64(0), false
	for ended := false; !ended; {
		if now := r.view.changes.Load(); now != changes || time.Since(written) > copyEvery {
			err := r.writeCopy()
			if err != nil && !failed && !errors.Is(err, ErrUnavailable) {
				r.logger.Error("the copy of the registry cannot be written; an edge that starts without the store will not know it", zap.Error(err))
			}
			if failed = err != nil; !failed {
				changes, written = now, time.Now()
			}
		}
		if time.Since(swept) > sweepEvery {
			swept = time.Now()
			r.expireRevocations(r.ctx)
		}
		select {
		case <-r.ctx.Done():
			ended = true
		case <-tick.C:
		}
	}
	if r.settings.embedded() || r.view.changes.Load() != changes {
		_ = r.writeCopy() // the last tick has told when it cannot be written
	}
}

func (r *Registry) writeCopy() error {
	head := copyHead{Seen: r.Seen()}
	// At the end the registry's own context is over.
	ctx := context.WithoutCancel(r.ctx)
	var err error
	if head.Edge, err = r.edge.extent(ctx); err != nil {
		return err
	}
	if head.Issuing, err = r.issuing.extent(ctx); err != nil {
		return err
	}
	return writeCopy(r.settings.Dir, head, r.view.all())
}
