package registry

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/playgate/playgate/module/token"
)

// Settings say where a registry is.
type Settings struct {
	// Dir has the embedded store, the view's copy and the seal key.
	Dir string
	// URLs are the operator's NATS servers; none for the embedded store.
	URLs []string
	// Credentials is a NATS credentials file; empty for none.
	Credentials string
	// Bucket is the name of the edge bucket, and begins those of the others.
	Bucket string
	// Domain is the JetStream domain of the servers, where the way to them leads
	// over a leaf node; empty for none.
	Domain string
	// Monitor are the monitoring URLs of the operator's servers; none to leave
	// unknown whether they sync every write.
	Monitor []string
}

// DefaultBucket is the name of the edge bucket when nobody says another.
const DefaultBucket = "playgate"

func (s *Settings) embedded() bool { return len(s.URLs) == 0 }

// Registry is one registry, for as long as some configuration uses it.
type Registry struct {
	settings Settings
	logger   *zap.Logger
	now      func() time.Time
	made     time.Time // by which heartbeats are told

	view   *View
	signer atomic.Pointer[token.Key] // the last one that was unsealed

	mu      sync.Mutex // of starting and closing
	started bool
	failure atomic.Pointer[error] // why the store could not be opened, though the view could
	server  *embedded
	conn    *nats.Conn
	edge    *natsBucket
	issuing *natsBucket
	audit   *natsBucket
	opened  chan struct{} // closed once the buckets are there
	edges   *follower
	ctx     context.Context
	stop    context.CancelFunc
	running sync.WaitGroup

	indexing sync.Mutex
	tokens   *Index
	records  *follower

	sealMu sync.Mutex
	sealed *sealer

	journal journal
	whole   chan struct{} // the copy is to be written whole
	// What follows is keepCopy's own.
	copied   int64    // how long the last copy was
	dirLock  *os.File // beside servers of the operator's
	lockTold bool

	// created and lostSince are of whoever follows the edge bucket.
	created   time.Time             // when it was made, as far as known
	lostSince time.Time             // it has looked damaged since
	compared  atomic.Pointer[error] // a comparison has found it damaged
	comparing sync.Mutex            // held by the comparison that runs
	anew      atomic.Bool           // the next snapshot takes the place of all

	asking asking

	beat heartbeat
	sick atomic.Pointer[error] // why the embedded store takes no changes
}

// New makes a registry. It touches nothing until it is started.
func New(s Settings, logger *zap.Logger) *Registry {
	if s.Bucket == "" {
		s.Bucket = DefaultBucket
	}
	r := &Registry{
		settings: s, logger: logger, now: time.Now, made: time.Now(), view: newView(logger), opened: make(chan struct{}),
		journal: journal{logger: logger}, whole: make(chan struct{}, 1),
		edge: new(natsBucket), issuing: new(natsBucket), audit: new(natsBucket),
	}
	for _, b := range []*natsBucket{r.edge, r.issuing, r.audit} {
		b.watchers.prefix = watcherPrefix + token.NewID(8) + "-"
	}
	r.edges = follow(r.edge, logger, r.reset, r.take)
	r.ctx, r.stop = context.WithCancel(context.Background())
	return r
}

// OnRevoke has f called with each revocation that is new, once it is in force on
// this node. It has to be said before Start, and f must not block.
func (r *Registry) OnRevoke(f func(*Revocation)) { r.view.onRevoke = f }

// OnChange has f called after each change on which a verdict can depend. It has to
// be said before Start, and f must not block.
func (r *Registry) OnChange(f func()) { r.view.onChange = f }

// View is what gates read.
func (r *Registry) View() *View { return r.view }

// Start opens the store; again does nothing. Where the store is embedded, it
// returns when the view is complete. One that cannot be opened is an error,
// unless a copy of the view is young enough to play with: then the error is
// logged, and whatever would write says it. A store that another process has
// is always an error. Servers of the operator's are waited for in the
// background.
func (r *Registry) Start() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.started {
		return nil
	}
	if err := os.MkdirAll(r.settings.Dir, 0o700); err != nil {
		r.logger.Error("the registry's directory cannot be made", zap.Error(err))
	}
	head, entries, copyErr := usable(r.settings.Dir, r.now())
	if copyErr != nil && !errors.Is(copyErr, os.ErrNotExist) {
		r.logger.Warn("the copy of the registry cannot be used", zap.Error(copyErr))
	}
	r.journal.follows(head.last)
	if r.settings.embedded() {
		if err := r.startEmbedded(head, entries); err != nil {
			if errors.Is(err, ErrLocked) || copyErr != nil {
				r.shut()
				return err
			}
			r.failure.Store(&err)
			r.view.reset(entries)
			r.knewAt(head.Seen)
			r.logger.Error("the registry's store cannot be opened; what the copy on this disk says goes on to count, and nothing can be changed", zap.Error(err))
		}
		r.started = true
		return nil
	}
	if copyErr == nil {
		r.view.reset(entries)
		r.knewAt(head.Seen)
	}
	if err := r.connect(); err != nil {
		r.shut()
		return err
	}
	r.running.Go(func() { r.openSoon(head, entries) })
	r.started = true
	return nil
}

