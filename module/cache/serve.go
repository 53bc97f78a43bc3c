package cache

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/playgate/playgate/module/internal/handoff"
)

// errGoAlone says that nothing has been sent, and that the request has to go to
// the origin on its own.
var errGoAlone = errors.New("this answer cannot be shared with this request")

// serve answers with an object, complete or not.
func (l *lookup) serve(o *object, how string) error {
	if o.status == http.StatusOK && asksForPart(l.r.Header) {
		return l.servePart(o, how)
	}
	b := o.body
	complete, length := b.state()
	var from *reader
	if !complete {
		from = b.read()
		defer from.close()
		if from.behind() {
			return errGoAlone
		}
	}
	h := l.w.Header()
	l.stamp(h, o, how)
	if complete && o.status == http.StatusOK && o.announced != length {
		h["Content-Length"] = []string{strconv.FormatInt(length, 10)}
	}
	l.w.WriteHeader(o.status)
	switch {
	case l.r.Method == http.MethodHead:
		return nil
	case complete:
		return l.writeWhole(b)
	}
	return l.writeGrowing(from)
}

// stamp writes the header of an answer: the object's, how old that is, and where it
// comes from.
func (l *lookup) stamp(h http.Header, o *object, how string) {
	room := o.setHeader(h)
	if how == "hit" {
		s := o.stampsAt(l.now)
		room[0], room[1] = s.ageText, s.hits
		h["Age"] = room[0:1:1]
		if len(h["Cache-Status"]) > 0 {
			h["Cache-Status"] = append(h["Cache-Status"], s.hits)
		} else {
			h["Cache-Status"] = room[1:2:2]
		}
		return
	}
	if age := o.ageAt(l.now); o.age > 0 || age >= time.Second {
		h["Age"] = []string{strconv.FormatInt(int64(age/time.Second), 10)}
	}
	if o.lifetime > 0 {
		how = withTTL(how, o.left(l.now))
	}
	setStatus(h, how)
}

// writeWhole writes a complete body. Who does not get on holds one piece of it.
func (l *lookup) writeWhole(b *body) error {
	if b.size > maxPiece {
		b.holdWhole()
		b.writers.Store(l, nil)
		defer func() {
			b.writers.Delete(l)
			b.letGo()
		}()
		if b.dropped.Load() {
			return errSlow
		}
	}
	if _, one := b.whole(); one {
		if to, ok := l.w.(handoff.SharedWriter); ok {
			return to.WriteShared(b)
		}
	}
	for i := range b.pieces {
		if b.dropped.Load() {
			return errSlow
		}
		if _, err := l.w.Write(b.pieces[i].data); err != nil {
			return err
		}
	}
	return nil
}

// interrupt ends what is being written to the client.
func (l *lookup) interrupt() {
	_ = http.NewResponseController(l.w).SetWriteDeadline(time.Unix(1, 0)) // long past
}

var (
	errSlow = caddyhttp.Error(http.StatusServiceUnavailable, errBehind)
	errCut  = caddyhttp.Error(http.StatusBadGateway, errBrokeOff)
)

// writeGrowing writes a body as it comes.
func (l *lookup) writeGrowing(from *reader) error {
	ctx := l.r.Context()
	for first := true; ; {
		data, err := from.next(ctx, l.flush)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return l.broken(err)
		}
		if to, ok := l.w.(handoff.SharedWriter); ok && first && to.WantsWhole(data) {
			switch whole, err := from.waitWhole(ctx); {
			case err != nil:
				return l.broken(err)
			case whole:
				return to.WriteShared(from.b)
			}
		}
		first = false
		if _, err := l.w.Write(data); err != nil {
			return err
		}
	}
}

// broken is what becomes of an answer that ends before its time.
func (l *lookup) broken(err error) error {
	switch {
	case errors.Is(err, errBehind):
		return errSlow
	case l.r.Context().Err() != nil:
		return errLeft
	}
	return errCut
}

func (l *lookup) flush() { _ = http.NewResponseController(l.w).Flush() }

// asksForPart reports whether a request is for a range, or on a condition.
func asksForPart(h http.Header) bool {
	for _, name := range [...]string{"Range", "If-None-Match", "If-Modified-Since", "If-Match", "If-Unmodified-Since"} {
		if len(h[name]) > 0 {
			return true
		}
	}
	return false
}

// mostRanges is how many ranges one request may have. One with more gets the whole
// (RFC 9110, section 14.2): a few bytes of each would cost more than that. So does one in
// another unit than bytes.
const mostRanges = 16

// servePart answers a request for ranges, or on conditions, from the whole.
func (l *lookup) servePart(o *object, how string) error {
	if asked := l.r.Header.Get("Range"); strings.Count(asked, ",") >= mostRanges || asked != "" && !strings.HasPrefix(strings.ToLower(asked), "bytes=") {
		l.r.Header = l.r.Header.Clone()
		l.r.Header.Del("Range")
		return l.serve(o, how)
	}
	b := o.body
	complete, length := b.state()
	if !complete && (length < 0 || b.narrow()) {
		if len(l.r.Header["Range"]) > 0 {
			return errGoAlone
		}
		l.r.Header = withoutConditions(l.r.Header)
		return l.serve(o, how)
	}
	if complete {
		b.holdWhole()
		defer b.letGo()
	}
	h := l.w.Header()
	l.stamp(h, o, how)
	delete(h, "Content-Length")
	if _, typed := h["Content-Type"]; !typed {
		h["Content-Type"] = nil // not to be guessed from the first bytes, which may be long in coming
	}
	part := &part{ctx: l.r.Context(), from: b.read(), length: length, flush: l.flush}
	defer part.from.close()
	http.ServeContent(l.w, l.r, "", o.modified, part)
	return part.err
}

func withoutConditions(h http.Header) http.Header {
	h = h.Clone()
	h.Del("If-None-Match")
	h.Del("If-Modified-Since")
	return h
}

// part reads a body of known length from anywhere, as it comes.
type part struct {
	ctx    context.Context
	from   *reader
	length int64
	flush  func()
	rest   []byte
	err    error
}

// Read implements [io.Reader].
func (p *part) Read(to []byte) (int, error) {
	if len(p.rest) == 0 {
		data, err := p.from.next(p.ctx, p.flush)
		if err != nil {
			if !errors.Is(err, io.EOF) {
				p.err = errCut
			}
			return 0, err
		}
		p.rest = data
	}
	n := copy(to, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// Seek implements [io.Seeker].
func (p *part) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += p.from.offset() - int64(len(p.rest))
	case io.SeekEnd:
		offset += p.length
	}
	p.rest = nil
	p.from.seek(offset)
	return offset, nil
}
