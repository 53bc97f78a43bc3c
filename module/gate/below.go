package gate

import (
	"context"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/playgate/playgate/module/internal/handoff"
)

// below is the context of what stands below the gate.
type below struct {
	context.Context

	original    http.Request // without the token
	hasOriginal bool
	admitted    *handoff.Target    // nil for a request that is refused
	cancel      context.CancelFunc // see mayEnd
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

// mayEnd makes it a context that can be canceled, before anybody below has seen it.
func (b *below) mayEnd() context.CancelFunc {
	b.Context, b.cancel = context.WithCancel(b.Context)
	return b.cancel
}
