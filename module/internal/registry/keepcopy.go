package registry

import (
	"time"

	"go.uber.org/zap"
)

// copyPause is how long changes are collected before the copy is written, and
// copyEvery how often it is written without any: its age is that of the view.
const (
	copyPause = time.Second
	copyEvery = 10 * time.Minute
)

// keepCopy writes the view to disk after changes, and at the end.
func (r *Registry) keepCopy() {
	if r.edges.wait(r.ctx, 0) != nil {
		return
	}
	tick := time.NewTicker(copyPause)
	defer tick.Stop()
	var written time.Time
	changes, failed := uint64(0), false
	for ended := false; !ended; {
		if now := r.view.changes.Load(); now != changes || time.Since(written) > copyEvery {
			err := r.writeCopy()
			if err != nil && !failed {
				r.logger.Error("the copy of the registry cannot be written; an edge that starts without the store will not know it", zap.Error(err))
			}
			if failed = err != nil; !failed {
				changes, written = now, time.Now()
			}
		}
		select {
		case <-r.ctx.Done():
			ended = true
		case <-tick.C:
		}
	}
	_ = r.writeCopy() // the last tick has told when it cannot be written
}

func (r *Registry) writeCopy() error {
	head := copyHead{Seen: r.Seen(), Edge: r.edges.position()}
	r.indexing.Lock()
	if r.records != nil {
		head.Issuing = r.records.position()
	}
	r.indexing.Unlock()
	return writeCopy(r.settings.Dir, head, r.view.all())
}