func (r *Registry) startEmbedded(head copyHead, known []Entry) error {
	var err error
	if r.server, err = startServer(r.settings.Dir, r.logger.Named("nats")); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.ctx, startTimeout)
	defer cancel()
	if err := r.enter(ctx); err != nil {
		return err
	}
	if err := r.checkLoss(ctx, head, known); err != nil {
		if !errors.Is(err, errDamaged) {
			return err
		}
		if err := r.accepts(err); err != nil {
			return err
		}
	}
	close(r.opened)
	r.followEdge()
	if err := r.edges.wait(ctx, 0); err != nil {
		return err
	}
	r.furnish(ctx)
	return nil
}

// furnish makes the keys that a new registry needs. What cannot be made now is
// made when it is asked for.
func (r *Registry) furnish(ctx context.Context) {
	if err := errors.Join(r.EnsureSessions(ctx), r.EnsureSigning(ctx)); err != nil {
		r.logger.Warn("the registry's keys could not be made yet", zap.Error(err))
	}
}

// enter connects to the embedded server and opens the buckets.
func (r *Registry) enter(ctx context.Context) error {
	conn, err := nats.Connect("", append(connectOptions(), nats.InProcessServer(r.server.server))...)
	if err != nil {
		return err
	}
	if r.conn != nil {
		r.conn.Close()
	}
	r.conn = conn
	return r.openBuckets(ctx)
}

func (r *Registry) connect() error {
	opts := connectOptions()
	if r.settings.Credentials != "" {
		if _, err := os.Stat(r.settings.Credentials); err != nil {
			return fmt.Errorf("store nats: credentials: %w", err)
		}
		opts = append(opts, nats.UserCredentials(r.settings.Credentials))
	}
	opts = append(opts,
		nats.SetCustomDialer(dialer{}),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if r.ctx.Err() == nil {
				r.logger.Warn("the connection to the registry is lost; what is known goes on to count", zap.Error(err))
			}
		}),
		nats.ReconnectHandler(func(c *nats.Conn) {
			r.logger.Info("connected to the registry again", zap.String("server", c.ConnectedUrlRedacted()))
			r.edges.kick()
			r.indexing.Lock()
			defer r.indexing.Unlock()
			if r.records != nil {
				r.records.kick()
			}
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			r.logger.Error("the registry's server says", zap.Error(err))
		}))
	var err error
	if r.conn, err = nats.Connect(strings.Join(r.settings.URLs, ","), opts...); err != nil {
		return err
	}
	return r.listen()
}

// openSoon opens the buckets of the operator's servers as soon as they are there.
func (r *Registry) openSoon(head copyHead, known []Entry) {
	told := ""
	for r.ctx.Err() == nil {
		err := r.openOnce(head, known)
		if err == nil {
			close(r.opened)
			r.followEdge()
			r.warnOfReplicas()
			r.running.Go(r.watchSync)
			if r.edges.wait(r.ctx, 0) == nil {
				r.furnish(r.ctx)
			}
			return
		}
		if r.ctx.Err() == nil && err.Error() != told {
			told = err.Error()
			r.logger.Warn("the registry cannot be opened yet; it is tried again", zap.Error(err))
		}
		select {
		case <-time.After(openPause):
		case <-r.ctx.Done():
		}
	}
}

// openPause is how long to wait before the operator's servers are asked again,
// and openTry how long one answer is waited for: one that chooses a leader gives
// none.
const (
	openPause = time.Second
	openTry   = 3 * time.Second
)

func (r *Registry) openOnce(head copyHead, known []Entry) error {
	if !r.conn.IsConnected() {
		return fmt.Errorf("%w: no server answers", ErrUnavailable)
	}
	if err := within(r.ctx, openTry, r.openBuckets); err != nil {
		return err
	}
	err := r.checkLoss(r.ctx, head, known)
	if errors.Is(err, errDamaged) {
		damage := err
		if err = r.lost(damage); err == nil && r.failure.Load() != nil {
			r.compared.Store(&damage) // until it is accepted
		}
	}
	if err != nil {
		return err
	}
	now, err := r.edge.extent(r.ctx)
	r.created = now.Created
	return err
}

// replicas is how many servers of a cluster keep each bucket.
const replicas = 3

// warnOfReplicas tells when a cluster keeps a bucket on too few servers.
func (r *Registry) warnOfReplicas() {
	if r.conn.ConnectedClusterName() == "" {
		return
	}
	for name, b := range map[string]*natsBucket{"": r.edge, "_issuing": r.issuing, "_audit": r.audit} {
		if n := b.open.Load().replicas; n < replicas {
			stream := streamOf(r.settings.Bucket + name)
			r.logger.Warn("a bucket is on too few servers of its cluster: without them nothing can be changed, and edges that start know nothing; run nats stream edit --replicas 3 "+stream,
				zap.String("stream", stream), zap.Int("replicas", n))
		}
	}
}

