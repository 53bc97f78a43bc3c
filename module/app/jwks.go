package app

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/jwks"
	"github.com/playgate/playgate/module/token"
)

// JWKS is a set of public keys that somebody else publishes (a JSON Web Key Set).
// The last good one is kept in Caddy's storage, and used at start. Keys of the
// configuration win over those of a set, and earlier sets over later ones, where
// they have the same id and may speak for the same organisation.
type JWKS struct {
	// Source is a URL or the path of a file. A URL must be https, except on
	// loopback hosts; redirects are not followed. The set has at most 256 KiB
	// and 64 keys. Placeholders such as {env.NAME} are replaced. A file is read
	// at load, a URL after it.
	Source string `json:"source"`

	// Orgs lists the organisations that the keys may speak for, or is ["*"] for
	// all. It is required: whoever publishes the set can make tokens for them.
	Orgs []string `json:"orgs"`

	// Issuer, when not empty, is the iss that tokens of these keys must have,
	// in the place of the app's.
	Issuer string `json:"issuer,omitempty"`

	// Audience, when not empty, lists values of which the aud of tokens of
	// these keys must hold one, in the place of the app's.
	Audience []string `json:"audience,omitempty"`

	// Refresh is the time after which the set is read again. A key that is not
	// in it any more verifies no longer. Default: 10 minutes. At least 10
	// seconds.
	Refresh caddy.Duration `json:"refresh,omitempty"`

	orgs     []string // nil: all
	location jwks.Location
	set      *jwks.Set // a reference into keySets
	user     *jwks.User
}

// keySets are the sets that are in use, by location. What was read survives
// reloads in them.
var keySets = caddy.NewUsagePool()

// provision judges the block, reads a file, and takes a reference to the set.
// It fetches nothing.
func (j *JWKS) provision(ctx caddy.Context, logger *zap.Logger, changed func()) error {
	source, err := caddy.NewReplacer().ReplaceOrErr(j.Source, true, true)
	if err != nil {
		return errors.New("jwks: a placeholder in the URL or path is empty or unknown")
	}
	if j.location, err = jwks.ParseLocation(source); err != nil {
		return fmt.Errorf("jwks: %w", err)
	}
	if err := j.check(); err != nil {
		return fmt.Errorf("jwks %s: %w", j.location, err)
	}
	var document []byte
	if j.location.File() {
		if document, err = j.location.ReadFile(); err != nil {
			return fmt.Errorf("jwks %s: %w", j.location, err)
		}
	}
	set, _, err := keySets.LoadOrNew(j.location.ID(), func() (caddy.Destructor, error) {
		set := jwks.NewSet(j.location, changed)
		if document == nil {
			return set, nil
		}
		return set, set.Take(document, logger)
	})
	if err != nil {
		return fmt.Errorf("jwks %s: %w", j.location, err)
	}
	j.set = set.(*jwks.Set)
	j.user = &jwks.User{Refresh: jwks.DefaultRefresh, Storage: ctx.Storage(), Logger: logger}
	if j.Refresh != 0 {
		j.user.Refresh = time.Duration(j.Refresh)
	}
	return nil
}

func (j *JWKS) check() error {
	if len(j.Orgs) == 0 {
		return errors.New("it does not say for whom its keys may speak; write orgs <org>..., or orgs * for all organisations")
	}
	if slices.Contains(j.Orgs, "*") {
		if len(j.Orgs) > 1 {
			return errors.New("orgs * means all organisations; write it alone, or leave it out")
		}
	} else {
		for _, org := range j.Orgs {
			if !token.ValidOrg(org) {
				return fmt.Errorf("org %q: an organisation hash is 1 to 64 of letters, digits and underscore", org)
			}
		}
		j.orgs = j.Orgs
	}
	if j.Refresh != 0 && time.Duration(j.Refresh) < jwks.MinRefresh {
		return errors.New("refresh: write a duration of at least 10s")
	}
	return nil
}

// cleanup drops the reference to the set.
func (j *JWKS) cleanup() error {
	if j.set == nil {
		return nil
	}
	j.set.Leave(j.user)
	_, err := keySets.Delete(j.location.ID())
	return err
}

// keys are the keys of the set as this block trusts them.
func (j *JWKS) keys() []*token.Key {
	published, _ := j.set.Keys()
	keys := make([]*token.Key, 0, len(published))
	for _, k := range published {
		trusted := *k
		trusted.Orgs, trusted.Issuer, trusted.Audience = j.orgs, j.Issuer, j.Audience
		keys = append(keys, &trusted)
	}
	return keys
}

func (j *JWKS) maySpeakFor(org string) bool {
	return j.orgs == nil || slices.Contains(j.orgs, org)
}

func (a *App) provisionJWKS(ctx caddy.Context) error {
	for i, j := range a.JWKS {
		if j == nil {
			return errors.New("jwks " + strconv.Itoa(i+1) + ": null is no key set; remove it")
		}
		if err := j.provision(ctx, a.logger, a.edge.Changes.KeySetChanged); err != nil {
			return err
		}
	}
	return nil
}

// startJWKS loads the sets that were kept, and begins to refresh all.
func (a *App) startJWKS() {
	for _, j := range a.JWKS {
		j.set.Join(j.user)
	}
	a.Trust() // so that keys that others keep out are told of now
}

func (a *App) cleanupJWKS() error {
	var errs []error
	for _, j := range a.JWKS {
		if j != nil {
			errs = append(errs, j.cleanup())
		}
	}
	return errors.Join(errs...)
}

// withJWKS adds the keys of all sets to those that are there already, and warns
// of those that another key of the same id keeps out. Only newTrust may call
// it, which never runs twice at a time.
func (a *App) withJWKS(keys *token.Keyring) *token.Keyring {
	var out []keptOut
	for i, j := range a.JWKS {
		var left []*token.Key
		keys, left = keys.With(j.keys()...)
		for _, k := range left {
			out = append(out, keptOut{i, k.ID})
		}
	}
	for _, o := range out {
		if !slices.Contains(a.keptOut, o) {
			a.logger.Warn("a key of the key set is ignored: another key has the same id and may speak for the same organisation",
				zap.Stringer("jwks", a.JWKS[o.block].location), zap.String("key_id", o.id))
		}
	}
	a.keptOut = out
	return keys
}

// keptOut names a key that was left out of the keys in use.
type keptOut struct {
	block int
	id    string
}

// missJWKS asks the sets that may speak for an organisation whether they have
// new keys, and reports whether one of them was never read.
func (a *App) missJWKS(org string) (unread bool) {
	for _, j := range a.JWKS {
		if !j.maySpeakFor(org) {
			continue
		}
		if _, read := j.set.Keys(); !read {
			unread = true
		}
		j.set.Miss()
	}
	return unread
}
