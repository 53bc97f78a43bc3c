package registry

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"go.uber.org/zap"
)

// errDamaged: the embedded store has lost what it had acknowledged.
var errDamaged = errors.New("the store is damaged, or an older one was put in its place")

// acceptFile, in the store's directory, says that the operator goes on with
// what is left of a damaged store. It is taken away at the next start.
const acceptFile = "accept-loss"

// extent is how far a bucket has come. Neither number ever becomes smaller:
// a record that was deleted leaves a mark.
type extent struct {
	Last    uint64 `json:"last"`    // revision
	Records uint64 `json:"records"` // deleted ones included
}

// checkLoss finds a store that has lost something. JetStream itself goes on
// with the rest, and without a word: what is missing could be a switch, a
// retired key or, worse, a revocation. head tells how far the store had
// been, and known what was in it.
func (r *Registry) checkLoss(ctx context.Context, head copyHead, known []Entry) error {
	var lost []error
	for _, b := range []struct {
		what   string
		bucket *natsBucket
		seen   extent
	}{
		{"organisations, streams and keys", r.edge, head.Edge},
		{"tokens and API keys", r.issuing, head.Issuing},
	} {
		now, err := b.bucket.extent(ctx)
		switch {
		case err != nil:
			return err
		case now.Records < b.seen.Records:
			lost = append(lost, fmt.Errorf("of %d records of %s, %d are missing", b.seen.Records, b.what, b.seen.Records-now.Records))
		case now.Last < b.seen.Last:
			lost = append(lost, fmt.Errorf("the last %d changes of %s are missing", b.seen.Last-now.Last, b.what))
		}
	}
	if n, err := r.missing(ctx, known); err != nil {
		return err
	} else if n > 0 && lost == nil {
		lost = append(lost, fmt.Errorf("%d records of organisations, streams and keys cannot be read", n))
	}
	if lost == nil {
		return nil
	}
	err := fmt.Errorf("%w: %w", errDamaged, errors.Join(lost...))
	accept := filepath.Join(r.settings.Dir, acceptFile)
	if _, there := os.Stat(accept); there == nil {
		r.logger.Error("going on with what is left of the store", zap.Error(err))
		return errors.Join(os.Remove(accept), os.Remove(filepath.Join(r.settings.Dir, viewFile)))
	}
	return fmt.Errorf("%w; put a backup back (playgate restore) into an empty directory, or go on with what is left: touch %s", err, accept)
}

// missing counts the entries that are neither in the edge bucket any more nor
// marked as deleted there.
func (r *Registry) missing(ctx context.Context, known []Entry) (n int, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	entries, err := r.edge.Watch(ctx, 0)
	if err != nil {
		return 0, err
	}
	newest := make(map[string]uint64)
	for e := range entries {
		if e.Key == "" {
			for _, k := range known {
				if newest[k.Key] < k.Revision {
					n++
				}
			}
			return n, nil
		}
		newest[e.Key] = e.Revision
	}
	return 0, ErrUnavailable
}
