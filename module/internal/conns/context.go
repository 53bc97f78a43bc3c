package conns

import (
	"context"
	"sync"
	"sync/atomic"
)

// Context is a context that can be canceled, as that of [context.WithCancel] is. What it
// takes to wait for that is made for whoever waits first: an answer from memory waits for
// nothing. Without Cancelable it is just the one that it is made of.
type Context struct {
	context.Context

	cancelable bool
	mu         sync.Mutex
	ended      bool
	own        atomic.Pointer[context.Context]
	cancel     context.CancelFunc // of own
}

// Cancelable makes it one that can be canceled, before anybody has seen it, and returns
// what cancels it.
func (c *Context) Cancelable() context.CancelFunc {
	c.cancelable = true
	return c.Cancel
}

// Cancel cancels it, if it is cancelable.
func (c *Context) Cancel() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended = true; c.cancel != nil {
		c.cancel()
	}
}

// Done implements [context.Context].
func (c *Context) Done() <-chan struct{} {
	if !c.cancelable {
		return c.Context.Done()
	}
	if c.own.Load() == nil {
		c.mu.Lock()
		if c.own.Load() == nil {
			var own context.Context
			if own, c.cancel = context.WithCancel(c.Context); c.ended {
				c.cancel()
			}
			c.own.Store(&own)
		}
		c.mu.Unlock()
	}
	return (*c.own.Load()).Done()
}

// Err implements [context.Context].
func (c *Context) Err() error {
	if own := c.own.Load(); own != nil {
		return (*own).Err()
	}
	if c.cancelable {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.ended {
			return context.Canceled
		}
	}
	return c.Context.Err()
}

// Value implements [context.Context].
func (c *Context) Value(key any) any {
	if own := c.own.Load(); own != nil { // so that its children are known to it
		return (*own).Value(key)
	}
	return c.Context.Value(key)
}
