package gate

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/klauspost/compress/gzip"
	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/body"
	"github.com/playgate/playgate/module/internal/budget"
	"github.com/playgate/playgate/module/internal/headers"
	"github.com/playgate/playgate/module/internal/manifest"
)

// reader reads what may be a manifest.
type reader struct {
	raw   bytes.Buffer // as it came, until it is known what it is
	body  body.Reader
	share *budget.Share
	zip   *gzip.Writer // of a long one
	coded bool         // it came in gzip
}

var readers = sync.Pool{New: func() any { return new(reader) }}

const (
	// enough is how many bytes mostly tell whether they begin a manifest.
	enough = 512
	// keepBuffer is the size up to which a buffer is used again.
	keepBuffer = 1 << 20
	// longestWait is for room to read a manifest as a whole.
	longestWait = 5 * time.Second
)

// mayCarry reports whether manifests in answers of a status get the token.
func mayCarry(status int) bool {
	return status == http.StatusOK || status == http.StatusNonAuthoritativeInfo
}

// read takes in bytes of what may be a manifest.
func (rw *response) read(p []byte) (int, error) {
	r := rw.reader
	switch rw.stage {
	case reading:
		return r.body.Write(p)
	case inflating:
		if r.raw.Len()+len(p) > body.MaxMPD {
			return 0, body.ErrTooLarge
		}
		if size := r.raw.Len() + len(p); size > body.Head && size > r.raw.Cap() {
			if err := rw.room(2 * size); err != nil {
				return 0, err
			}
		}
		return r.raw.Write(p)
	}
	if r.raw.Len() == 0 {
		if err := rw.decide(p, false); err != nil {
			return 0, err
		}
		if rw.stage == sniffing {
			r.raw.Write(p)
		}
		return len(p), nil
	}
	n := min(len(p), max(body.Head-r.raw.Len(), 1))
	r.raw.Write(p[:n])
	if err := rw.decide(r.raw.Bytes(), false); err != nil || n == len(p) {
		return n, err
	}
	m, err := rw.Write(p[n:])
	return n + m, err
}

// decide looks at the first bytes. What is no manifest is let go.
func (rw *response) decide(head []byte, complete bool) error {
	r := rw.reader
	f, sure, err := body.Sniff(head, rw.Header(), rw.x.rewritable(), complete)
	switch {
	case err != nil || !sure:
		return err
	case f == manifest.NoFormat, f == manifest.VTT && (rw.mode != splice || rw.x.inner() != "" || !mayCarry(rw.status)):
		if rw.commit(rw.status); rw.stage != passing {
			return rw.failure
		}
		if rw.head {
			return nil
		}
		_, err = rw.ResponseWriter.Write(head)
		return err
	case rw.status == http.StatusPartialContent:
		rw.stage, rw.partly = dropping, true
		return nil
	}
	r.body = body.Reader{Format: f, Whole: rw.whole, Long: rw.long, Room: rw.room, Text: r.body.Text[:0], Out: r.body.Out[:0]}
	r.body.Size, _ = strconv.Atoi(rw.Header().Get("Content-Length"))
	if rw.mode == splice && mayCarry(rw.status) {
		r.body.Rewriter = rw.x.rewriter()
	}
	r.body.Check = rw.x.check(r.body.Rewriter)
	if r.coded = body.CodingOf(rw.Header()) == body.Gzip; r.coded {
		if rw.stage = inflating; r.raw.Len() == 0 {
			r.raw.Write(head)
		}
		return nil
	}
	rw.stage = reading
	_, err = r.body.Write(head)
	return err
}

// room waits until there is room to read a manifest as a whole, or takes more of it.
func (rw *response) room(bytes int) error {
	const copies = 5 // what came, what is written, and what growing both leaves behind
	r, size := rw.reader, copies*int64(bytes)
	if r.share != nil {
		return r.share.Grow(size)
	}
	ctx, cancel := context.WithTimeout(rw.x.r.Context(), longestWait)
	defer cancel()
	holder := rw.x.token.Text
	if rw.x.credential.Grant == nil {
		holder = rw.x.address().String()
	}
	share, err := rw.x.h.app.Edge().Manifests.Take(ctx, holder, size)
	r.share = share
	return err
}

// endReading ends what may be a manifest.
func (rw *response) endReading() error {
	r := rw.reader
	if rw.stage == sniffing {
		if err := rw.decide(r.raw.Bytes(), true); err != nil {
			return err
		}
	}
	switch rw.stage {
	case inflating:
		if err := body.Inflate(&r.body, r.raw.Bytes()); err != nil {
			return err
		}
	case reading:
	default:
		return nil
	}
	long := rw.committed
	err := r.body.Close()
	if err == nil && long && r.body.Rewriter != nil && rw.propagates() {
		rw.tellMissed(&r.body.Rewriter.Missed)
	}
	if err == nil && r.zip != nil {
		err = r.zip.Close()
	}
	return err
}

