package app

import (
	"errors"

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

// addTo adds the keys of all sets to those that are there already, and returns
// those that another key of the same id keeps out.
func (ks keySets) addTo(keys *token.Keyring) (all *token.Keyring, out []keptOut) {
	for i, j := range ks {
		var left []*token.Key
		keys, left = keys.With(j.keys()...)
		for _, k := range left {
			out = append(out, keptOut{i, k.ID})
		}
	}
	return keys, out
}

// keptOut names a key that was left out of the keys in use.
type keptOut struct {
	block int
	id    string
}

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
