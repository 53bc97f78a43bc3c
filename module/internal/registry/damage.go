package registry

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/kv"
)

// errDamaged: the store has lost what it had acknowledged.
var errDamaged = errors.New("the store is damaged, or an older one was put in its place")

// acceptFile, in the store's directory, says that the operator goes on with
// what is left of a damaged store. It is taken away when that is done.
const acceptFile = "accept-loss"

// checkLoss finds a store that has lost something. JetStream itself goes on
// with the rest, and without a word: what is missing could be a switch, a
// retired key or, worse, a revocation. head tells how far the store had
// been, and known what was in it.
func (r *Registry) checkLoss(ctx context.Context, head copyHead, known []kv.Entry) error {
	var lost []error
	for _, b := range []struct {
		what   string
		bucket *kv.NATSBucket
		seen   kv.Extent
	}{
		{"organisations, streams and keys", r.edge, head.Edge},
		{"tokens and API keys", r.issuing, head.Issuing},
	} {
		now, err := b.bucket.Extent(ctx)
		switch {
		case err != nil:
			return err
		case now.Another(b.seen):
			lost = append(lost, fmt.Errorf("the bucket of %s was made anew at %s", b.what, now.Created.Format(time.RFC3339)))
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
	return fmt.Errorf("%w: %w", errDamaged, errors.Join(lost...))
}

// accepts takes the operator's word that a damage is to be lived with, and
// returns it with what to do where there is none.
func (r *Registry) accepts(damage error) error {
	accept := filepath.Join(r.settings.Dir, acceptFile)
	if _, there := os.Stat(accept); there == nil {
		r.logger.Error("going on with what is left of the store", zap.Error(damage))
		return errors.Join(os.Remove(accept), os.Remove(filepath.Join(r.settings.Dir, viewFile)))
	}
	return fmt.Errorf("%w; put a backup back (playgate restore) into an empty directory, or go on with what is left: touch %s", damage, accept)
}

// damageLasts is how long servers of the operator's have to look damaged before
// that is believed: one that has just become the leader may not have read all yet.
var damageLasts = 10 * time.Second

// lost judges a damage of the operator's servers. Until it is believed it is an
// error. Then what the store says is added to what is known, and nothing can be
// changed here; or, once the operator accepts it, takes its place.
func (r *Registry) lost(damage error) error {
	if r.lostSince.IsZero() {
		r.lostSince = time.Now()
	}
	if time.Since(r.lostSince) < damageLasts {
		return fmt.Errorf("%w: %w", ErrUnavailable, damage)
	}
	err := r.accepts(damage)
	if err == nil {
		r.compared.Store(nil)
		r.found()
		r.anew.Store(true)
		return nil
	}
	if r.failure.Swap(&err) == nil {
		r.logger.Error("what is known goes on to count, and nothing can be changed", zap.Error(err))
	}
	if !r.view.Complete() {
		return err
	}
	return nil
}

// damaged has the watch begin anew, and find what a comparison has found.
func (r *Registry) damaged(damage error) {
	r.compared.Store(&damage)
	r.edges.Restart()
}

// found forgets a damage that is none any more.
func (r *Registry) found() {
	r.lostSince = time.Time{}
	if r.failure.Swap(nil) != nil {
		r.logger.Info("the store is whole again")
	}
}

// same reports, before the edge bucket is followed on from a revision, whether it
// is still the one that it was. What is missing would never come, and what took
// its place would not be seen.
func (r *Registry) same(ctx context.Context, after uint64) (bool, error) {
	now, err := r.edge.Extent(ctx)
	if err != nil {
		return false, err
	}
	switch compared := r.compared.Load(); {
	case compared != nil:
		err = *compared
	case now.Another(kv.Extent{Created: r.created}):
		err = fmt.Errorf("%w: it was made anew at %s", errDamaged, now.Created.Format(time.RFC3339))
	case now.Last < after:
		err = fmt.Errorf("%w: the last %d changes are missing", errDamaged, after-now.Last)
	default:
		r.created = now.Created
		r.found()
		return true, nil
	}
	if err = r.lost(err); err == nil && r.failure.Load() == nil {
		r.created = now.Created
	}
	return false, err
}

// accepting reports whether the operator has accepted a damage since.
func (r *Registry) accepting() bool {
	if r.failure.Load() == nil {
		return false
	}
	_, err := os.Stat(filepath.Join(r.settings.Dir, acceptFile))
	return err == nil
}

// compare looks whether the view is what the store says, and begins anew with a
// whole snapshot if not. Following from a revision on misses what a store that
// was set back has written since under revisions that were known before.
func (r *Registry) compare(ctx context.Context) error {
	known, reached := r.view.all(), r.edges.Position()
	return r.compareWith(ctx, known, reached)
}

// compareWith compares what was known when a revision had been reached.
func (r *Registry) compareWith(ctx context.Context, known []kv.Entry, reached uint64) error {
	newest, err := r.newest(ctx)
	if err != nil {
		return err
	}
	last := uint64(0)
	for _, e := range newest {
		last = max(last, e.Revision)
	}
	if last < reached {
		return nil // one that is behind has answered
	}
	lost := 0
	for _, k := range known {
		if newest[k.Key].Revision < k.Revision {
			lost++
		}
		if newest[k.Key].Revision == k.Revision {
			delete(newest, k.Key)
		}
	}
	unseen := 0
	for key, e := range newest {
		if !e.Deleted && e.Revision <= reached && key != beatKey {
			unseen++
		}
	}
	if lost > 0 {
		return fmt.Errorf("%w: %d records of organisations, streams, keys and revocations are missing", errDamaged, lost)
	}
	if unseen > 0 {
		r.logger.Error("the view differs from the store; it is read anew", zap.Int("records", unseen))
		r.edges.Resync()
	}
	return nil
}

// missing counts the entries that are neither in the edge bucket any more nor
// marked as deleted there.
func (r *Registry) missing(ctx context.Context, known []kv.Entry) (n int, err error) {
	newest, err := r.newest(ctx)
	for _, k := range known {
		if newest[k.Key].Revision < k.Revision {
			n++
		}
	}
	return n, err
}

// newestStalled is for how long nothing may arrive.
const newestStalled = 30 * time.Second

// newest are the newest entries of the edge bucket by their keys, without values.
// That takes as long as it takes, unless nothing more arrives.
func (r *Registry) newest(ctx context.Context) (map[string]kv.Entry, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	entries, err := r.edge.WatchKeys(ctx, 0)
	if err != nil {
		return nil, err
	}
	newest := make(map[string]kv.Entry)
	stalled := time.NewTimer(newestStalled)
	defer stalled.Stop()
	for {
		select {
		case e, open := <-entries:
			switch {
			case !open:
				return nil, ErrUnavailable
			case e.Key == "":
				return newest, nil
			}
			newest[e.Key] = e
			r.edges.Touch() // what the watch brings waits behind this
			stalled.Reset(newestStalled)
		case <-stalled.C:
			return nil, fmt.Errorf("%w: nothing more arrives", ErrUnavailable)
		}
	}
}
