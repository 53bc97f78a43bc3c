package registry

import (
	"time"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/cluster"
	"github.com/playgate/playgate/module/internal/kv"
	"github.com/playgate/playgate/module/internal/replica"
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

// Registry is one registry, for as long as some configuration uses it. Its parts
// read and change the records; they can be asked before Start, and say then that
// nothing is open.
type Registry struct {
	*records

	Orgs        *Orgs
	Streams     *Streams
	Tokens      *Tokens
	Revocations *Revocations
	// Keys are those that Playgate made, OrgKeys those of customers.
	Keys    *Keys
	OrgKeys *OrgKeys
	APIKeys *APIKeys
	Audit   *Audit
	// Link carries questions to the other nodes of the registry.
	Link *cluster.Link

	settings Settings
	store    *kv.Store
}

// New makes a registry. It touches nothing until it is started.
func New(s Settings, logger *zap.Logger) *Registry {
	if s.Bucket == "" {
		s.Bucket = DefaultBucket
	}
	store := kv.NewStore(kv.Settings{URLs: s.URLs, Credentials: s.Credentials, Domain: s.Domain}, logger)
	c := &records{
		logger: logger, now: time.Now, view: newView(logger),
		edge:    store.Add(kv.BucketSettings{Name: s.Bucket, About: "Playgate: what every gate knows"}),
		issuing: store.Add(kv.BucketSettings{Name: s.Bucket + "_issuing", About: "Playgate: token records, API keys, sealed keys"}),
	}
	audit := store.Add(kv.BucketSettings{Name: s.Bucket + "_audit", About: "Playgate: who changed what", Keep: auditKept})
	c.audit = &Audit{records: c, bucket: audit, embedded: store.Embedded()}
	r := &Registry{
		records: c, settings: s, store: store,
		Orgs: &Orgs{c}, Streams: &Streams{c}, Tokens: &Tokens{c}, Revocations: &Revocations{c},
		Keys: &Keys{records: c, dir: s.Dir}, OrgKeys: &OrgKeys{c}, APIKeys: &APIKeys{c}, Audit: c.audit,
	}
	c.replica = replica.New(replica.Config{
		Dir: s.Dir, Store: store, Edge: c.edge, Issuing: c.issuing, Probe: audit, State: c.view, Logger: logger,
		Monitor: s.Monitor, NoSync: s.noSync, DamageLasts: s.damageLasts,
		Connected: func() error { return r.Link.Listen() }, Reconnected: c.index.restart, Ready: r.Keys.ensure, Sweep: r.Revocations.expire,
	})
	c.index.init(c.issuing, c.replica, c.view, logger)
	r.Link = cluster.NewLink(store, s.Bucket+".ask", logger, c.replica.Go)
	return r
}

// OnRevoke has f called with each condition that is new, once it holds on this node. It
// has to be said before Start, and f must not block.
func (r *Registry) OnRevoke(f func(*Condition)) { r.view.revoked.onRevoke = f }

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
func (r *Registry) Start() error { return r.replica.Start() }

// Close ends everything. Nothing may be asked afterwards.
func (r *Registry) Close() error {
	r.replica.Close()
	return nil
}

// Seen is when the view was last known to be true; zero for never.
func (r *Registry) Seen() time.Time { return r.replica.Seen() }

// Position is the revision up to which the view is known.
func (r *Registry) Position() uint64 { return r.replica.Position() }

// Writable reports why nothing can be changed, or nil.
func (r *Registry) Writable() error { return r.replica.Writable() }
