// Package app is the playgate app of Caddy: the keys, terms and organisations
// that all gates of a process share. It imports no handler; handlers ask it.
package app

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/cluster"
	"github.com/playgate/playgate/module/internal/directive"
	"github.com/playgate/playgate/module/internal/edge"
	"github.com/playgate/playgate/module/internal/issue"
	"github.com/playgate/playgate/module/internal/registry"
	"github.com/playgate/playgate/module/internal/verify"
	"github.com/playgate/playgate/module/token"
	"github.com/playgate/playgate/module/token/sessiontoken"
)

// ID is the app's module id, and the name of its Caddyfile block.
const ID = "playgate"

func init() { caddy.RegisterModule(new(App)) }

// App holds what all gates of a process share.
type App struct {
	// Store says where organisations, streams, token records and keys are kept.
	Store Store `json:"store,omitzero"`

	// StaleAfter is how old what is known of the store may be before tokens
	// are refused (store_unavailable). Default: 0, which never refuses: an edge
	// that is cut off goes on with what it knows.
	StaleAfter caddy.Duration `json:"stale_after,omitempty"`

	// Keys check the signatures of tokens. Default: none. A gate needs a key or
	// a key set.
	Keys []*Key `json:"keys,omitempty"`

	// JWKS are sets of further keys, which others publish. Default: none.
	JWKS []*JWKS `json:"jwks,omitempty"`

	// Iss, when not empty, is the iss that every token must have.
	Iss string `json:"issuer,omitempty"`

	// Audience, when not empty, lists values of which every token's aud must
	// hold one.
	Audience []string `json:"audience,omitempty"`

	// Lifetime is that of tokens whose issuer does not say otherwise. Default:
	// 14 days.
	Lifetime caddy.Duration `json:"lifetime,omitempty"`

	// MaxLifetime is the longest life of a token, from its issue and from now.
	// Default: 365 days, which is also the most.
	MaxLifetime caddy.Duration `json:"max_lifetime,omitempty"`

	// Leeway is what the clocks of issuers and edges may differ by. Default:
	// 5 seconds. At most 120 seconds.
	Leeway *caddy.Duration `json:"leeway,omitempty"`

	// SessionKey is a placeholder for a secret of at least 32 bytes, such as
	// {env.NAME}, which session tokens are signed with where there is no store. All
	// edges of a site need the same one. A change of it ends sessions. Default: none; a
	// store makes a key of its own.
	SessionKey string `json:"session_key,omitempty"`

	// Playout and StreamURL are templates of the URLs that are told with a new
	// token: of the player page, and of the manifest or socket. They have {org}
	// and {stream} in them. Default: none.
	Playout   []string `json:"playout,omitempty"`
	StreamURL []string `json:"stream_url,omitempty"`

	// BadSignatures bounds the tokens with a bad signature that one address may
	// send. Default: none, any number.
	BadSignatures *BadSignatures `json:"bad_signatures,omitempty"`

	// Orgs is what is said of organisations. One that is not listed is secure.
	Orgs map[string]*Org `json:"orgs,omitempty"`

	// Gates are those that were loaded with the app.
	Gates Gates `json:"-"`

	keyring  *token.Keyring // what the configuration says
	sessions sessiontoken.Key
	hasher   sessiontoken.Hasher // without a store
	trust    trustCell
	registry *registry.Registry
	started  chan struct{} // closed once Start has ended
	edge     *edge.State
	poolKey  string      // of the registry
	behind   []keyBehind // when newTrust was called last
	terms    token.Terms
	ordinals map[string]int // of the handlers that this configuration has
	metrics  *Metrics
	emitter  *edge.Emitter
	logger   *zap.Logger
}

// Org is what the configuration says of an organisation.
type Org struct {
	// Name is for people.
	Name string `json:"name,omitempty"`
	// Secure says whether its streams need a token. Default: what the registry
	// says, or else that they do.
	Secure *bool `json:"secure,omitempty"`
	// BreakGlass says whether a break-glass may let everybody in for a while; false also ends
	// one that runs. It needs secure true beside it. Default: true.
	BreakGlass *bool `json:"break_glass,omitempty"`
}

