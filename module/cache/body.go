package cache

import (
	"bytes"
	"container/list"
	"context"
	"errors"
	"sort"
	"sync"
	"sync/atomic"
)

const (
	minPiece = 4 << 10
	// maxPiece is also what a reader holds on to that does not get on.
	maxPiece = 256 << 10

	// maxWhole is up to which size a complete body is made one piece, and written in one
	// go: in four pieces, a megabyte costs a fifth more.
	maxWhole = 1 << 20

	// maxAhead is how far a body that is not kept is read ahead of its fastest
	// reader, and maxLag how far another reader may be behind that one.
	maxAhead = 1 << 20
	maxLag   = 16 << 20
)

var (
	errAbandoned = errors.New("everybody has left")
	errBehind    = errors.New("the client reads too slowly")
	errBrokeOff  = errors.New("the origin's answer broke off")
)

// body is the content of an answer. One goroutine writes it; many read it from the
// first byte on, each at its own pace, while it grows and afterwards. It is kept as
// a whole, unless there is no room for it: then the last part alone is kept, the
// fastest reader sets the pace, and who falls too far behind is left behind.
type body struct {
	room *budget
	most int64 // that may be kept

	mu      sync.Mutex
	pieces  []piece
	base    int64 // offset of the first byte that is there
	size    int64
	length  int64 // as announced, or -1
	window  bool  // the last part alone is kept
	ended   bool
	err     error
	grown   chan struct{} // closed when there is news; nil when nobody waits
	readers map[*reader]struct{}
	moved   chan struct{} // that a reader has moved on, where the pace depends on it

	taken  int64 // of the budget, while it is being written
	memory int64 // that it takes, once it has ended

	// holders are those who read it or wait for it, stored is how often it is in
	// the store, and dropped tells readers to give up.
	holders atomic.Int32
	stored  atomic.Int32
	dropped atomic.Bool
	writers sync.Map      // *lookup: those that write all of it in one go
	pinned  *list.Element // in the budget, under its lock

	derived derived
}

type piece struct {
	at   int64
	data []byte
}

func (p *piece) end() int64 { return p.at + int64(len(p.data)) }

// newBody returns an empty body that may keep so many bytes.
func newBody(room *budget, most int64) *body {
	return &body{room: room, most: most, length: -1, readers: make(map[*reader]struct{}), moved: make(chan struct{}, 1)}
}

// whole is the content of a complete body, if it is one piece.
func (b *body) whole() ([]byte, bool) {
	if len(b.pieces) != 1 {
		return nil, false
	}
	return b.pieces[0].data, true
}

// Bytes implements [handoff.SharedBody], for a complete body of one piece.
func (b *body) Bytes() []byte { return b.pieces[0].data }

// begin says how long the body will be (-1 where that is not known) and how much
// may be kept of it. It reports whether it is kept, as long as there is room.
func (b *body) begin(length, most int64) (kept bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.length, b.most = length, most
	b.window = length > most || most <= 0
	return !b.window
}

// write appends p. It reports when from now on the last part alone is kept. The
// error is that of ctx, or [errAbandoned].
func (b *body) write(ctx context.Context, p []byte) (narrowed bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(p) > 0 {
		if b.window {
			if err := b.pace(ctx); err != nil {
				return narrowed, err
			}
		}
		n, now := b.add(p)
		narrowed = narrowed || now
		p = p[n:]
	}
	return narrowed, nil
}

// add appends what fits into one piece.
func (b *body) add(p []byte) (n int, narrowed bool) {
	last := len(b.pieces) - 1
	if last < 0 || len(b.pieces[last].data) == cap(b.pieces[last].data) {
		size := b.nextPiece(len(p))
		if !b.reserve(size) && !b.window {
			b.window, narrowed = true, true
		}
		b.pieces = append(b.pieces, piece{b.size, make([]byte, 0, size)})
		last = len(b.pieces) - 1
	}
	data := b.pieces[last].data
	n = min(len(p), cap(data)-len(data))
	b.pieces[last].data = append(data, p[:n]...)
	b.size += int64(n)
	b.tell()
	return n, narrowed
}

// nextPiece is the size of the next piece, for at least one of n bytes.
func (b *body) nextPiece(n int) int64 {
	if left := b.length - b.size; left > 0 {
		return min(left, maxPiece)
	}
	return max(minPiece, min(max(b.size, int64(n)), maxPiece))
}

// reserve takes memory for a piece. In a window old pieces make room.
func (b *body) reserve(n int64) bool {
	switch {
	case b.window:
		b.trim(maxLag)
		if !b.room.take(n) {
			b.trim(0)
			return false // it is little, and the stream has to go on
		}
	case b.size+n > b.most || !b.room.take(n):
		return false
	}
	b.taken += n
	return true
}

