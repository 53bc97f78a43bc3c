package registry

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// writeTimeout bounds how long a write may take. Without an answer by then it
// may or may not have happened.
const writeTimeout = 5 * time.Second

// maxValue is the largest record, in bytes.
const maxValue = 256 << 10

// natsBucket is a bucket in JetStream. Whoever holds it goes on with another
// connection when the embedded server was started again.
type natsBucket struct{ open atomic.Pointer[opened] }

// opened is a bucket on one connection.
type opened struct {
	js jetstream.JetStream
	kv jetstream.KeyValue
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

func (closed) WatchAll(context.Context, ...jetstream.WatchOpt) (jetstream.KeyWatcher, error) {
	return nil, errNotOpen
}

var errNotOpen = errors.New("the store is not open")

// bucketSettings say how a bucket is made when it is not there yet.
type bucketSettings struct {
	name     string
	about    string
	replicas int
	keep     time.Duration // how long entries live; 0 for ever
}

// openBucket opens a bucket, and makes it when it is not there.
func openBucket(ctx context.Context, js jetstream.JetStream, s bucketSettings) (*opened, error) {
	kv, err := js.KeyValue(ctx, s.name)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		kv, err = js.CreateKeyValue(ctx, jetstream.KeyValueConfig{
			Bucket: s.name, Description: s.about, MaxValueSize: maxValue, History: 1,
			TTL: s.keep, Storage: jetstream.FileStorage, Replicas: s.replicas,
		})
		if errors.Is(err, jetstream.ErrBucketExists) {
			kv, err = js.KeyValue(ctx, s.name) // another node was faster
		}
	}
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", s.name, err)
	}
	return &opened{js: js, kv: kv}, nil
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
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

func (b *natsBucket) Get(ctx context.Context, key string) (Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	e, err := b.kv().Get(ctx, key)
	if err != nil {
		return Entry{}, translate(err)
	}
	return entry(e), nil
}

func entry(e jetstream.KeyValueEntry) Entry {
	return Entry{Key: e.Key(), Value: e.Value(), Revision: e.Revision(), Deleted: e.Operation() != jetstream.KeyValuePut}
}

func (b *natsBucket) Create(ctx context.Context, key string, value []byte) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	revision, err := b.kv().Create(ctx, key, value)
	return revision, translate(err)
}

func (b *natsBucket) Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	revision, err := b.kv().Update(ctx, key, value, revision)
	return revision, translate(err)
}

func (b *natsBucket) Delete(ctx context.Context, key string, revision uint64) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	if err := b.kv().Delete(ctx, key, jetstream.LastRevision(revision)); err != nil {
		return 0, translate(err)
	}
	now, err := b.extent(ctx)
	return now.Last, err
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

func (b *natsBucket) Watch(ctx context.Context, after uint64) (<-chan Entry, error) {
	var opts []jetstream.WatchOpt
	if after > 0 {
		opts = append(opts, jetstream.ResumeFromRevision(after+1))
	}
	w, err := b.kv().WatchAll(ctx, opts...)
	if err != nil {
		return nil, translate(err)
	}
	entries := make(chan Entry, 256)
	go func() {
		defer close(entries)
		defer func() { _ = w.Stop() }() // nothing follows from it
		for {
			var next Entry
			select {
			case e, open := <-w.Updates():
				if !open {
					return
				}
				if e != nil {
					next = entry(e)
				}
			case <-ctx.Done():
				return
			}
			select {
			case entries <- next:
			case <-ctx.Done():
				return
			}
		}
	}()
	return entries, nil
}

// extent is how far the bucket has come.
func (b *natsBucket) extent(ctx context.Context) (extent, error) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	o := b.open.Load()
	if o == nil {
		return extent{}, translate(errNotOpen)
	}
	stream, err := o.js.Stream(ctx, "KV_"+o.kv.Bucket())
	if err != nil {
		return extent{}, translate(err)
	}
	state := stream.CachedInfo().State
	return extent{Last: state.LastSeq, Records: state.Msgs}, nil
}

// connectOptions are those of every connection.
func connectOptions() []nats.Option {
	return []nats.Option{
		nats.Name("playgate"),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond),
		nats.PingInterval(time.Second),
		nats.MaxPingsOutstanding(2),
		nats.RetryOnFailedConnect(true),
	}
}