// GlassForbidden reports whether no break-glass counts for an organisation.
func (o *Org) GlassForbidden() bool { return o != nil && o.BreakGlass != nil && !*o.BreakGlass }

// CaddyModule returns the Caddy module information.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: ID, New: func() caddy.Module { return new(App) }}
}

// UnmarshalJSON reads the configuration. Nothing in it may be empty.
func (a *App) UnmarshalJSON(data []byte) error {
	type plain App
	return directive.UnmarshalJSON(data, (*plain)(a))
}

// Provision reads the keys, and takes references to the registry and to what the
// process keeps. Everything that cannot be used is an error. It starts nothing.
func (a *App) Provision(ctx caddy.Context) error {
	a.logger, a.started, a.edge = ctx.Logger(), make(chan struct{}), edge.Acquire()
	if err := a.check(); err != nil {
		return err
	}
	keys := make([]*token.Key, 0, len(a.Keys))
	for _, k := range a.Keys {
		key, err := k.load()
		if err != nil {
			return err
		}
		keys = append(keys, key)
	}
	var err error
	if a.keyring, err = token.NewKeyring(keys...); err != nil {
		return err
	}
	if err := keySets(a.JWKS).provision(ctx, a.logger, a.edge.Changes.KeySetChanged); err != nil {
		return err
	}
	a.hasher = a.edge.Hasher
	if a.SessionKey != "" {
		if a.sessions, a.hasher, err = sessionKey(a.SessionKey, &a.Store); err != nil {
			return fmt.Errorf("session_key: %w", err)
		}
	}
	a.terms = token.Terms{
		Max:      token.MaxLifetime,
		Leeway:   token.DefaultLeeway,
		Issuer:   a.Iss,
		Audience: a.Audience,
	}
	if a.MaxLifetime != 0 {
		a.terms.Max = time.Duration(a.MaxLifetime)
	}
	if a.Leeway != nil {
		a.terms.Leeway = time.Duration(*a.Leeway)
	}
	if !a.Store.off() {
		if a.registry, a.poolKey, err = acquireRegistry(&a.Store, a.edge); err != nil {
			return err
		}
	}
	if a.metrics, err = registerMetrics(ctx.GetMetricsRegistry(), a.edge); err != nil {
		return fmt.Errorf("registering metrics: %w", err)
	}
	a.emitter, err = a.edge.Events.NewEmitter(ctx, a.logger)
	return err
}

// sessionKey makes what the configuration's session key is for.
func sessionKey(placeholder string, beside *Store) (k sessiontoken.Key, h sessiontoken.Hasher, err error) {
	secret, err := secretOf(placeholder)
	if err != nil {
		return k, h, err
	}
	if !beside.off() {
		return k, h, errors.New("the store has a session key of its own, which its nodes share; remove this option, or write store off")
	}
	if k, err = sessiontoken.NewKey([]byte(secret)); err != nil {
		return k, h, err
	}
	h, err = sessiontoken.NewHasher([]byte(secret))
	return k, h, err
}

// check judges what needs no file.
func (a *App) check() error {
	if err := a.Store.check(); err != nil {
		return err
	}
	if err := a.checkTimes(); err != nil {
		return err
	}
	for option, templates := range map[string][]string{"playout": a.Playout, "stream_url": a.StreamURL} {
		for _, t := range templates {
			if err := issue.CheckURLTemplate(t); err != nil {
				return fmt.Errorf("%s %s: %w", option, t, err)
			}
		}
	}
	if a.BadSignatures != nil {
		if err := a.BadSignatures.check(); err != nil {
			return err
		}
	}
	for hash, o := range a.Orgs {
		if !token.ValidOrg(hash) {
			return fmt.Errorf("org %q: an organisation hash is 1 to 64 of letters, digits and underscore", hash)
		}
		if o != nil && o.BreakGlass != nil && (o.Secure == nil || !*o.Secure) {
			return fmt.Errorf("org %s: break_glass needs secure on in the same block: without it, others decide whether its streams need a token", hash)
		}
	}
	return nil
}

