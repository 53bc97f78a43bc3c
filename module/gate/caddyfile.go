package gate

import (
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/playgate/playgate/module/internal/directive"
	"github.com/playgate/playgate/module/internal/target"
)

func init() {
	directive.Register("playgate", func() directive.Handler { return new(Handler) })
}

// UnmarshalCaddyfile sets up a gate from Caddyfile tokens. Syntax:
//
//	playgate {
//		stream <path template> [{                 # repeatable; begins with /, "*" only at the end: /live/{org}/{stream}/*
//			query <key> [<name template>]         # the name is in the query; under stream /h5live/*: query stream {org}-{id}
//			pin <key> <value>                     # repeatable; the origin always gets this query value; another one is bad_request
//			methods whep                          # POST, PATCH, DELETE and OPTIONS too, for WebRTC
//			manifest <path pattern>...            # manifests that do not end in .m3u8 or .mpd, in any case
//		}]
//		default_org <hash>                        # for rules that name none
//		open <path pattern>...                    # paths that need no token
//		keys <id>...                              # narrow the global keys for this site
//		tokens {
//			query <name>...|off                   # token jwtoken
//			path on|off                           # on
//			header on|off                         # on
//			cookie <name>|off                     # playgate_token
//		}
//		propagate session [query]|query|path|cookie|off   # session with a store or session_key, else query
//		site <origin>...
//		referer_missing deny|allow|first          # deny
//		cors *|off|<origin>...                    # *
//		cut on|off                                # on; off checks tokens at the start only
//		socket_messages allow|deny                # allow; deny closes a WebSocket on anything but close, ping and pong from its client
//		errors terse|verbose [pass]               # terse
//		identity on|off                           # on
//		upstream_token drop|keep|bearer           # drop
//		downstream_cache private|keep             # private
//		report_only on|off                        # off; what can be read in two ways and what no rule maps is refused all the same
//	}
//
// The directive takes no matcher: what needs no token is named by open.
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if d.NextArg() {
		return d.Errf("playgate takes no matcher and no value (%s): everything in the site stands behind the gate; name what needs no token with open <path pattern>", d.Val())
	}
	once := directive.Once{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := once.Check(d, "stream"); err != nil {
			return err
		}
		if err := h.parseOption(d); err != nil {
			return err
		}
	}
	return nil
}

func (h *Handler) parseOption(d *caddyfile.Dispenser) (err error) {
	switch option := d.Val(); option {
	case "stream":
		err = h.parseStream(d)
	case "default_org":
		err = directive.OneArg(d, &h.DefaultOrg)
	case "open":
		h.Open, err = directive.SomeArgs(d)
	case "keys":
		h.Keys, err = directive.SomeArgs(d)
	case "tokens":
		err = h.Tokens.unmarshal(d)
	case "propagate":
		err = h.parsePropagate(d)
	case "site":
		h.Sites, err = directive.SomeArgs(d)
	case "referer_missing":
		h.RefererMissing, err = directive.OneOf(d, "deny", "allow", "first")
	case "cors":
		h.CORS, err = directive.SomeArgs(d)
	case "cut":
		h.Cut, err = directive.OnOff(d)
	case "socket_messages":
		h.SocketMessages, err = directive.OneOf(d, "allow", "deny")
	case "errors":
		err = h.parseErrors(d)
	case "identity":
		h.Identity, err = directive.OnOff(d)
	case "upstream_token":
		h.UpstreamToken, err = directive.OneOf(d, "drop", "keep", "bearer")
	case "downstream_cache":
		h.DownstreamCache, err = directive.OneOf(d, "private", "keep")
	case "report_only":
		var on *bool
		if on, err = directive.OnOff(d); err == nil {
			h.ReportOnly = *on
		}
	default:
		return d.Errf("unknown option %q in playgate; this version has stream, default_org, open, keys, tokens, propagate, site, referer_missing, cors, cut, socket_messages, errors, identity, upstream_token, downstream_cache and report_only", option)
	}
	return err
}

func (h *Handler) parseStream(d *caddyfile.Dispenser) error {
	var s Stream
	if err := directive.OneArg(d, &s.Path); err != nil {
		return err
	}
	once := directive.Once{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := once.Check(d, "pin"); err != nil {
			return err
		}
		switch option := d.Val(); option {
		case "query":
			args := d.RemainingArgs()
			if len(args) < 1 || len(args) > 2 {
				return d.Errf("query takes a key and, if it is not the stream's name alone, a name template, not %d values", len(args))
			}
			if args[0] == "" {
				return d.Err("query has an empty key; write the name of the query value that holds the stream's name")
			}
			s.QueryKey = args[0]
			if len(args) == 2 && args[1] == "" {
				return d.Err("query has an empty name template; write one, like {org}-{id}, or leave it out")
			}
			if len(args) == 2 {
				s.QueryName = args[1]
			}
		case "pin":
			args := d.RemainingArgs()
			if len(args) != 2 || args[0] == "" {
				return d.Errf("pin takes a query key and its value, not %d values", len(args))
			}
			s.Pins = append(s.Pins, target.Pin{Name: args[0], Value: args[1]})
		case "methods":
			var err error
			if s.Methods, err = directive.OneOf(d, methodsWHEP); err != nil {
				return err
			}
		case "manifest":
			var err error
			if s.Manifests, err = directive.SomeArgs(d); err != nil {
				return err
			}
		default:
			return d.Errf("unknown option %q in stream %s; this version has query, pin, methods and manifest", option, s.Path)
		}
	}
	h.Streams = append(h.Streams, s)
	return nil
}

func (t *Tokens) unmarshal(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		return d.Err("tokens takes no value; write a block with query, path, header and cookie")
	}
	once := directive.Once{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := once.Check(d); err != nil {
			return err
		}
		var err error
		switch option := d.Val(); option {
		case "query":
			t.Query, err = directive.SomeArgs(d)
		case "path":
			t.Path, err = directive.OnOff(d)
		case "header":
			t.Header, err = directive.OnOff(d)
		case "cookie":
			err = directive.OneArg(d, &t.Cookie)
		default:
			return d.Errf("unknown option %q in tokens; it has query, path, header and cookie", option)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (h *Handler) parseErrors(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) < 1 || len(args) > 2 || args[0] != "terse" && args[0] != "verbose" || len(args) == 2 && args[1] != "pass" {
		return d.Err("errors takes terse or verbose, and then maybe pass")
	}
	h.Errors, h.ErrorsPass = args[0], len(args) == 2
	return nil
}

// Interface guard.
var _ caddyfile.Unmarshaler = (*Handler)(nil)

// parsePropagate reads a way, and for session tokens its form.
func (h *Handler) parsePropagate(d *caddyfile.Dispenser) error {
	ways := []string{byQuery, bySession, byPath, byCookie, byNothing}
	args := d.RemainingArgs()
	switch {
	case len(args) == 0:
		return d.Errf("propagate takes exactly one value, not 0; this version knows %s", strings.Join(ways, ", "))
	case !slices.Contains(ways, args[0]):
		return d.Errf("propagate %s: this version knows %s", args[0], strings.Join(ways, ", "))
	case len(args) > 1 && (args[0] != bySession || args[1] != byQuery || len(args) > 2):
		return d.Errf("propagate takes exactly one value, not %d; only session may have query behind it", len(args))
	}
	h.Propagate, h.SessionForm = args[0], strings.Join(args[1:], "")
	return nil
}
