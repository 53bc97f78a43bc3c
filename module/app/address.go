package app

import (
	"net/http"
	"net/netip"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/playgate/playgate/module/internal/access"
)

// ClientAddress is where a request's client is, as Caddy found it: behind a
// trusted proxy, what that proxy says. It is the zero address where that is not
// known.
func ClientAddress(r *http.Request) netip.Addr {
	ctx := r.Context()
	client, _ := caddyhttp.GetVar(ctx, caddyhttp.ClientIPVarKey).(string)
	trusted := TrustedProxy(r)
	var forwarded [][]string
	if server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server); ok && trusted {
		for _, name := range server.ClientIPHeaders {
			forwarded = append(forwarded, r.Header.Values(name))
		}
	}
	return access.ClientAddress(client, trusted, forwarded...)
}

// TrustedProxy reports whether the peer is a proxy that the server trusts.
func TrustedProxy(r *http.Request) bool {
	trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool)
	return trusted
}

// EarlyData reports whether the client's address is not proven yet: its request
// came before the TLS handshake was complete (RFC 8470).
func EarlyData(r *http.Request) bool { return r.TLS != nil && !r.TLS.HandshakeComplete }
