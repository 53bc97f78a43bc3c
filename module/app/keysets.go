package app

import (
	"errors"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/playgate/playgate/module/token"
)

// keySets are all sets of a configuration, in the order written.
type keySets []*JWKS

// provision judges all sets; changed is called when the keys of one do.
func (ks keySets) provision(ctx caddy.Context, logger *zap.Logger, changed func()) error {
	for _, j := range ks {
		if err := j.provision(ctx, logger, changed); err != nil {
			return err
		}
	}
	return nil
}

// start loads the sets that were kept, and begins to refresh all.
func (ks keySets) start() {
	for _, j := range ks {
		j.set.Join(j.user)
	}
}

func (ks keySets) cleanup() error {
	var errs []error
	for _, j := range ks {
		errs = append(errs, j.cleanup())
	}
	return errors.Join(errs...)
}

// addTo adds the keys of all sets behind those that are there already, and returns those
// that have another key of the same id before them.
func (ks keySets) addTo(keys *token.Keyring) (all *token.Keyring, behind []keyBehind) {
	for _, j := range ks {
		var clashing []*token.Key
		keys, clashing = keys.With(j.keys()...)
		for _, k := range clashing {
			behind = append(behind, keyBehind{j.location.String(), k.ID, strings.Join(k.Orgs, " ")})
		}
	}
	return keys, behind
}

// keyBehind names a key that has another one of the same id before it.
type keyBehind struct{ source, id, orgs string }

// miss asks the sets that may speak for an organisation whether they have new
// keys, and reports whether one of them was never read.
func (ks keySets) miss(org string) (unread bool) {
	for _, j := range ks {
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
