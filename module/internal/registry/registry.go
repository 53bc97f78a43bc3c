package registry

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/kv"
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

	noSync bool // see [kv.ServerSettings]
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
	server  *kv.Server
	store   *kv.Store
	edge    *kv.NATSBucket
	issuing *kv.NATSBucket
	audit   *kv.NATSBucket
	opened  chan struct{} // closed once the buckets are there
	edges   *kv.Follower
	ctx     context.Context
	stop    context.CancelFunc
	running sync.WaitGroup

	indexing sync.Mutex
	tokens   *Index
	records  *kv.Follower

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
		store: kv.NewStore(kv.Settings{URLs: s.URLs, Credentials: s.Credentials, Domain: s.Domain}, logger),
	}
	r.edge = r.store.Add(kv.BucketSettings{Name: s.Bucket, About: "Playgate: what every gate knows"})
	r.issuing = r.store.Add(kv.BucketSettings{Name: s.Bucket + "_issuing", About: "Playgate: token records, API keys, sealed keys"})
	r.audit = r.store.Add(kv.BucketSettings{Name: s.Bucket + "_audit", About: "Playgate: who changed what", Keep: auditKept})
	r.edges = kv.NewFollower(r.edge, logger, r.reset, r.take)
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

func (r *Registry) startEmbedded(head copyHead, known []kv.Entry) error {
	var err error
	if r.server, err = kv.StartServer(kv.ServerSettings{Dir: r.settings.Dir, NoSync: r.settings.noSync}, r.logger.Named("nats")); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.ctx, kv.StartTimeout)
	defer cancel()
	if err := r.store.OpenOn(ctx, r.server); err != nil {
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
	if err := r.edges.Wait(ctx, 0); err != nil {
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

func (r *Registry) connect() error {
	err := r.store.Connect(r.ctx, func() {
		r.edges.Restart()
		r.indexing.Lock()
		defer r.indexing.Unlock()
		if r.records != nil {
			r.records.Restart()
		}
	})
	if err != nil {
		return err
	}
	return r.listen()
}

// openSoon opens the buckets of the operator's servers as soon as they are there.
func (r *Registry) openSoon(head copyHead, known []kv.Entry) {
	told := ""
	for r.ctx.Err() == nil {
		err := r.openOnce(head, known)
		if err == nil {
			close(r.opened)
			r.followEdge()
			r.store.WarnOfReplicas()
			r.running.Go(func() { kv.WatchSync(r.ctx, r.settings.Monitor, r.logger) })
			if r.edges.Wait(r.ctx, 0) == nil {
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

func (r *Registry) openOnce(head copyHead, known []kv.Entry) error {
	if !r.store.Conn().IsConnected() {
		return fmt.Errorf("%w: no server answers", ErrUnavailable)
	}
	if err := r.tryOpen(); err != nil {
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
	now, err := r.edge.Extent(r.ctx)
	r.created = now.Created
	return err
}

func (r *Registry) tryOpen() error {
	ctx, cancel := context.WithTimeout(r.ctx, openTry)
	defer cancel()
	return r.store.Open(ctx)
}

// followEdge begins to follow the edge bucket, and to keep its copy.
func (r *Registry) followEdge() {
	if !r.settings.embedded() {
		r.edges.Same = r.same
	}
	if r.holdsDir() {
		if _, err := r.journal.next(r.settings.Dir); err != nil {
			r.logger.Warn("the journal of the registry's copy cannot be written", zap.Error(err))
		}
	}
	r.running.Go(func() { r.edges.Run(r.ctx) })
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
		r.records = kv.NewFollower(r.issuing, r.logger, r.tokens.reset, r.tokens.apply)
		r.records.Same = kv.SameAs(r.issuing)
		r.running.Go(func() { r.records.Run(r.ctx) })
	}
	r.indexing.Unlock()
	if err := r.records.Wait(ctx, 0); err != nil {
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
	r.store.Close()
	if r.server != nil {
		r.server.Stop()
	}
	if r.dirLock != nil {
		_ = r.dirLock.Close() // which ends the lock
	}
}

// settled waits until what has been written can be read here.
func (r *Registry) settled(ctx context.Context, b kv.Bucket, revision uint64) {
	ctx, cancel := context.WithTimeout(ctx, kv.WriteTimeout)
	defer cancel()
	var f *kv.Follower
	switch b {
	case r.edge:
		f = r.edges
	case r.issuing:
		r.indexing.Lock()
		f = r.records
		r.indexing.Unlock()
	}
	if f != nil {
		_ = f.Wait(ctx, revision) // it is written, whatever this node has seen of it
	}
}

func (r *Registry) create(ctx context.Context, b kv.Bucket, key string, rec record) (uint64, error) {
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
func (r *Registry) update(ctx context.Context, b kv.Bucket, key string, rec record, change func() error) error {
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

func (r *Registry) remove(ctx context.Context, b kv.Bucket, key string) error {
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
