package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// writeTimeout bounds how long a write may take. Without an answer by then it
// may or may not have happened.
const writeTimeout = 5 * time.Second

// On servers of the operator's a write is tried again for writePatience: when
// the one that leads a bucket dies, the others need 6 to 8 seconds to choose
// another. Each try waits for writeTry.
const (
	writePatience = 20 * time.Second
	writeTry      = 2 * time.Second
	writePause    = 200 * time.Millisecond
)

// maxValue is the largest record, in bytes.
const maxValue = 256 << 10

// natsBucket is a bucket in JetStream. Whoever holds it goes on with another
// connection when the embedded server was started again.
type natsBucket struct {
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
func (b *natsBucket) kv() jetstream.KeyValue {
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

// bucketSettings say how a bucket is made when it is not there yet.
type bucketSettings struct {
	name     string
	about    string
	replicas int
	keep     time.Duration // how long entries live; 0 for ever
	patient  bool
}

// openBucket opens a bucket, and makes it when it is not there.
func openBucket(ctx context.Context, js jetstream.JetStream, s bucketSettings) (*opened, error) {
	kv, err := js.KeyValue(ctx, s.name)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		kv, err = makeBucket(ctx, js, s)
	}
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", s.name, err)
	}
	o := &opened{js: js, kv: kv, patient: s.patient}
	stream, err := js.Stream(ctx, streamOf(s.name))
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", s.name, err)
	}
	o.replicas = stream.CachedInfo().Config.Replicas
	return o, nil
}

// streamOf is the name of the stream that a bucket is.
func streamOf(bucket string) string { return "KV_" + bucket }

func makeBucket(ctx context.Context, js jetstream.JetStream, s bucketSettings) (jetstream.KeyValue, error) {
	kv, err := js.CreateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: s.name, Description: s.about, MaxValueSize: maxValue, History: 1,
		TTL: s.keep, Storage: jetstream.FileStorage, Replicas: s.replicas,
	})
	switch {
	case errors.Is(err, jetstream.ErrBucketExists):
		return js.KeyValue(ctx, s.name) // another node was faster
	case err != nil || s.replicas == 1:
		return kv, err
	}
	// By default any replica answers, also one that is behind: a change would
	// be made of what is old already, and refused.
	stream, err := js.Stream(ctx, streamOf(s.name))
	if err != nil {
		return nil, err
	}
	config := stream.CachedInfo().Config
	config.AllowDirect = false
	if _, err := js.UpdateStream(ctx, config); err != nil {
		return nil, err
	}
	return js.KeyValue(ctx, s.name)
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

func (b *natsBucket) Get(ctx context.Context, key string) (e Entry, err error) {
	err = b.persist(ctx, func(ctx context.Context) error {
		var found jetstream.KeyValueEntry
		if found, err = b.kv().Get(ctx, key); err == nil {
			e = entry(found)
		}
		return err
	}, nil)
	return e, err
}

func entry(e jetstream.KeyValueEntry) Entry {
	return Entry{Key: e.Key(), Value: e.Value(), Revision: e.Revision(), Deleted: e.Operation() != jetstream.KeyValuePut}
}

func (b *natsBucket) Create(ctx context.Context, key string, value []byte) (revision uint64, err error) {
	err = b.persist(ctx, func(ctx context.Context) error {
		revision, err = b.kv().Create(ctx, key, value)
		return err
	}, func(ctx context.Context) bool { return b.holds(ctx, key, value, &revision) })
	return revision, err
}

func (b *natsBucket) Update(ctx context.Context, key string, value []byte, from uint64) (revision uint64, err error) {
	err = b.persist(ctx, func(ctx context.Context) error {
		revision, err = b.kv().Update(ctx, key, value, from)
		return err
	}, func(ctx context.Context) bool { return b.holds(ctx, key, value, &revision) })
	return revision, err
}

func (b *natsBucket) Delete(ctx context.Context, key string, revision uint64) (uint64, error) {
	err := b.persist(ctx, func(ctx context.Context) error {
		return b.kv().Delete(ctx, key, jetstream.LastRevision(revision))
	}, func(ctx context.Context) bool {
		_, err := b.kv().Get(ctx, key)
		return errors.Is(translate(err), ErrNotFound)
	})
	if err != nil {
		return 0, err
	}
	now, err := b.extent(ctx)
	return now.Last, err
}

// holds reports whether a key has a value, and at which revision.
func (b *natsBucket) holds(ctx context.Context, key string, value []byte, revision *uint64) bool {
	e, err := b.kv().Get(ctx, key)
	if err != nil || !bytes.Equal(e.Value(), value) {
		return false
	}
	*revision = e.Revision()
	return true
}

// persist tries something until it is answered. A try that was not answered may
// have been done all the same: when a later one says that somebody has changed
// the key, done tells whether that was this one.
func (b *natsBucket) persist(ctx context.Context, try func(context.Context) error, done func(context.Context) bool) error {
	o := b.open.Load()
	if o == nil || !o.patient {
		ctx, cancel := context.WithTimeout(ctx, writeTimeout)
		defer cancel()
		return translate(try(ctx))
	}
	ctx, cancel := context.WithTimeout(ctx, writePatience)
	defer cancel()
	for unanswered := false; ; {
		err := translate(within(ctx, writeTry, try))
		switch {
		case !errors.Is(err, ErrUnavailable):
			if err != nil && unanswered && done != nil {
				tried, cancel := context.WithTimeout(ctx, writeTry)
				defer cancel()
				if done(tried) {
					return nil
				}
			}
			return err
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

func (b *natsBucket) List(ctx context.Context, prefix string) ([]Entry, error) {
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

// extent is how far the bucket has come.
func (b *natsBucket) extent(ctx context.Context) (extent, error) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	o := b.open.Load()
	if o == nil {
		return extent{}, translate(errNotOpen)
	}
	stream, err := o.js.Stream(ctx, streamOf(o.kv.Bucket()))
	if err != nil {
		return extent{}, translate(err)
	}
	info := stream.CachedInfo()
	return extent{Last: info.State.LastSeq, Records: info.State.Msgs, Created: info.Created.UTC()}, nil
}

// connectOptions are those of every connection. Nothing is kept to be sent once
// there is a connection again: whoever asked has been told that it failed. How
// many pings have no answer does not count; see [dialer].
func connectOptions() []nats.Option {
	return []nats.Option{
		nats.Name("playgate"),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond),
		nats.ReconnectJitter(100*time.Millisecond, 250*time.Millisecond),
		nats.ReconnectBufSize(-1),
		nats.PingInterval(time.Second),
		nats.MaxPingsOutstanding(math.MaxInt),
		nats.RetryOnFailedConnect(true),
	}
}
