package player

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/playgate/playgate/module/internal/directive"
)

func init() {
	directive.Register("playgate_player", func() directive.Handler { return new(Handler) })
}

// UnmarshalCaddyfile sets up the player pages from Caddyfile tokens. Syntax:
//
//	playgate_player [<prefix>] {                  # /play; the path of a page is <prefix>/{org}/{stream}
//		frame_ancestors <origin>...               # whose pages may embed the player, besides its own
//	}
//
// A page plays the first stream_url of its own host.
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	if err := directive.Prefix(d, "playgate_player", &h.Prefix); err != nil {
		return err
	}
	once := directive.Once{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := once.Check(d); err != nil {
			return err
		}
		if option := d.Val(); option != "frame_ancestors" {
			return d.Errf("unknown option %q in playgate_player; it has frame_ancestors", option)
		}
		var err error
		if h.FrameAncestors, err = directive.SomeArgs(d); err != nil {
			return err
		}
		for _, origin := range h.FrameAncestors {
			if err := checkOrigin(origin); err != nil {
				return d.Err(err.Error())
			}
		}
	}
	return nil
}

// checkOrigin accepts a scheme with a host, and with a port where it has one.
func checkOrigin(origin string) error {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Scheme+"://"+u.Host != origin || strings.ContainsAny(u.Host, " ;,'\"*") {
		return fmt.Errorf("frame_ancestors %s: write an origin, like https://www.example.com, without a path", origin)
	}
	return nil
}

// Interface guard.
var _ caddyfile.Unmarshaler = (*Handler)(nil)
