package app

import (
	"errors"
	"fmt"
	"slices"
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
	Orgs []string `json:"orgs,omitempty"`

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
	set      *jwks.Set // a reference into keySetPool
	user     *jwks.User
}

// keySetPool has the sets that are in use, by location. What was read survives
// reloads in them.
var keySetPool = caddy.NewUsagePool()

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
	set, _, err := keySetPool.LoadOrNew(j.location.ID(), func() (caddy.Destructor, error) {
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
	if j.Refresh != 0 {
		if err := checkRefresh(time.Duration(j.Refresh)); err != nil {
			return fmt.Errorf("refresh: %w", err)
		}
	}
	return nil
}

func checkRefresh(d time.Duration) error {
	if d < jwks.MinRefresh {
		return errors.New("write a duration of at least 10s")
	}
	return nil
}

// cleanup drops the reference to the set.
func (j *JWKS) cleanup() error {
	if j.set == nil {
		return nil
	}
	j.set.Leave(j.user)
	_, err := keySetPool.Delete(j.location.ID())
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
