package cache

import (
	"context"
	"io"
)

// reader reads a body from some offset on.
type reader struct {
	b    *body
	at   int64
	lent int64 // the size of what next has returned, and that is behind the reader with its next call
}

// read returns a reader at the first byte. It has to be closed.
func (b *body) read() *reader {
	r := &reader{b: b}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.readers[r] = struct{}{}
	return r
}

func (r *reader) close() {
	r.b.mu.Lock()
	defer r.b.mu.Unlock()
	delete(r.b.readers, r)
	r.b.move()
}

// next returns the bytes that come next, as soon as there are some, and at most
// one piece. Before it waits it calls idle, once. At the end the error is [io.EOF];
// else it is why the body broke off, the error of ctx, or [errBehind].
func (r *reader) next(ctx context.Context, idle func()) ([]byte, error) {
	b := r.b
	b.mu.Lock()
	defer b.mu.Unlock()
	r.at += r.lent
	r.lent = 0
	if b.window {
		b.move()
	}
	for {
		switch {
		case r.at < b.base || b.dropped.Load():
			return nil, errBehind
		case r.at < b.size:
			p := b.find(r.at)
			data := p.data[r.at-p.at:]
			r.lent = int64(len(data))
			return data, nil
		case b.ended && b.err != nil:
			return nil, b.err
		case b.ended:
			return nil, io.EOF
		}
		if idle != nil {
			b.mu.Unlock()
			idle()
			b.mu.Lock()
			idle = nil
			continue
		}
		if err := b.wait(ctx); err != nil {
			return nil, err
		}
	}
}

// behind reports whether the bytes that next would return are gone.
func (r *reader) behind() bool {
	r.b.mu.Lock()
	defer r.b.mu.Unlock()
	return r.at < r.b.base
}

// offset is where the bytes are that next returns then.
func (r *reader) offset() int64 { return r.at + r.lent }

// seek lets next go on from an offset.
func (r *reader) seek(to int64) {
	r.b.mu.Lock()
	defer r.b.mu.Unlock()
	r.at, r.lent = to, 0
}

// waitWhole waits until the body is complete, and reports whether it is one piece. It
// does not wait for one that is too large for that.
func (r *reader) waitWhole(ctx context.Context) (whole bool, err error) {
	b := r.b
	b.mu.Lock()
	defer b.mu.Unlock()
	for !b.ended && b.size <= maxPiece && !b.window {
		if err := b.wait(ctx); err != nil {
			return false, err
		}
	}
	return b.ended && b.err == nil && b.base == 0 && len(b.pieces) == 1, b.err
}