// whole passes on a manifest that is complete.
func (rw *response) whole(text []byte, changed bool) error {
	r, h := rw.reader, rw.Header()
	switch {
	case changed:
		var err error
		if text, err = rw.x.rewritten(text, h); err != nil {
			return err
		}
	case r.coded:
		text = r.raw.Bytes()
	}
	if r.body.Rewriter != nil && rw.propagates() {
		rw.tellMissed(&r.body.Rewriter.Missed)
	}
	rw.commit(rw.status)
	if rw.stage == dropping {
		return rw.failure
	}
	if rw.head {
		return nil
	}
	r.share.Shrink(int64(cap(r.body.Text) + cap(r.body.Out))) // however slowly the client reads
	_, err := rw.ResponseWriter.Write(text)
	return err
}

// propagates reports whether the references of a manifest are said to carry the token.
func (rw *response) propagates() bool {
	return rw.mode == splice && (rw.x.h.Propagate == bySession || rw.x.h.Propagate == byQuery)
}

// tellMissed says which references of a manifest got no token.
func (rw *response) tellMissed(missed *manifest.Missed) {
	x := rw.x
	x.h.app.Edge().RecordManifest(x.target.Org, x.site().Own.Address(), x.path, missed)
	if minute := x.h.now().Unix() / 60; missed.Unread && x.h.warned.Swap(minute) != minute {
		x.h.logger.Warn("an MPD cannot be read, because it is not well-formed, has a DOCTYPE or is not in UTF-8; its references get no token",
			zap.String("path", x.path), zap.String("playgate_org", x.target.Org), zap.String("playgate_stream", x.target.Stream))
	}
	if missed.Count == 0 || !x.h.accessLog {
		return
	}
	if extra, ok := x.r.Context().Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields); ok {
		extra.Set(zap.Int("playgate_untokened", missed.Count))
		extra.Set(zap.String("playgate_untokened_kind", strings.Join(missed.Names(), " ")))
	}
}

// long begins to pass on a manifest that is longer than what is kept of it, or something
// else that looked like one.
func (rw *response) long(lines bool) (io.Writer, error) {
	r, h := rw.reader, rw.Header()
	if lines {
		dropDigests(h)
	}
	zipped := lines && rw.x.wantsGzip
	if zipped {
		headers.AddVary(h, "Accept-Encoding")
		h.Set("Content-Encoding", "gzip")
	}
	// A reference further down may still have to get the token.
	if lines && r.body.Rewriter != nil && (rw.x.inner() == "" || rw.x.h.DownstreamCache != "private") {
		headers.NeverStore(h)
	}
	r.share.Shrink(0) // what was kept of it goes out now, and no more is kept
	stage := rw.stage
	rw.commit(rw.status)
	switch {
	case rw.stage == dropping:
		return nil, rw.failure
	case rw.head:
		return io.Discard, nil
	}
	rw.stage = stage
	switch {
	case !lines && r.coded: // as it came
		_, err := rw.ResponseWriter.Write(r.raw.Bytes())
		return io.Discard, err
	case !zipped:
		return rw.ResponseWriter, nil
	}
	var err error
	r.zip, err = gzip.NewWriterLevel(rw.ResponseWriter, gzip.StatelessCompression) // it keeps nothing of what went through
	return r.zip, err
}

// flush sends what has been read so far as far as it may go.
func (r *reader) flush() error {
	err := r.body.Flush()
	if err == nil && r.zip != nil {
		err = r.zip.Flush()
	}
	return err
}

// release gives the memory back. An answer that has not begun is forgotten.
func (rw *response) release() {
	r := rw.reader
	if r == nil {
		return
	}
	rw.reader = nil
	r.share.Release()
	text, out := r.body.Text[:0], r.body.Out[:0]
	if r.raw.Cap()+cap(text)+cap(out) > keepBuffer {
		return
	}
	r.raw.Reset()
	*r = reader{raw: r.raw, body: body.Reader{Text: text, Out: out}}
	readers.Put(r)
}

// fail answers in the place of a manifest that cannot be passed on, or of another answer
// from below that cannot be used.
func (rw *response) fail(cause error) error {
	reason := reasonOf(cause)
	if reason == "" {
		return rw.x.fail(http.StatusBadGateway, cause)
	}
	rw.x.resetHeader()
	return rw.x.refuse(access.Deny(reason, cause.Error()))
}

// tellBroken says why the gate itself has broken off an answer that had begun.
func (rw *response) tellBroken() {
	if reason := reasonOf(rw.failure); reason != "" {
		rw.x.log(reason)
		rw.x.h.app.Edge().CountCut(reason)
	}
}

// reasonOf is why the gate itself refuses an answer; "" where that is no refusal.
func reasonOf(cause error) access.Reason {
	switch {
	case errors.Is(cause, manifest.ErrLeak):
		return access.Leaks
	case errors.Is(cause, budget.ErrBusy):
		return access.Busy
	}
	return ""
}