// trim drops what all readers have behind them, and what is too far behind the
// fastest one.
func (b *body) trim(lag int64) {
	if len(b.readers) == 0 {
		return // they have not begun
	}
	slowest, fastest := b.size, int64(0)
	for r := range b.readers {
		slowest, fastest = min(slowest, r.at), max(fastest, r.at)
	}
	for len(b.pieces) > 0 && b.pieces[0].end() <= max(slowest, fastest-lag) {
		n := min(int64(cap(b.pieces[0].data)), b.taken)
		b.taken -= n
		b.room.give(n)
		b.base = b.pieces[0].end()
		b.pieces = b.pieces[1:]
	}
}

// pace waits until the fastest reader is near enough.
func (b *body) pace(ctx context.Context) error {
	for {
		if b.holders.Load() == 0 {
			return errAbandoned
		}
		fastest := int64(0)
		for r := range b.readers {
			fastest = max(fastest, r.at)
		}
		if b.size-fastest < maxAhead {
			return nil
		}
		b.mu.Unlock()
		select {
		case <-b.moved:
		case <-ctx.Done():
		}
		b.mu.Lock()
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// end says that the body is complete, or why it never will be.
func (b *body) end(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return
	}
	if err == nil && b.length >= 0 && b.size != b.length {
		err = errBrokeOff
	}
	b.ended, b.err = true, err
	b.shrink()
	for i := range b.pieces {
		b.memory += int64(cap(b.pieces[i].data))
	}
	b.room.give(b.taken)
	b.taken = 0
	b.tell()
}

// shrink gives back what the last piece does not need, and makes one piece of a
// small body.
func (b *body) shrink() {
	if len(b.pieces) == 0 {
		return
	}
	if b.base == 0 && b.size <= maxWhole && len(b.pieces) > 1 {
		whole := make([]byte, 0, b.size)
		for i := range b.pieces {
			whole = append(whole, b.pieces[i].data...)
		}
		b.pieces = []piece{{0, whole}}
	}
	if last := &b.pieces[len(b.pieces)-1]; cap(last.data)-len(last.data) > cap(last.data)/8 {
		last.data = bytes.Clone(last.data)
	}
}

// tell wakes who waits for news.
func (b *body) tell() {
	if b.grown != nil {
		close(b.grown)
		b.grown = nil
	}
}

// hold says that somebody is going to read the body.
func (b *body) hold() { b.holders.Add(1) }

// holdWhole is hold for a body that has ended: it may have left the store just
// before, when nobody held it.
func (b *body) holdWhole() {
	b.hold()
	if b.stored.Load() == 0 {
		b.room.pin(b)
	}
}

// letGo is the end of hold. It reports whether it was the last one.
func (b *body) letGo() bool {
	if b.holders.Add(-1) > 0 {
		return false
	}
	b.move()
	if b.stored.Load() == 0 {
		b.room.unpin(b)
		b.forgetDerived()
	}
	return true
}

// leaveStore is called when the body is not in the store, or no longer.
func (b *body) leaveStore() {
	if b.holders.Load() > 0 {
		b.room.pin(b)
	}
	if b.holders.Load() == 0 {
		b.room.unpin(b)
		b.forgetDerived()
	}
}

// drop tells readers to give up. Who writes all of it in one go is interrupted: the
// client does not take it.
func (b *body) drop() {
	b.dropped.Store(true)
	go b.writers.Range(func(l, _ any) bool {
		l.(*lookup).interrupt()
		return true
	})
}

// move lets the writer look again how far readers are.
func (b *body) move() {
	select {
	case b.moved <- struct{}{}:
	default:
	}
}

// state tells whether the body is complete, and how long it is, or will be; -1
// where that is not known.
func (b *body) state() (complete bool, length int64) {
	if b.stored.Load() > 0 {
		return true, b.size
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if complete = b.ended && b.err == nil && b.base == 0 && !b.window; complete {
		return true, b.size
	}
	return false, b.length
}

// narrow reports whether only the last part is kept.
func (b *body) narrow() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.window
}

// wait waits for news.
func (b *body) wait(ctx context.Context) error {
	if b.grown == nil {
		b.grown = make(chan struct{})
	}
	news := b.grown
	b.mu.Unlock()
	defer b.mu.Lock()
	select {
	case <-news:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// find returns the piece with the byte at an offset.
func (b *body) find(at int64) *piece {
	i := sort.Search(len(b.pieces), func(i int) bool { return b.pieces[i].end() > at })
	return &b.pieces[i]
}
