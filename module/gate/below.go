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
	target      handoff.Target

	// live is the context that a cut cancels. It is made for the first one who
	// waits for its end: most answers are over before anybody does.
	live atomic.Pointer[cancelable]
	mu   sync.Mutex // of what follows
	ends bool       // it can be canceled
	over bool       // it has been
}

type cancelable struct {
	context.Context

	cancel context.CancelFunc
}

// Value implements [context.Context].
func (b *below) Value(key any) any {
	switch {
	case key == handoff.TargetKey:
		return b.admitted
	case b.hasOriginal && key == caddyhttp.OriginalRequestCtxKey:
		return b.original
	}
	if c := b.live.Load(); c != nil {
		return c.Value(key) // package context finds the one to derive others from
	}
	return b.Context.Value(key)
}

// Done implements [context.Context].
func (b *below) Done() <-chan struct{} {
	if c := b.live.Load(); c != nil {
		return c.Done()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.ends {
		return b.Context.Done()
	}
	c := b.live.Load()
	if c == nil {
		c = new(cancelable)
		c.Context, c.cancel = context.WithCancel(b.Context)
		if b.over {
			c.cancel()
		}
		b.live.Store(c)
	}
	return c.Done()
}

// Err implements [context.Context].
func (b *below) Err() error {
	if c := b.live.Load(); c != nil {
		return c.Err()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return context.Canceled
	}
	return b.Context.Err()
}

// cancel ends what stands below the gate.
func (b *below) cancel() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
	if c := b.live.Load(); c != nil {
		c.cancel()
	}
}
