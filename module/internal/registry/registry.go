package registry

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/kv"
	"github.com/playgate/playgate/module/internal/replica"
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

	noSync      bool          // see [kv.ServerSettings]
	damageLasts time.Duration // see [replica.Config]
}

// DefaultBucket is the name of the edge bucket when nobody says another.
const DefaultBucket = "playgate"

func (s *Settings) embedded() bool { return len(s.URLs) == 0 }

// Registry is one registry, for as long as some configuration uses it.
type Registry struct {
	settings Settings
	logger   *zap.Logger
	now      func() time.Time

	view   *View
	signer atomic.Pointer[token.Key] // the last one that was unsealed

	store   *kv.Store
	edge    *kv.NATSBucket
	issuing *kv.NATSBucket
	audit   *kv.NATSBucket
	replica *replica.Replica

	indexing sync.Mutex
	tokens   *Index
	records  *kv.Follower

	sealMu sync.Mutex
	sealed *sealer

	asking asking
}

// New makes a registry. It touches nothing until it is started.
func New(s Settings, logger *zap.Logger) *Registry {
	if s.Bucket == "" {
		s.Bucket = DefaultBucket
	}
	r := &Registry{
		settings: s, logger: logger, now: time.Now, view: newView(logger),
		store: kv.NewStore(kv.Settings{URLs: s.URLs, Credentials: s.Credentials, Domain: s.Domain}, logger),
	}
	r.edge = r.store.Add(kv.BucketSettings{Name: s.Bucket, About: "Playgate: what every gate knows"})
	r.issuing = r.store.Add(kv.BucketSettings{Name: s.Bucket + "_issuing", About: "Playgate: token records, API keys, sealed keys"})
	r.audit = r.store.Add(kv.BucketSettings{Name: s.Bucket + "_audit", About: "Playgate: who changed what", Keep: auditKept})
	r.replica = replica.New(replica.Config{
		Dir: s.Dir, Store: r.store, Edge: r.edge, Issuing: r.issuing, Probe: r.audit, State: r.view, Logger: logger,
		Monitor: s.Monitor, NoSync: s.noSync, DamageLasts: s.damageLasts,
		Connected: r.listen, Reconnected: r.reconnected, Ready: r.ensureKeys, Sweep: r.expireRevocations,
	})
	return r
}

// OnRevoke has f called with each revocation that is new, once it is in force on
// this node. It has to be said before Start, and f must not block.
func (r *Registry) OnRevoke(f func(*Revocation)) { r.view.revoked.onRevoke = f }

// OnChange has f called after each change on which a verdict can depend. It has to
// be said before Start, and f must not block.
func (r *Registry) OnChange(f func()) { r.view.onChange = f }

// View is what gates read.
func (r *Registry) View() *View { return r.view }

// Start opens the store; again does nothing. See [replica.Replica.Start].
func (r *Registry) Start() error { return r.replica.Start() }

// Close ends everything. Nothing may be asked afterwards.
func (r *Registry) Close() error {
	r.replica.Close()
	return nil
}

// Seen is when the view was last known to be true; zero for never.
func (r *Registry) Seen() time.Time { return r.replica.Seen() }

// ensureKeys makes the keys that a new registry needs. What cannot be made now is
// made when it is asked for.
func (r *Registry) ensureKeys(ctx context.Context) {
	if err := errors.Join(r.EnsureSessions(ctx), r.EnsureSigning(ctx)); err != nil {
		r.logger.Warn("the registry's keys could not be made yet", zap.Error(err))
	}
}

// reconnected begins the index anew after a lost connection.
func (r *Registry) reconnected() {
	r.indexing.Lock()
	defer r.indexing.Unlock()
	if r.records != nil {
		r.records.Restart()
	}
}

// index starts to follow the issuing bucket when somebody first asks for it.
func (r *Registry) index(ctx context.Context) (*Index, error) {
	if err := r.replica.Writable(); err != nil {
		return nil, err
	}
	r.indexing.Lock()
	if r.tokens == nil {
		r.tokens = newIndex(r.logger)
		r.records = kv.NewFollower(r.issuing, r.logger, r.tokens.reset, r.tokens.apply)
		r.records.Same = kv.SameAs(r.issuing)
		r.replica.Go(r.records.Run)
	}
	r.indexing.Unlock()
	if err := r.records.Wait(ctx, 0); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return r.tokens, nil
}

// Tokens is the index of the token records.
func (r *Registry) Tokens(ctx context.Context) (*Index, error) { return r.index(ctx) }

// Writable reports why nothing can be changed, or nil.
func (r *Registry) Writable() error { return r.replica.Writable() }

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

// settled waits until what has been written can be read here.
func (r *Registry) settled(ctx context.Context, b kv.Bucket, revision uint64) {
	ctx, cancel := context.WithTimeout(ctx, kv.WriteTimeout)
	defer cancel()
	switch b {
	case r.edge:
		_ = r.replica.Wait(ctx, revision) // it is written, whatever this node has seen of it
	case r.issuing:
		r.indexing.Lock()
		f := r.records
		r.indexing.Unlock()
		if f != nil {
			_ = f.Wait(ctx, revision) // the same
		}
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
	return revision, r.replica.ClassifyWriteError(err)
}

// update reads a record, changes it and writes it, again when somebody else was
// faster.
func (r *Registry) update(ctx context.Context, b kv.Bucket, key string, rec record, change func() error) error {
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
			r.settled(ctx, b, revision)
		}
		if !errors.Is(err, ErrConflict) {
			return r.replica.ClassifyWriteError(err)
		}
	}
	return ErrConflict
}

func (r *Registry) remove(ctx context.Context, b kv.Bucket, key string) error {
	if err := r.replica.Writable(); err != nil {
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
	return r.replica.ClassifyWriteError(err)
}
