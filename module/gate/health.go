package gate

import (
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/playgate/playgate/module/app"
	"github.com/playgate/playgate/module/internal/directive"
	"github.com/playgate/playgate/module/internal/target"
)

func init() {
	caddy.RegisterModule(Health{})
	directive.Register("playgate_health", func() directive.Handler { return new(Health) })
}

// Health answers /healthz, which says that the server serves, and /readyz,
// which says that it can tell a good token: that a key is there that is not
// retired, and that what is known of the registry is whole and not older than
// stale_after.
type Health struct{ app *app.App }

// CaddyModule returns the Caddy module information.
func (Health) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.playgate_health", New: func() caddy.Module { return new(Health) }}
}

// Provision finds the app.
func (h *Health) Provision(ctx caddy.Context) error {
	a, err := ctx.App(app.ID)
	if err != nil {
		return err
	}
	h.app = a.(*app.App)
	return nil
}

// ServeHTTP answers the two paths, and nothing else.
func (h *Health) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return next.ServeHTTP(w, r)
	}
	status, text := http.StatusOK, "ok\n"
	switch target.RawPath(r.URL) {
	case "/healthz":
	case "/readyz":
		if !h.app.Ready(time.Now()) {
			status, text = http.StatusServiceUnavailable, "no key to check tokens with, or what the registry says is unknown, or older than stale_after\n"
		}
	default:
		return next.ServeHTTP(w, r)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, err := w.Write([]byte(text))
	return err
}

// UnmarshalCaddyfile accepts the bare directive. Syntax:
//
//	playgate_health
func (h *Health) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return directive.Nothing(d, "playgate_health takes neither a matcher nor values; it answers /healthz and /readyz")
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Health)(nil)
	_ caddyhttp.MiddlewareHandler = (*Health)(nil)
	_ caddyfile.Unmarshaler       = (*Health)(nil)
)
