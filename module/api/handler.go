package api

import (
	"errors"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/playgate/playgate/module/app"
	"github.com/playgate/playgate/module/internal/directive"
)

func init() {
	caddy.RegisterModule(new(Handler))
	directive.Register("playgate_api", func() directive.Handler { return new(Handler) })
}

// Handler answers /api/ and /.well-known/jwks.json, and nothing else. API keys
// say who asks.
type Handler struct{ api http.Handler }

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.playgate_api", New: func() caddy.Module { return new(Handler) }}
}

// Provision finds the app. It reads nothing of the registry, which may not be
// open yet.
func (h *Handler) Provision(ctx caddy.Context) error {
	found, err := ctx.App(app.ID)
	if err != nil {
		return err
	}
	a := found.(*app.App)
	if a.Registry() == nil {
		return errors.New("playgate_api needs a store: write store embedded into the global playgate block instead of store off, or take playgate_api out")
	}
	find := func() *app.App { return a }
	h.api = New(find, (&keyAuth{find: find, failures: newAuthLimiter()}).who)
	return nil
}

// ServeHTTP answers the API's paths.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if !strings.HasPrefix(r.URL.Path, "/api/") && r.URL.Path != jwksPath {
		return next.ServeHTTP(w, r)
	}
	h.api.ServeHTTP(w, r)
	return nil
}

// UnmarshalCaddyfile accepts the bare directive. Syntax:
//
//	playgate_api
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return directive.Nothing(d, "playgate_api takes neither a matcher nor values nor a block; it answers /api/* and /.well-known/jwks.json")
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
	_ caddyfile.Unmarshaler       = (*Handler)(nil)
)
