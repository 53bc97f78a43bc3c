package app

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/playgate/playgate/module/internal/directive"
)

// parse reads a jwks line and its block.
func (j *JWKS) parse(d *caddyfile.Dispenser) error {
	if err := directive.OneArg(d, &j.Source); err != nil {
		return err
	}
	once := directive.Once{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := once.Check(d); err != nil {
			return err
		}
		var err error
		switch option := d.Val(); option {
		case "orgs":
			j.Orgs, err = directive.SomeArgs(d)
		case "issuer":
			err = directive.OneArg(d, &j.Issuer)
		case "audience":
			j.Audience, err = directive.SomeArgs(d)
		case "refresh":
			var text string
			if err = directive.OneArg(d, &text); err != nil {
				return err
			}
			refresh, parseErr := caddy.ParseDuration(text)
			if parseErr != nil {
				refresh = -1
			}
			if err := checkRefresh(refresh); err != nil {
				return d.Errf("refresh %s: %w", text, err)
			}
			j.Refresh = caddy.Duration(refresh)
		default:
			return d.Errf("unknown option %q in jwks; it has orgs, issuer, audience and refresh", option)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
