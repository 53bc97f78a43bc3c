package app

import (
	"slices"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/playgate/playgate/module/internal/directive"
	"github.com/playgate/playgate/module/token"
)

// parse reads a key line and its block.
func (k *Key) parse(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) < 1 || len(args) > 2 {
		return d.Errf("key takes an id and, where the file does not tell, an algorithm, not %d values", len(args))
	}
	k.ID = args[0]
	if len(args) == 2 {
		k.Algorithm = args[1]
	}
	if slices.Contains(args, "") {
		return d.Err("key has an empty id or algorithm; write one, or leave the algorithm out")
	}
	once := directive.Once{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := once.Check(d); err != nil {
			return err
		}
		var err error
		switch option := d.Val(); option {
		case "file":
			err = directive.OneArg(d, &k.File)
		case "secret":
			err = directive.OneArg(d, &k.Secret)
		case "orgs":
			k.Orgs, err = directive.SomeArgs(d)
		case "state":
			var state string
			state, err = directive.OneOf(d, "next", "active", "verify", "retired")
			k.State = token.State(state)
		default:
			return d.Errf("unknown option %q in key %s; it has file, secret, orgs and state", option, k.ID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
