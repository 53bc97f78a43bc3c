package kv

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The library's watcher can be silent for 15 seconds after a server has died, and
// leaves consumers on the servers when it begins again amid an election. So a
// watch is a consumer of our own: one whose heartbeats stay away, or that lost a
// message, ends, and its follower begins another where it was.

const (
	watchHeartbeat = time.Second
	// watchForgotten is when a server drops a consumer that nobody listens to.
	watchForgotten = 5 * time.Second
	watchEnd       = 2 * time.Second
)

// watcherPrefix begins the names of the consumers of all nodes.
const watcherPrefix = "playgate-"

// watchers are the watches of a bucket that run, by the names of their consumers.
type watchers struct {
	prefix string // of this node and bucket alone
	made   atomic.Uint64
	live   sync.Map
}

// Watch sends the newest values of all keys, then an entry without a key, then
// every change. See [Bucket].
func (b *NATSBucket) Watch(ctx context.Context, after uint64) (<-chan Entry, error) {
	return b.watch(ctx, after, false)
}

// WatchKeys is Watch, without the values.
func (b *NATSBucket) WatchKeys(ctx context.Context, after uint64) (<-chan Entry, error) {
	return b.watch(ctx, after, true)
}

func (b *NATSBucket) watch(ctx context.Context, after uint64, bare bool) (<-chan Entry, error) {
	o := b.open.Load()
	switch {
	case o == nil:
		return nil, translate(errNotOpen)
	case !o.js.Conn().IsConnected():
		// A request would only wait for its time to be over.
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, nats.ErrDisconnected)
	}
	w := &watch{
		prefix: "$KV." + o.kv.Bucket() + ".", name: b.watchers.prefix + strconv.FormatUint(b.watchers.made.Add(1), 10),
		entries: make(chan Entry, 256), ended: make(chan struct{}),
	}
	config := jetstream.ConsumerConfig{
		Name: w.name, DeliverSubject: nats.NewInbox(), FilterSubject: w.prefix + ">", AckPolicy: jetstream.AckNonePolicy,
		DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy, MemoryStorage: true, Replicas: 1,
		HeadersOnly: bare, FlowControl: true, IdleHeartbeat: watchHeartbeat, InactiveThreshold: watchForgotten,
	}
	if after > 0 {
		config.DeliverPolicy, config.OptStartSeq = jetstream.DeliverByStartSequencePolicy, after+1
	}
	b.watchers.live.Store(w.name, true)
	forget := func() {
		b.watchers.live.Delete(w.name)
		// It may be there although nobody has said so.
		_ = within(context.WithoutCancel(ctx), watchEnd, func(ctx context.Context) error {
			return o.js.DeleteConsumer(ctx, streamOf(o.kv.Bucket()), w.name)
		}) // the server forgets it by itself, or is tidied later
	}
	var consumer jetstream.PushConsumer
	err := within(ctx, WriteTimeout, func(ctx context.Context) (err error) {
		consumer, err = o.js.CreatePushConsumer(ctx, streamOf(o.kv.Bucket()), config)
		return err
	})
	if err != nil {
		go forget()
		return nil, translate(err)
	}
	w.pending = consumer.CachedInfo().NumPending
	consuming, err := consumer.Consume(func(m jetstream.Msg) { w.take(ctx, m) }, jetstream.ConsumeErrHandler(func(jetstream.ConsumeContext, error) { w.end() }))
	if err != nil {
		go forget()
		return nil, translate(err)
	}
	go func() {
		if w.pending == 0 {
			w.send(ctx, Entry{})
		}
		select {
		case <-w.ended:
		case <-ctx.Done():
		}
		w.end()
		consuming.Stop()
		close(w.over())
		forget()
	}()
	return w.entries, nil
}

// watch is one that runs.
type watch struct {
	prefix, name string
	pending      uint64 // how many entries there were at the beginning

	mu       sync.Mutex // of sending and closing
	closed   bool
	taken    uint64
	complete bool
	entries  chan Entry

	once  sync.Once
	ended chan struct{}
}

func (w *watch) end() { w.once.Do(func() { close(w.ended) }) }

// over is the channel to be closed, when nothing is sent to it any more.
func (w *watch) over() chan Entry {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	return w.entries
}

func (w *watch) send(ctx context.Context, e Entry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sendLocked(ctx, e)
}

func (w *watch) sendLocked(ctx context.Context, e Entry) {
	if w.closed {
		return
	}
	select {
	case w.entries <- e:
	case <-w.ended:
	case <-ctx.Done():
	}
}

// take takes one message.
func (w *watch) take(ctx context.Context, m jetstream.Msg) {
	w.mu.Lock()
	defer w.mu.Unlock()
	meta, err := m.Metadata()
	if err != nil || meta.Sequence.Consumer != w.taken+1 {
		w.end()
		return
	}
	w.taken++
	e := Entry{Key: strings.TrimPrefix(m.Subject(), w.prefix), Value: m.Data(), Revision: meta.Sequence.Stream}
	if operation := m.Headers().Get("KV-Operation"); operation == "DEL" || operation == "PURGE" || m.Headers().Get(jetstream.MarkerReasonHeader) != "" {
		e.Deleted = true
	}
	w.sendLocked(ctx, e)
	if !w.complete && w.pending > 0 && (meta.NumPending == 0 || w.taken >= w.pending) {
		w.complete = true
		w.sendLocked(ctx, Entry{})
	}
}

// TidyWatchers removes consumers that nobody listens to: those of this node, made
// by requests whose answers did not arrive, and those of nodes that have died. A
// server forgets them by itself, but not soon when it was started again meanwhile.
func (b *NATSBucket) TidyWatchers(ctx context.Context) error {
	o := b.open.Load()
	if o == nil {
		return errNotOpen
	}
	stream, err := o.js.Stream(ctx, streamOf(o.kv.Bucket()))
	if err != nil {
		return err
	}
	all := stream.ListConsumers(ctx)
	for c := range all.Info() {
		_, live := b.watchers.live.Load(c.Name)
		mine := strings.HasPrefix(c.Name, b.watchers.prefix)
		alone := strings.HasPrefix(c.Name, watcherPrefix) && !c.PushBound && c.TimeStamp.Sub(c.Created) > watchForgotten
		if !live && (mine || alone) {
			err = errors.Join(err, stream.DeleteConsumer(ctx, c.Name))
		}
	}
	return errors.Join(err, all.Err())
}
