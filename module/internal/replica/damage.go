package replica

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/kv"
)

// ErrDamaged: the store has lost what it had acknowledged.
var ErrDamaged = errors.New("the store is damaged, or an older one was put in its place")

// AcceptFile, in the store's directory, says that the operator goes on with
// what is left of a damaged store. It is taken away when that is done.
const AcceptFile = "accept-loss"

// damageLasts is how long servers of the operator's have to look damaged before
// that is believed, by default: one that has just become the leader may not have
// read all yet.
const damageLasts = 10 * time.Second

// damage is what a store has lost, as far as this node knows.
type damage struct {
	*Config
	follower *kv.Follower

	// failure is why nothing can be changed, though the state can be read.
	failure atomic.Pointer[error]
	// created and since are of whoever follows the edge bucket.
	created  time.Time             // when it was made, as far as known
	since    time.Time             // it has looked damaged since
	compared atomic.Pointer[error] // a comparison has found it damaged
	anew     atomic.Bool           // the next snapshot takes the place of all
}

// checkLoss finds a store that has lost something. JetStream itself goes on
// with the rest, and without a word: what is missing could be a switch, a
// retired key or, worse, a revocation. head tells how far the store had
// been, and known what was in it.
func (d *damage) checkLoss(ctx context.Context, head Head, known []kv.Entry) error {
	var lost []error
	for _, b := range []struct {
		what   string
		bucket *kv.NATSBucket
		seen   kv.Extent
	}{
		{"organisations, streams and keys", d.Edge, head.Edge},
		{"tokens and API keys", d.Issuing, head.Issuing},
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
	if n, err := d.missing(ctx, known); err != nil {
		return err
	} else if n > 0 && lost == nil {
		lost = append(lost, fmt.Errorf("%d records of organisations, streams and keys cannot be read", n))
	}
	if lost == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrDamaged, errors.Join(lost...))
}

// accepts takes the operator's word that a damage is to be lived with, and
// returns it with what to do where there is none.
func (d *damage) accepts(damage error) error {
	accept := filepath.Join(d.Dir, AcceptFile)
	if _, there := os.Stat(accept); there == nil {
		d.Logger.Error("going on with what is left of the store", zap.Error(damage))
		return errors.Join(os.Remove(accept), os.Remove(filepath.Join(d.Dir, viewFile)))
	}
	return fmt.Errorf("%w; put a backup back (playgate restore) into an empty directory, or go on with what is left: touch %s", damage, accept)
}

// lost judges a damage of the operator's servers. Until it is believed it is an
// error. Then what the store says is added to what is known, and nothing can be
// changed here; or, once the operator accepts it, takes its place.
func (d *damage) lost(damage error) error {
	if d.since.IsZero() {
		d.since = time.Now()
	}
	if time.Since(d.since) < d.DamageLasts {
		return fmt.Errorf("%w: %w", kv.ErrUnavailable, damage)
	}
	err := d.accepts(damage)
	if err == nil {
		d.compared.Store(nil)
		d.clearDamage()
		d.anew.Store(true)
		return nil
	}
	if d.failure.Swap(&err) == nil {
		d.Logger.Error("what is known goes on to count, and nothing can be changed", zap.Error(err))
	}
	if !d.State.Complete() {
		return err
	}
	return nil
}

// clearDamage forgets a damage that is none any more.
func (d *damage) clearDamage() {
	d.since = time.Time{}
	if d.failure.Swap(nil) != nil {
		d.Logger.Info("the store is whole again")
	}
}

// same reports, before the edge bucket is followed on from a revision, whether it
// is still the one that it was. What is missing would never come, and what took
// its place would not be seen.
func (d *damage) same(ctx context.Context, after uint64) (bool, error) {
	now, err := d.Edge.Extent(ctx)
	if err != nil {
		return false, err
	}
	switch compared := d.compared.Load(); {
	case compared != nil:
		err = *compared
	case now.Another(kv.Extent{Created: d.created}):
		err = fmt.Errorf("%w: it was made anew at %s", ErrDamaged, now.Created.Format(time.RFC3339))
	case now.Last < after:
		err = fmt.Errorf("%w: the last %d changes are missing", ErrDamaged, after-now.Last)
	default:
		d.created = now.Created
		d.clearDamage()
		return true, nil
	}
	if err = d.lost(err); err == nil && d.failure.Load() == nil {
		d.created = now.Created
	}
	return false, err
}

// accepting reports whether the operator has accepted a damage since.
func (d *damage) accepting() bool {
	if d.failure.Load() == nil {
		return false
	}
	_, err := os.Stat(filepath.Join(d.Dir, AcceptFile))
	return err == nil
}

// missing counts the entries that are neither in the edge bucket any more nor
// marked as deleted there.
func (d *damage) missing(ctx context.Context, known []kv.Entry) (n int, err error) {
	newest, err := newestEntries(ctx, d.Edge, d.follower.Touch)
	for _, k := range known {
		if newest[k.Key].Revision < k.Revision {
			n++
		}
	}
	return n, err
}