// openBuckets opens the three buckets on the connection.
func (r *Registry) openBuckets(ctx context.Context) error {
	js, err := jetstream.New(r.conn)
	if r.settings.Domain != "" {
		js, err = jetstream.NewWithDomain(r.conn, r.settings.Domain)
	}
	if err != nil {
		return err
	}
	copies := 1
	if r.conn.ConnectedClusterName() != "" {
		copies = replicas
	}
	for _, b := range []struct {
		bucket *natsBucket
		bucketSettings
	}{
		{r.edge, bucketSettings{name: r.settings.Bucket, about: "Playgate: what every gate knows"}},
		{r.issuing, bucketSettings{name: r.settings.Bucket + "_issuing", about: "Playgate: token records, API keys, sealed keys"}},
		{r.audit, bucketSettings{name: r.settings.Bucket + "_audit", about: "Playgate: who changed what", keep: auditKept}},
	} {
		b.replicas, b.patient = copies, !r.settings.embedded()
		o, err := openBucket(ctx, js, b.bucketSettings)
		if err != nil {
			return err
		}
		b.bucket.open.Store(o)
	}
	return nil
}

// followEdge begins to follow the edge bucket, and to keep its copy.
func (r *Registry) followEdge() {
	if !r.settings.embedded() {
		r.edges.same = r.same
	}
	if r.holdsDir() {
		if _, err := r.journal.next(r.settings.Dir); err != nil {
			r.logger.Warn("the journal of the registry's copy cannot be written", zap.Error(err))
		}
	}
	r.running.Go(func() { r.edges.run(r.ctx) })
	r.running.Go(func() { r.keepCopy() })
	if !r.settings.embedded() {
		r.running.Go(func() { r.watchdog() })
	}
}

// index starts to follow the issuing bucket when somebody first asks for it.
func (r *Registry) index(ctx context.Context) (*Index, error) {
	if err := r.writable(); err != nil {
		return nil, err
	}
	r.indexing.Lock()
	if r.tokens == nil {
		r.tokens = newIndex(r.logger)
		r.records = follow(r.issuing, r.logger, r.tokens.reset, r.tokens.apply)
		r.records.same = sameAs(r.issuing)
		r.running.Go(func() { r.records.run(r.ctx) })
	}
	r.indexing.Unlock()
	if err := r.records.wait(ctx, 0); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return r.tokens, nil
}

// Tokens is the index of the token records.
func (r *Registry) Tokens(ctx context.Context) (*Index, error) { return r.index(ctx) }

// writable reports why the store cannot be used, or nil.
func (r *Registry) writable() error {
	select {
	case <-r.opened:
	default:
		if failure := r.failure.Load(); failure != nil {
			return fmt.Errorf("%w: %w", ErrUnavailable, *failure)
		}
		return fmt.Errorf("%w: it is not open yet", ErrUnavailable)
	}
	if failure := r.failure.Load(); failure != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, *failure)
	}
	return r.illness()
}

// Writable reports why nothing can be changed, or nil.
func (r *Registry) Writable() error { return r.writable() }

func (r *Registry) sealing() (*sealer, error) {
	r.sealMu.Lock()
	defer r.sealMu.Unlock()
	if r.sealed == nil {
		s, err := openSealer(r.settings.Dir)
		if err != nil {
			return nil, err
		}
		r.sealed = s
	}
	return r.sealed, nil
}

// Close ends everything. Nothing may be asked afterwards.
func (r *Registry) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shut()
	return nil
}

func (r *Registry) shut() {
	r.stop()
	r.running.Wait()
	if r.conn != nil {
		r.conn.Close()
	}
	if r.server != nil {
		r.server.stop()
	}
	if r.dirLock != nil {
		_ = r.dirLock.Close() // which ends the lock
	}
}

// settled waits until what has been written can be read here.
func (r *Registry) settled(ctx context.Context, b Bucket, revision uint64) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	var f *follower
	switch b {
	case r.edge:
		f = r.edges
	case r.issuing:
		r.indexing.Lock()
		f = r.records
		r.indexing.Unlock()
	}
	if f != nil {
		_ = f.wait(ctx, revision) // it is written, whatever this node has seen of it
	}
}

func (r *Registry) create(ctx context.Context, b Bucket, key string, rec record) (uint64, error) {
	data, err := encode(rec)
	if err != nil {
		return 0, err
	}
	revision, err := b.Create(ctx, key, data)
	if err == nil {
		r.settled(ctx, b, revision)
	}
	return revision, r.examine(err)
}

// update reads a record, changes it and writes it, again when somebody else was
// faster.
func (r *Registry) update(ctx context.Context, b Bucket, key string, rec record, change func() error) error {
	const tries = 8
	if err := r.writable(); err != nil {
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
			r.settled(ctx, b, revision)
		}
		if !errors.Is(err, ErrConflict) {
			return r.examine(err)
		}
	}
	return ErrConflict
}

func (r *Registry) remove(ctx context.Context, b Bucket, key string) error {
	if err := r.writable(); err != nil {
		return err
	}
	e, err := b.Get(ctx, key)
	if err != nil {
		return err
	}
	revision, err := b.Delete(ctx, key, e.Revision)
	if err == nil {
		r.settled(ctx, b, revision)
	}
	return r.examine(err)
}