// Start opens the store and begins to read the key sets.
func (a *App) Start() error {
	defer close(a.started)
	keySets(a.JWKS).start()
	a.Trust() // so that keys that others keep out are told of now
	if a.registry != nil {
		if err := a.registry.Start(); err != nil {
			return err
		}
		warnOfGlass(a.registry, a.Orgs, a.logger, time.Now())
	}
	a.edge.Start(judge{a})
	return nil
}

// Stop hands over to the next configuration, or back to the one before if this one
// failed to start.
func (a *App) Stop() error {
	a.emitter.Stop()
	a.edge.Stop(judge{a})
	return nil
}

// Cleanup lets go of what is shared with other configurations.
func (a *App) Cleanup() error {
	err := keySets(a.JWKS).cleanup()
	if a.poolKey != "" {
		_, failed := registries.Delete(a.poolKey)
		a.poolKey, err = "", errors.Join(err, failed)
	}
	if a.edge != nil {
		a.edge.Release() // after all that tells it of changes
	}
	return err
}

// Edge is what the process keeps for all configurations.
func (a *App) Edge() *edge.State { return a.edge }

// Peers are this node and all others of its registry.
func (a *App) Peers() *cluster.Peers { return a.edge.Peers(judge{a}) }

// Keyring is the set of configured keys.
func (a *App) Keyring() *token.Keyring { return a.keyring }

// Trust is what tokens are verified with now.
func (a *App) Trust() *verify.Trust { return a.trust.get(a.generation(), a.newTrust) }

// generation grows whenever keys come or go.
func (a *App) generation() uint64 {
	generation := a.edge.Changes.OfKeySets()
	if a.registry != nil {
		generation += a.registry.View().Generation()
	}
	return generation
}

// newTrust puts together what the configuration, the key sets in their order, and the
// registry say, its platform's keys before those of organisations. Of keys with one id the
// first counts that may speak for the token's organisation. It never runs twice at a time.
func (a *App) newTrust() *verify.Trust {
	keys, sessions, hasher := a.keyring, []sessiontoken.Key{a.sessions}, a.hasher
	keys, behind := keySets(a.JWKS).addTo(keys)
	var own []*token.Key
	if a.registry != nil {
		added := a.registry.View().Keys()
		for _, k := range added {
			if k.Orgs != nil && k.State != token.Retired {
				own = append(own, k)
			}
		}
		var clashing []*token.Key
		keys, clashing = keys.With(added...)
		for _, k := range clashing {
			behind = append(behind, keyBehind{"registry", k.ID, strings.Join(k.Orgs, " ")})
		}
		sessions, hasher = a.registry.View().Sessions()
	}
	for _, b := range behind {
		if !slices.Contains(a.behind, b) {
			a.logger.Warn("two keys have the same id and may speak for the same organisation; tokens are verified with the other one",
				zap.String("source", b.source), zap.String("key_id", b.id), zap.String("orgs", b.orgs))
		}
	}
	a.behind = behind
	trust := a.edge.Memory.NewTrust(keys, sessiontoken.NewKeyring(sessions...), hasher)
	trust.Own = own
	return trust
}

// StaticKeys reports whether all keys there will ever be are in the configuration.
func (a *App) StaticKeys() bool { return a.registry == nil && len(a.JWKS) == 0 }

// Sessions reports whether session tokens can be made.
func (a *App) Sessions() bool { return a.sessions.Valid() || a.registry != nil }

// KeyMissing is why a key may be missing that a token for an organisation
// names, or "" when there is no such key.
func (a *App) KeyMissing(org string) access.Reason {
	if a.registry != nil && !knows(a.registry.View()) {
		return access.StoreUnavailable
	}
	if unread := keySets(a.JWKS).miss(org); unread || a.Trust().Keys.Len() == 0 {
		return access.KeysUnavailable
	}
	return ""
}

// Terms are what every token has to meet.
func (a *App) Terms() *token.Terms { return &a.terms }

// Metrics are the counters of the process.
func (a *App) Metrics() *Metrics { return a.metrics }

// Interface guards.
var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)
