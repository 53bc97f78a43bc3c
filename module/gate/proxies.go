package gate

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/loadcheck"
)

// warnOfProxies tells the operator, once for each server, if clients can choose the
// address that ip rules see: a proxy appends to X-Forwarded-For, and without strict
// Caddy takes the first address in it.
func (h *Handler) warnOfProxies(ctx caddy.Context) {
	server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if !ok || !loadcheck.TrustsProxies(server) || server.TrustedProxiesStrict > 0 || h.app.Ordinal("gate of server "+server.Name()) > 0 {
		return
	}
	h.logger.Warn("trusted_proxies without trusted_proxies_strict: clients can choose the address that ip rules see; add trusted_proxies_strict",
		zap.String("server", server.Name()))
}
