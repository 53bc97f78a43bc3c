package conns

import (
	"context"
	"errors"
	"testing"
)

// A context is that of the server until it is canceled.
func TestContext(t *testing.T) {
	server, leave := context.WithCancel(context.Background())
	cut, left, never := &Context{Context: server}, &Context{Context: server}, &Context{Context: server}
	end := cut.Cancelable()
	left.Cancelable()
	child, stop := context.WithCancel(cut)
	defer stop()
	if cut.Err() != nil || child.Err() != nil {
		t.Fatalf("over before it was cut: %v, %v", cut.Err(), child.Err())
	}
	end()
	<-child.Done()
	end() // again
	if !errors.Is(cut.Err(), context.Canceled) || left.Err() != nil {
		t.Errorf("after the cut of another: %v, %v", cut.Err(), left.Err())
	}
	leave()
	<-left.Done()
	<-never.Done()
}

// A context that nobody waits for is over when it is canceled, and so is what is derived of it
// afterwards.
func TestContextThatNobodyWaitsFor(t *testing.T) {
	b := &Context{Context: context.Background()}
	b.Cancelable()()
	if b.own.Load() != nil || !errors.Is(b.Err(), context.Canceled) || !errors.Is(context.Cause(b), context.Canceled) {
		t.Errorf("%v, %v", b.Err(), context.Cause(b))
	}
	child, stop := context.WithCancel(b)
	defer stop()
	<-child.Done()
	<-b.Done()
}
