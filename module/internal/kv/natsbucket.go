package kv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// WriteTimeout bounds how long a write to the embedded server may take. Without
// an answer by then it may or may not have happened.
const WriteTimeout = 5 * time.Second

// On servers of the operator's a write is tried again for WritePatience: when
// the one that leads a bucket dies, the others need 6 to 8 seconds to choose
// another. Each try waits for WriteTry.
const (
	WritePatience = 20 * time.Second
	WriteTry      = 2 * time.Second
	writePause    = 200 * time.Millisecond
)

// MaxValue is the largest value, in bytes.
const MaxValue = 256 << 10

// NATSBucket is a [Bucket] in JetStream. Its holder goes on with another
// connection after the embedded server was started again. Until its [Store] is
// open, all its methods return ErrUnavailable.
type NATSBucket struct {
	settings BucketSettings
	open     atomic.Pointer[opened]
	watchers watchers
}

// opened is a bucket on one connection.
type opened struct {
	js jetstream.JetStream
	kv jetstream.KeyValue
	// patient has writes tried again.
	patient bool
	// replicas is how many servers keep it.
	replicas int
}

// kv is the bucket, or one that has nothing as long as it is not open.
func (b *NATSBucket) kv() jetstream.KeyValue {
	if o := b.open.Load(); o != nil {
		return o.kv
	}
	return closed{}
}

// closed is a bucket that is not open.
type closed struct{ jetstream.KeyValue }

func (closed) Get(context.Context, string) (jetstream.KeyValueEntry, error) {
	return nil, errNotOpen
}

func (closed) Create(context.Context, string, []byte, ...jetstream.KVCreateOpt) (uint64, error) {
	return 0, errNotOpen
}

func (closed) Update(context.Context, string, []byte, uint64) (uint64, error) {
	return 0, errNotOpen
}

func (closed) Delete(context.Context, string, ...jetstream.KVDeleteOpt) error { return errNotOpen }

func (closed) Watch(context.Context, string, ...jetstream.WatchOpt) (jetstream.KeyWatcher, error) {
	return nil, errNotOpen
}

var errNotOpen = errors.New("the store is not open")

// BucketSettings say how a bucket is made if it does not exist yet.
type BucketSettings struct {
	// Name is that of the bucket.
	Name string
	// About describes it to an operator who lists the buckets.
	About string
	// Keep is how long entries live. Default: for ever.
	Keep time.Duration
}

// openBucket opens a bucket, and makes it on so many servers if it does not exist.
func openBucket(ctx context.Context, js jetstream.JetStream, s BucketSettings, replicas int, patient bool) (*opened, error) {
	kv, err := js.KeyValue(ctx, s.Name)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		kv, err = makeBucket(ctx, js, s, replicas)
	}
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", s.Name, err)
	}
	o := &opened{js: js, kv: kv, patient: patient}
	stream, err := js.Stream(ctx, streamOf(s.Name))
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", s.Name, err)
	}
	o.replicas = stream.CachedInfo().Config.Replicas
	return o, nil
}

// streamOf is the name of the stream that a bucket is.
func streamOf(bucket string) string { return "KV_" + bucket }

func makeBucket(ctx context.Context, js jetstream.JetStream, s BucketSettings, replicas int) (jetstream.KeyValue, error) {
	kv, err := js.CreateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: s.Name, Description: s.About, MaxValueSize: MaxValue, History: 1,
		TTL: s.Keep, Storage: jetstream.FileStorage, Replicas: replicas,
	})
	switch {
	case errors.Is(err, jetstream.ErrBucketExists):
		return js.KeyValue(ctx, s.Name) // another node was faster
	case err != nil || replicas == 1:
		return kv, err
	}
	// By default any replica answers, also one that is behind: a change would
	// be made of what is old already, and refused.
	stream, err := js.Stream(ctx, streamOf(s.Name))
	if err != nil {
		return nil, err
	}
	config := stream.CachedInfo().Config
	config.AllowDirect = false
	if _, err := js.UpdateStream(ctx, config); err != nil {
		return nil, err
	}
	return js.KeyValue(ctx, s.Name)
}

// translate makes errors of JetStream those of a bucket.
func translate(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jetstream.ErrKeyNotFound), errors.Is(err, jetstream.ErrKeyDeleted):
		return ErrNotFound
	case errors.Is(err, jetstream.ErrKeyRevisionMismatch):
		return ErrConflict
	case errors.Is(err, jetstream.ErrKeyExists):
		return ErrExists
	case errors.Is(err, nats.ErrReconnectBufExceeded): // which is none
		err = nats.ErrDisconnected
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// Get returns the newest value. See [Bucket].
func (b *NATSBucket) Get(ctx context.Context, key string) (e Entry, err error) {
	err = b.persist(ctx, func(ctx context.Context) error {
		var found jetstream.KeyValueEntry
		if found, err = b.kv().Get(ctx, key); err == nil {
			e = entry(found)
		}
		return err
	}, nil)
	return e, err
}

// Written is when a key was written last, by the clock of the store.
func (b *NATSBucket) Written(ctx context.Context, key string) (at time.Time, err error) {
	err = b.persist(ctx, func(ctx context.Context) error {
		var found jetstream.KeyValueEntry
		if found, err = b.kv().Get(ctx, key); err == nil {
			at = found.Created()
		}
		return err
	}, nil)
	return at, err
}

func entry(e jetstream.KeyValueEntry) Entry {
	return Entry{Key: e.Key(), Value: e.Value(), Revision: e.Revision(), Deleted: e.Operation() != jetstream.KeyValuePut}
}

