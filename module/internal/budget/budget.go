// Package budget shares a number of bytes among requests that each keep a whole
// manifest in memory.
package budget

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"sync"
)

// perHolder is how many shares one holder has at most, held and awaited together.
// Without it a single token could take the whole budget from all others.
const perHolder = 2

var (
	// ErrBusy is for requests that may be sent again later: the deadline came before
	// the bytes were free, or the holder has two shares already.
	ErrBusy = errors.New("too many manifests are read at the same time")
	// ErrTooLarge is for requests that need more bytes than the budget has in all.
	// Waiting does not help them.
	ErrTooLarge = errors.New("larger than the whole budget")
)

// Budget is a number of bytes that many requests share. Each takes what it needs
// before it reads, and waits in order of arrival if that much is not free. [New]
// makes one.
type Budget struct {
	size int64

	mu      sync.Mutex
	free    int64
	holders map[string]int // how many shares each named holder has, held and awaited
	queue   list.List      // of *Share, in order of arrival
}

// New makes a budget of size bytes, all of them free.
func New(size int64) *Budget {
	return &Budget{size: size, free: size, holders: make(map[string]int)}
}

// Take takes n bytes for a holder. If they are not free, or others wait already, it
// waits in order of arrival: a small request does not overtake a large one, which
// might never get its turn otherwise. The context limits only the waiting. The caller
// keeps the share until it calls [Share.Release], also if the context ends before.
//
// The holder is text that identifies a token. It is empty for requests without one.
// These are strangers to each other, so they are not counted together and only the
// size of the budget limits them. None of them goes ahead of a request that came
// earlier. A caller that can tell them apart, by address for example, should do so.
//
// Errors: [ErrTooLarge] if n is more than the budget has in all; [ErrBusy] at once if
// the holder has two shares, or when the deadline of the context passes; the cause of
// the context if it was cancelled.
func (b *Budget) Take(ctx context.Context, holder string, n int64) (*Share, error) {
	if n < 0 {
		return nil, fmt.Errorf("cannot take %d bytes of a budget", n)
	}
	if n > b.size {
		return nil, fmt.Errorf("%w: %d bytes of %d", ErrTooLarge, n, b.size)
	}
	if ctx.Err() != nil {
		return nil, ended(ctx)
	}
	s := &Share{budget: b, holder: holder, size: n}
	place, err := b.enter(s)
	if err != nil {
		return nil, err
	}
	if place == nil {
		return s, nil
	}
	select {
	case <-s.granted:
		return s, nil
	case <-ctx.Done():
	}
	if !b.leave(place, s) {
		return s, nil
	}
	return nil, ended(ctx)
}

// ended is the error for a context that has ended.
func ended(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return ErrBusy
	}
	return context.Cause(ctx)
}

// enter grants a share, or gives it a place in the queue. It returns the place, nil
// if the share is granted.
func (b *Budget) enter(s *Share) (*list.Element, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.holder != "" {
		if b.holders[s.holder] >= perHolder {
			return nil, ErrBusy
		}
		b.holders[s.holder]++
	}
	if b.queue.Len() == 0 && s.size <= b.free {
		b.free -= s.size
		return nil, nil
	}
	s.granted = make(chan struct{})
	return b.queue.PushBack(s), nil
}

// leave takes a share out of the queue. It returns false if the share was granted in
// the meantime: then its bytes are taken, and the caller has to use or release it.
func (b *Budget) leave(place *list.Element, s *Share) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-s.granted:
		return false
	default:
	}
	b.queue.Remove(place)
	b.forget(s.holder)
	// It may have been the one that all others waited for.
	b.grant()
	return true
}

// giveBack ends a share that was granted. The mutex is held.
func (b *Budget) giveBack(s *Share) {
	b.free += s.size
	b.forget(s.holder)
	b.grant()
}

// grant grants shares from the head of the queue until one does not fit. The mutex is
// held.
func (b *Budget) grant() {
	for place := b.queue.Front(); place != nil; place = b.queue.Front() {
		s := place.Value.(*Share)
		if s.size > b.free {
			return
		}
		b.queue.Remove(place)
		b.free -= s.size
		close(s.granted)
	}
}

// forget counts one share less for a holder. The mutex is held.
func (b *Budget) forget(holder string) {
	switch {
	case holder == "":
	case b.holders[holder] > 1:
		b.holders[holder]--
	default:
		// Holders that have nothing are not kept: tokens come and go.
		delete(b.holders, holder)
	}
}
