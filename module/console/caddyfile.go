package console

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/playgate/playgate/module/internal/directive"
)

func init() {
	directive.Register("playgate_console", func() directive.Handler { return new(Handler) })
}

// UnmarshalCaddyfile sets up the console from Caddyfile tokens. Syntax:
//
//	playgate_console [<prefix>] {                 # /console
//		user <placeholder>                        # {http.auth.user.id}
//		grant <user> read|operate|admin <org>...|*   # repeatable, at least one; once for each user
//		host <name>...                            # the site's own names; required
//		ingest <url template>...                  # where to publish; shown to operators only
//	}
//
// Put one of Caddy's own authentications in front of it, such as basic_auth.
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	if err := directive.Prefix(d, "playgate_console", &h.Prefix); err != nil {
		return err
	}
	once := directive.Once{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := once.Check(d, "grant"); err != nil {
			return err
		}
		var err error
		switch option := d.Val(); option {
		case "user":
			err = directive.OneArg(d, &h.User)
		case "grant":
			var args []string
			if args, err = directive.SomeArgs(d); err == nil && len(args) < 3 {
				err = d.Err("grant needs a user, read, operate or admin, and organisations or *")
			}
			if err == nil {
				h.Grants = append(h.Grants, Grant{User: args[0], Role: args[1], Orgs: args[2:]})
			}
		case "host":
			h.Hosts, err = directive.SomeArgs(d)
		case "ingest":
			h.Ingest, err = directive.SomeArgs(d)
		default:
			err = d.Errf("unknown option %q in playgate_console; it has user, grant, host and ingest", option)
		}
		if err != nil {
			return err
		}
	}
	h.setDefaults()
	if err := h.check(); err != nil {
		return d.Err(err.Error())
	}
	return nil
}

// Interface guard.
var _ caddyfile.Unmarshaler = (*Handler)(nil)
