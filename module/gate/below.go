package gate

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/playgate/playgate/module/internal/handoff"
)

// below is the context of what stands below the gate.
type below struct {
	context.Context

	original    http.Request // without the token
	hasOriginal bool
	admitted    *handoff.Target // nil for a request that is refused

	// It can be canceled, see mayEnd. What that takes is made for whoever waits: an
	// answer from memory waits for nothing.
	ends   bool
	mu     sync.Mutex
	ended  bool
	own    atomic.Pointer[context.Context]
	cancel context.CancelFunc // of own
}

// Done implements [context.Context].
func (b *below) Done() <-chan struct{} {
	if !b.ends {
		return b.Context.Done()
	}
	if b.own.Load() == nil {
		b.mu.Lock()
		if b.own.Load() == nil {
			var own context.Context
			if own, b.cancel = context.WithCancel(b.Context); b.ended {
				b.cancel()
			}
			b.own.Store(&own)
		}
		b.mu.Unlock()
	}
	return (*b.own.Load()).Done()
}

// Err implements [context.Context].
func (b *below) Err() error {
	if own := b.own.Load(); own != nil {
		return (*own).Err()
	}
	if b.ends {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.ended {
			return context.Canceled
		}
	}
	return b.Context.Err()
}

// Value implements [context.Context].
func (b *below) Value(key any) any {
	switch {
	case key == handoff.TargetKey:
		return b.admitted
	case b.hasOriginal && key == caddyhttp.OriginalRequestCtxKey:
		return b.original
	}
	if own := b.own.Load(); own != nil { // so that its children are known to it
		return (*own).Value(key)
	}
	return b.Context.Value(key)
}

// mayEnd makes it a context that can be canceled, before anybody below has seen it.
func (b *below) mayEnd() context.CancelFunc {
	b.ends = true
	return b.end
}

// end cancels it.
func (b *below) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended = true; b.cancel != nil {
		b.cancel()
	}
}
