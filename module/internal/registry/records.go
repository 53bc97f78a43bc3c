package registry

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/kv"
	"github.com/playgate/playgate/module/internal/replica"
)

// records is how the parts of a registry read and change records. Changes go to a
// bucket; what is in the edge bucket is read from the view, and what is in the
// issuing bucket from the index.
type records struct {
	logger  *zap.Logger
	now     func() time.Time
	edge    *kv.NATSBucket
	issuing *kv.NATSBucket
	replica *replica.Replica
	view    *View
	index   lazyIndex
	audit   *Audit
}

// settled notes what has been written, if there is something to note, and waits until it
// can be read here. Without that, the error is [ErrNotInForce].
func (r *records) settled(ctx context.Context, b kv.Bucket, revision uint64, note func()) error {
	if note != nil {
		note()
	}
	ctx, cancel := context.WithTimeout(ctx, kv.WriteTimeout)
	defer cancel()
	switch b {
	case r.edge:
		if r.replica.Wait(ctx, revision) != nil {
			return ErrNotInForce
		}
	case r.issuing:
		r.index.wait(ctx, revision)
	}
	return nil
}

// create writes a new record, or returns ErrExists. It returns when the record can
// be read here. Whatever can be written has a note for the audit trail, or none.
func (r *records) create(ctx context.Context, b kv.Bucket, key string, rec record, note func()) (uint64, error) {
	data, err := encode(rec)
	if err != nil {
		return 0, err
	}
	revision, err := b.Create(ctx, key, data)
	if err == nil {
		err = r.settled(ctx, b, revision, note)
	}
	return revision, r.replica.ClassifyWriteError(err)
}

// update reads a record, changes it and writes it, again when somebody else was
// faster.
func (r *records) update(ctx context.Context, b kv.Bucket, key string, rec record, change func() error, note func()) error {
	const tries = 8
	if err := r.replica.Writable(); err != nil {
		return err
	}
	for range tries {
		e, err := b.Get(ctx, key)
		if err != nil {
			return err
		}
		clearRecord(rec)
		if err := decode(e.Value, rec); err != nil {
			return err
		}
		if err := change(); err != nil {
			return err
		}
		data, err := encode(rec)
		if err != nil {
			return err
		}
		revision, err := b.Update(ctx, key, data, e.Revision)
		if err == nil {
			err = r.settled(ctx, b, revision, note)
		}
		if !errors.Is(err, ErrConflict) {
			return r.replica.ClassifyWriteError(err)
		}
	}
	return ErrConflict
}

// remove deletes a record, or returns ErrNotFound.
func (r *records) remove(ctx context.Context, b kv.Bucket, key string, note func()) error {
	if err := r.replica.Writable(); err != nil {
		return err
	}
	e, err := b.Get(ctx, key)
	if err != nil {
		return err
	}
	revision, err := b.Delete(ctx, key, e.Revision)
	if err == nil {
		err = r.settled(ctx, b, revision, note)
	}
	return r.replica.ClassifyWriteError(err)
}