// Create writes a key that must not be there. See [Bucket].
func (b *NATSBucket) Create(ctx context.Context, key string, value []byte) (revision uint64, err error) {
	err = b.persist(ctx, func(ctx context.Context) error {
		revision, err = b.kv().Create(ctx, key, value)
		return err
	}, func(ctx context.Context) fate { return b.fateOf(ctx, key, value, 0, &revision) })
	return revision, err
}

// Update writes a key whose newest revision must be this one. See [Bucket].
func (b *NATSBucket) Update(ctx context.Context, key string, value []byte, from uint64) (revision uint64, err error) {
	err = b.persist(ctx, func(ctx context.Context) error {
		revision, err = b.kv().Update(ctx, key, value, from)
		return err
	}, func(ctx context.Context) fate { return b.fateOf(ctx, key, value, from, &revision) })
	return revision, err
}

// Delete removes a key whose newest revision must be this one. See [Bucket].
func (b *NATSBucket) Delete(ctx context.Context, key string, revision uint64) (uint64, error) {
	err := b.persist(ctx, func(ctx context.Context) error {
		return b.kv().Delete(ctx, key, jetstream.LastRevision(revision))
	}, func(ctx context.Context) fate { return b.fateOf(ctx, key, nil, revision, nil) })
	if err != nil {
		return 0, err
	}
	now, err := b.Extent(ctx)
	return now.Last, err
}

// fate is what has become of a write that was not answered.
type fate int

const (
	pending fate = iota // it may be done yet, or be lost
	done
	undone // somebody else has written
)

// fateOf is that of a write of a key, whose revision was from; 0 where there was none. A nil
// value was to delete it. It gives the revision of one that is done.
func (b *NATSBucket) fateOf(ctx context.Context, key string, value []byte, from uint64, revision *uint64) fate {
	e, err := b.kv().Get(ctx, key)
	missing := errors.Is(translate(err), ErrNotFound)
	switch {
	case err != nil && !missing:
		return pending
	case missing && value == nil:
		return done
	case missing && from == 0, !missing && e.Revision() == from:
		return pending // as before
	case missing || value == nil || !bytes.Equal(e.Value(), value):
		return undone
	}
	*revision = e.Revision()
	return done
}

// persist tries something until it is answered. A try that was not answered may
// have been done all the same, or be under way: when a later one says that somebody has
// changed the key, outcome tells whether that was this one. A write that stays
// pending is ErrUnavailable: it may or may not have happened.
func (b *NATSBucket) persist(ctx context.Context, try func(context.Context) error, outcome func(context.Context) fate) error {
	o := b.open.Load()
	if o == nil || !o.patient {
		ctx, cancel := context.WithTimeout(ctx, WriteTimeout)
		defer cancel()
		return translate(try(ctx))
	}
	ctx, cancel := context.WithTimeout(ctx, WritePatience)
	defer cancel()
	for unanswered := false; ; {
		err := translate(within(ctx, WriteTry, try))
		switch {
		case !errors.Is(err, ErrUnavailable):
			if err == nil || !unanswered || outcome == nil {
				return err
			}
			asked, cancel := context.WithTimeout(ctx, WriteTry)
			became := outcome(asked)
			cancel()
			switch {
			case became == done:
				return nil
			case became == undone:
				return err
			}
			err = fmt.Errorf("%w: a write was not answered, and nothing tells whether it was done", ErrUnavailable)
			if ctx.Err() != nil {
				return err
			}
		case final(err) || ctx.Err() != nil:
			return err
		}
		unanswered = true
		select {
		case <-time.After(writePause):
		case <-ctx.Done():
			return err
		}
	}
}

func within(ctx context.Context, d time.Duration, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return do(ctx)
}

// final reports whether to ask again leads to nothing else: the server has
// answered, and refuses.
func final(err error) bool {
	api, answered := errors.AsType[*jetstream.APIError](err)
	if !answered {
		return errors.Is(err, nats.ErrMaxPayload) || errors.Is(err, nats.ErrPermissionViolation)
	}
	return api.Code < 500 && api.Code != 408
}

// List returns the newest values of all keys below a prefix. See [Bucket].
func (b *NATSBucket) List(ctx context.Context, prefix string) ([]Entry, error) {
	filter := ">"
	if prefix != "" {
		filter = prefix + ".>"
	}
	w, err := b.kv().Watch(ctx, filter, jetstream.IgnoreDeletes())
	if err != nil {
		return nil, translate(err)
	}
	defer func() { _ = w.Stop() }() // nothing follows from it
	var list []Entry
	for {
		select {
		case e, open := <-w.Updates():
			if !open {
				return nil, ErrUnavailable
			}
			if e == nil {
				return list, nil
			}
			list = append(list, entry(e))
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
		}
	}
}

// Extent is how far the bucket has come.
func (b *NATSBucket) Extent(ctx context.Context) (Extent, error) {
	ctx, cancel := context.WithTimeout(ctx, WriteTimeout)
	defer cancel()
	o := b.open.Load()
	if o == nil {
		return Extent{}, translate(errNotOpen)
	}
	stream, err := o.js.Stream(ctx, streamOf(o.kv.Bucket()))
	if err != nil {
		return Extent{}, translate(err)
	}
	info := stream.CachedInfo()
	return Extent{Last: info.State.LastSeq, Records: info.State.Msgs, Created: info.Created.UTC()}, nil
}
