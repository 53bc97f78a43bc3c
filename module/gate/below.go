package gate

import (
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/playgate/playgate/module/internal/conns"
	"github.com/playgate/playgate/module/internal/handoff"
)

// below is the context of what stands below the gate.
type below struct {
	conns.Context

	original    http.Request // without the token
	hasOriginal bool
	admitted    *handoff.Target // nil for a request that is refused
}

// Value implements [context.Context].
func (b *below) Value(key any) any {
	switch {
	case key == handoff.TargetKey:
		return b.admitted
	case b.hasOriginal && key == caddyhttp.OriginalRequestCtxKey:
		return b.original
	}
	return b.Context.Value(key)
}
