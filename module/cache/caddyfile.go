package cache

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/playgate/playgate/module/internal/directive"
)

func init() { httpcaddyfile.RegisterHandlerDirective("playgate_cache", parseDirective) }

func parseDirective(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	c := new(Handler)
	return c, c.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile sets up a cache from Caddyfile tokens. Syntax:
//
//	playgate_cache [<matcher>] {
//		memory <size>                             # 512MiB; all caches of a process share it, and the largest counts
//		cmcd drop|keep                            # drop; keep gives each viewer answers of its own
//		ignore_query <name>...                    # names in the query that make no difference to answers
//		ttl <path pattern> <duration>             # repeatable; where the origin says nothing
//	}
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if d.NextArg() {
		return d.Errf("playgate_cache takes no value (%s); write memory, cmcd, ignore_query and ttl into its block", d.Val())
	}
	once := directive.Once{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := once.Check(d, "ttl"); err != nil {
			return err
		}
		switch d.Val() {
		case "memory":
			if err := directive.OneArg(d, &h.Memory); err != nil {
				return err
			}
		case "cmcd":
			if err := directive.OneArg(d, &h.CMCD); err != nil {
				return err
			}
		case "ignore_query":
			if h.IgnoreQuery = d.RemainingArgs(); len(h.IgnoreQuery) == 0 {
				return d.Err("ignore_query takes names of query pairs, as in ignore_query utm_source")
			}
		case "ttl":
			args := d.RemainingArgs()
			if len(args) != 2 {
				return d.Errf("ttl takes a path pattern and a duration, as in ttl /live/*/*/*.ts 1h, not %d values", len(args))
			}
			lasts, err := caddy.ParseDuration(args[1])
			if err != nil {
				return d.Errf("ttl %s: %s is no duration; write one like 500ms, 30s or 1h", args[0], args[1])
			}
			h.TTL = append(h.TTL, TTL{Path: args[0], For: caddy.Duration(lasts)})
		default:
			return d.Errf("unknown option %s; playgate_cache knows memory, cmcd, ignore_query and ttl", d.Val())
		}
	}
	return nil
}
