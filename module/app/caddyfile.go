package app

import (
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/playgate/playgate/module/internal/directive"
	"github.com/playgate/playgate/module/token"
)

func init() { httpcaddyfile.RegisterGlobalOption(ID, parseGlobalOption) }

func parseGlobalOption(d *caddyfile.Dispenser, existing any) (any, error) {
	if existing != nil {
		d.Next()
		return nil, d.Err("playgate stands twice among the global options; put everything into one block")
	}
	a := new(App)
	if err := a.UnmarshalCaddyfile(d); err != nil {
		return nil, err
	}
	return httpcaddyfile.App{Name: ID, Value: caddyconfig.JSON(a, nil)}, nil
}

// UnmarshalCaddyfile sets up the app from Caddyfile tokens. Syntax:
//
//	playgate {
//		store embedded [<dir>] | off              # default: embedded, <Caddy data dir>/playgate
//		store nats <url>... {
//			credentials <file>
//			bucket <name>
//			domain <name>                         # of JetStream, over a leaf node
//			monitor <url>...                      # http://10.0.0.1:8222; whether the servers sync every write
//		}
//		stale_after <duration> deny
//		key <id> [<algorithm>] {                  # repeatable
//			file <path>                           # PEM or JWK; or
//			secret <placeholder>                  # HS256
//			orgs <org>...                         # default: all
//			state next|active|verify|retired      # default: verify
//		}
//		jwks <url|file> {                         # repeatable; https, or http on loopback
//			orgs <org>...|*                       # required
//			issuer <iss>                          # in the place of the one below
//			audience <aud>...                     # in the place of the one below
//			refresh <duration>                    # 10m, at least 10s
//		}
//		issuer <iss>
//		audience <aud>...
//		lifetime <default> [<max>]                # 14d 365d; max at issue and at the gate, itself at most 365d
//		leeway <duration>                         # 5s, at most 120s
//		playout <url template>...                 # https://live.example.com/play/{org}/{stream}
//		stream_url <url template>...              # https://live.example.com/live/{org}/{stream}/index.m3u8
//		bad_signatures <n> <duration>             # per address, then rate_limited; off
//		session_key <placeholder>                 # at least 32 bytes; needs store off: a store has one of its own
//		org <hash> {                              # repeatable
//			name <text>
//			secure on|off                         # unset: the registry's word, else on
//			break_glass on|off                    # on; off refuses it and ends one that runs; needs secure on
//		}
//	}
func (a *App) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if d.NextArg() {
		return d.Errf("the global option playgate takes no value (%s); write a block", d.Val())
	}
	once := directive.Once{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		option := d.Val()
		if err := once.Check(d, "key", "jwks", "org"); err != nil {
			return err
		}
		var err error
		switch option {
		case "store":
			err = a.Store.parse(d)
		case "stale_after":
			a.StaleAfter, err = parseStaleAfter(d)
		case "playout":
			a.Playout, err = directive.SomeArgs(d)
		case "stream_url":
			a.StreamURL, err = directive.SomeArgs(d)
		case "key":
			k := new(Key)
			a.Keys = append(a.Keys, k)
			err = k.parse(d)
		case "jwks":
			j := new(JWKS)
			a.JWKS = append(a.JWKS, j)
			err = j.parse(d)
		case "issuer":
			err = directive.OneArg(d, &a.Iss)
		case "audience":
			a.Audience, err = directive.SomeArgs(d)
		case "lifetime":
			a.Lifetime, a.MaxLifetime, err = parseLifetime(d)
		case "leeway":
			a.Leeway, err = parseLeeway(d)
		case "bad_signatures":
			a.BadSignatures = new(BadSignatures)
			err = a.BadSignatures.parse(d)
		case "session_key":
			err = directive.OneArg(d, &a.SessionKey)
		case "org":
			a.Orgs, err = parseOrg(d, a.Orgs)
		default:
			return d.Errf("unknown option %q in playgate; this version has store, stale_after, key, jwks, issuer, audience, lifetime, leeway, playout, stream_url, bad_signatures, session_key and org", option)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// parseOrg reads an org block, and adds it to those before it.
func parseOrg(d *caddyfile.Dispenser, orgs map[string]*Org) (map[string]*Org, error) {
	var hash string
	if err := directive.OneArg(d, &hash); err != nil {
		return nil, err
	}
	if !token.ValidOrg(hash) {
		return nil, d.Errf("org %s: an organisation hash is 1 to 64 of letters, digits and underscore", hash)
	}
	if orgs[hash] != nil {
		return nil, d.Errf("org %s stands twice; put everything into one block", hash)
	}
	o := &Org{}
	once := directive.Once{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := once.Check(d); err != nil {
			return nil, err
		}
		var err error
		switch option := d.Val(); option {
		case "name":
			err = directive.OneArg(d, &o.Name)
		case "secure":
			o.Secure, err = directive.OnOff(d)
		case "break_glass":
			o.BreakGlass, err = directive.OnOff(d)
		default:
			return nil, d.Errf("unknown option %q in org %s; it has name, secure and break_glass", option, hash)
		}
		if err != nil {
			return nil, err
		}
	}
	if orgs == nil {
		orgs = make(map[string]*Org)
	}
	orgs[hash] = o
	return orgs, nil
}

// Interface guard.
var _ caddyfile.Unmarshaler = (*App)(nil)
