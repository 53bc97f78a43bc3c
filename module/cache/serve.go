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
func (v *visit) serve(o *object, how string) error {
	if o.status == http.StatusOK && asksForPart(v.r.Header) {
		return v.servePart(o, how)
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
	h := v.w.Header()
	v.stamp(h, o, how)
	if complete && o.status == http.StatusOK && o.announced != length {
		h["Content-Length"] = []string{strconv.FormatInt(length, 10)}
	}
	v.w.WriteHeader(o.status)
	switch {
	case v.r.Method == http.MethodHead:
		return nil
	case complete:
		return v.writeWhole(b)
	}
	return v.writeGrowing(from)
}

// stamp writes the header of an answer: the object's, how old that is, and where it
// comes from.
func (v *visit) stamp(h http.Header, o *object, how string) {
	room := o.setHeader(h)
	if how == "hit" {
		s := o.stampsAt(v.now)
		room[0], room[1] = s.ageText, s.hits
		h["Age"] = room[0:1:1]
		if len(h["Cache-Status"]) > 0 {
			h["Cache-Status"] = append(h["Cache-Status"], s.hits)
		} else {
			h["Cache-Status"] = room[1:2:2]
		}
		return
	}
	if o.age > 0 {
		h["Age"] = []string{strconv.FormatInt(int64(o.ageAt(v.now)/time.Second), 10)}
	}
	if o.lifetime > 0 {
		how = withTTL(how, o.left(v.now))
	}
	setStatus(h, how)
}

// writeWhole writes a complete body. Who does not get on holds one piece of it.
func (v *visit) writeWhole(b *body) error {
	if _, one := b.whole(); one {
		if to, ok := v.w.(handoff.SharedWriter); ok {
			return to.WriteShared(b)
		}
	}
	if len(b.pieces) > 1 {
		b.holdWhole()
		defer b.letGo()
	}
	for i := range b.pieces {
		if b.dropped.Load() {
			return errSlow
		}
		if _, err := v.w.Write(b.pieces[i].data); err != nil {
			return err
		}
	}
	return nil
}

var (
	errSlow = caddyhttp.Error(http.StatusServiceUnavailable, errBehind)
	errCut  = caddyhttp.Error(http.StatusBadGateway, errBrokeOff)
)

// writeGrowing writes a body as it comes.
func (v *visit) writeGrowing(from *reader) error {
	ctx := v.r.Context()
	for first := true; ; {
		data, err := from.next(ctx, v.flush)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return v.broken(err)
		}
		if to, ok := v.w.(handoff.SharedWriter); ok && first && to.WantsWhole(data) {
			switch whole, err := from.waitWhole(ctx); {
			case err != nil:
				return v.broken(err)
			case whole:
				return to.WriteShared(from.b)
			}
		}
		first = false
		if _, err := v.w.Write(data); err != nil {
			return err
		}
	}
}

// broken is what becomes of an answer that ends before its time.
func (v *visit) broken(err error) error {
	switch {
	case errors.Is(err, errBehind):
		return errSlow
	case v.r.Context().Err() != nil:
		return errLeft
	}
	return errCut
}

func (v *visit) flush() { _ = http.NewResponseController(v.w).Flush() }

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
// (RFC 9110, section 14.2): a few bytes of each would cost more than that.
const mostRanges = 16

// servePart answers a request for ranges, or on conditions, from the whole.
func (v *visit) servePart(o *object, how string) error {
	if strings.Count(v.r.Header.Get("Range"), ",") >= mostRanges {
		v.r.Header = v.r.Header.Clone()
		v.r.Header.Del("Range")
		return v.serve(o, how)
	}
	b := o.body
	complete, length := b.state()
	if !complete && (length < 0 || b.narrow()) {
		if len(v.r.Header["Range"]) > 0 {
			return errGoAlone
		}
		v.r.Header = withoutConditions(v.r.Header)
		return v.serve(o, how)
	}
	if complete {
		b.holdWhole()
		defer b.letGo()
	}
	h := v.w.Header()
	v.stamp(h, o, how)
	delete(h, "Content-Length")
	if _, typed := h["Content-Type"]; !typed {
		h["Content-Type"] = nil // not to be guessed from the first bytes, which may be long in coming
	}
	part := &part{ctx: v.r.Context(), from: b.read(), length: length, flush: v.flush}
	defer part.from.close()
	http.ServeContent(v.w, v.r, "", o.modified, part)
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
