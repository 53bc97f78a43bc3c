package gate

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/playgate/playgate/module/internal/conns"
	"github.com/playgate/playgate/module/internal/handoff"
	"github.com/playgate/playgate/module/internal/manifest"
	"github.com/playgate/playgate/module/internal/target"
)

type stage uint8

const (
	undecided stage = iota // no header yet
	passing                // bytes go straight through
	sniffing               // might be a manifest; too few bytes to tell
	buffering              // a manifest, collected until it is complete
	dropping               // nobody needs these bytes
)

// response stands between what is below the gate and the client. It collects
// manifests and rewrites them; everything else streams through. Headers are
// set at the moment they are written.
type response struct {
	caddyhttp.ResponseWriterWrapper
	x         *exchange
	mode      manifestMode // what is done with manifests
	head      bool         // the client asked with HEAD
	stage     stage
	format    manifest.Format
	status    int           // of an answer that is held back
	partly    bool          // a range of a manifest came; it is to be fetched again whole
	committed bool          // the final header has gone out
	switched  bool          // below the gate somebody switched protocols unasked
	stream    *conns.Stream // the frames of a WebSocket on HTTP/2 and 3
	failure   error         // why the rest of the answer was not taken
	buf       *bytes.Buffer
}

func (rw *response) init(x *exchange) {
	for name := range x.w.Header() {
		x.before = append(x.before, name)
	}
	rw.ResponseWriter, rw.x = x.w, x
	rw.mode, rw.head = x.manifestMode(), x.r.Method == http.MethodHead
}

// sniffed is how many bytes tell, in any coding, whether they begin a manifest.
const sniffed = 64 << 10

// keepBuffer is the size up to which a buffer is used again.
const keepBuffer = 1 << 20

// Manifests as they come from the origin, and as they go out.
var (
	buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}
	outputs = sync.Pool{New: func() any { return new([]byte) }}
)

// WriteHeader decides what becomes of the answer.
func (rw *response) WriteHeader(status int) {
	switch {
	case rw.committed || rw.switched || rw.stage != undecided:
	case status == http.StatusSwitchingProtocols && !rw.x.socket:
		rw.switched = true
	case status >= 100 && status < 200 && status != http.StatusSwitchingProtocols:
		rw.ResponseWriter.WriteHeader(status)
	case rw.mode != passThrough && status == http.StatusPartialContent && !rw.head && rw.partOfManifest():
		rw.stage, rw.partly = dropping, true
	case rw.mode != passThrough && status == http.StatusOK && rw.mayBeManifest():
		rw.stage, rw.status = sniffing, status
		rw.buf = buffers.Get().(*bytes.Buffer)
	default:
		rw.commit(status)
	}
}

// commit sends the header. Of a response that was cut before it began, nothing
// goes out: a refusal takes its place.
func (rw *response) commit(status int) {
	if rw.x.running != nil && !rw.x.running.Begin() {
		rw.stage, rw.failure = dropping, errCut
		return
	}
	if rw.x.target.Kind == target.WHEP {
		if rw.failure = rw.x.signalled(rw.Header(), status); rw.failure != nil {
			rw.stage = dropping
			return
		}
	}
	if rw.x.socket && rw.x.running != nil && status == http.StatusOK && rw.x.r.ProtoMajor > 1 {
		rw.stream = rw.x.running.Stream(rw.writeOut)
	}
	rw.x.finalHeader(rw.Header(), status, rw.mode == splice)
	rw.committed, rw.stage = true, passing
	rw.ResponseWriter.WriteHeader(status)
}

func (rw *response) mayBeManifest() bool {
	// Without a body there is nothing to rewrite; see finalHeader.
	return rw.x.rewritable() || !rw.head && manifest.FormatOf(rw.Header().Get("Content-Type")) != manifest.NoFormat
}

// partOfManifest reports whether a range is one of a manifest that did not
// look like one: its path has no suffix that tells.
func (rw *response) partOfManifest() bool {
	f := manifest.FormatOf(rw.Header().Get("Content-Type"))
	return f == manifest.HLS || f == manifest.DASH
}

// again makes the response ready for another run of what stands below.
func (rw *response) again() {
	rw.x.resetHeader()
	rw.stage, rw.partly = undecided, false
	rw.x.r.Header.Del("Range")
	rw.x.r.Header.Del("If-Range")
}

var errUnasked = caddyhttp.Error(http.StatusBadGateway, errors.New("the origin switched protocols without being asked"))

var errCut = errors.New("the token has stopped being good")

// writeOut sends bytes to the client at once.
func (rw *response) writeOut(p []byte) (int, error) {
	n, err := rw.ResponseWriter.Write(p)
	if err == nil {
		err = http.NewResponseController(rw.ResponseWriter).Flush()
	}
	return n, err
}

// Write implements io.Writer.
func (rw *response) Write(p []byte) (int, error) {
	if rw.switched {
		return 0, errUnasked
	}
	if rw.stage == undecided {
		rw.WriteHeader(http.StatusOK)
	}
	if rw.stage == dropping {
		return len(p), rw.failure
	}
	if rw.stream != nil {
		return rw.stream.Write(p)
	}
	if rw.stage == buffering && rw.format == manifest.JSON && rw.buf.Len()+len(p) > manifest.MaxJSON {
		if err := rw.letGo(); err != nil {
			return 0, err
		}
	}
	if rw.stage == sniffing && rw.buf.Len()+len(p) > manifest.MaxSize {
		// Enough for a decision, and too much to keep.
		head := min(len(p), sniffed)
		rw.buf.Write(p[:head])
		p = p[head:]
		if err := rw.decide(true); err != nil {
			return 0, err
		}
		n, err := rw.Write(p)
		return head + n, err
	}
	switch {
	case rw.stage == passing:
		return rw.ResponseWriter.Write(p)
	case rw.buf.Len()+len(p) > manifest.MaxSize:
		rw.failure = manifest.ErrTooLarge
		return 0, manifest.ErrTooLarge
	}
	rw.buf.Write(p)
	if rw.stage == sniffing {
		if err := rw.decide(false); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// decide looks at the first bytes. What is no manifest is let go.
func (rw *response) decide(complete bool) error {
	f, sure := manifest.Sniff(rw.buf.Bytes(), rw.Header(), rw.x.rewritable(), complete)
	switch {
	case !sure:
		return nil
	case f != manifest.NoFormat:
		rw.stage, rw.format = buffering, f
		return nil
	}
	return rw.letGo()
}

// letGo sends what was held back as it came.
func (rw *response) letGo() error {
	rw.commit(rw.status)
	_, err := rw.ResponseWriter.Write(rw.buf.Bytes())
	rw.release()
	return err
}

// finish ends the answer when the handler below has returned without error.
func (rw *response) finish() error {
	if rw.switched {
		return errUnasked
	}
	if rw.stage == undecided && !rw.committed {
		return caddyhttp.Error(http.StatusBadGateway, errors.New("nothing below the gate answered; is there a reverse_proxy?"))
	}
	if rw.stage == sniffing {
		if err := rw.decide(true); err != nil {
			return err
		}
	}
	if rw.stage == dropping {
		return caddyhttp.Error(http.StatusBadGateway, errOnlyPart)
	}
	if rw.stage != buffering {
		return nil
	}
	body, err := manifest.Decode(rw.buf.Bytes(), rw.Header())
	if err != nil {
		return caddyhttp.Error(http.StatusBadGateway, err)
	}
	into := outputs.Get().(*[]byte)
	out, changed, err := spliced(rw.x.rewriter(), rw.mode, rw.format, (*into)[:0], body)
	switch {
	case err != nil:
		return caddyhttp.Error(http.StatusBadGateway, err)
	case !changed:
		return rw.letGo()
	case cap(out) <= keepBuffer:
		defer func() { *into = out; outputs.Put(into) }()
	}
	rw.release()
	return rw.writeRewritten(out)
}

// writeRewritten answers with a manifest that has the token in it.
func (rw *response) writeRewritten(out []byte) error {
	out, err := rw.x.rewritten(out, rw.Header())
	if err != nil {
		return caddyhttp.Error(http.StatusBadGateway, err)
	}
	rw.commit(rw.status)
	if !rw.head {
		_, err = rw.ResponseWriter.Write(out)
	}
	return err
}

// release gives the buffer back. An answer that has not begun is forgotten.
func (rw *response) release() {
	if rw.buf == nil {
		return
	}
	if rw.buf.Cap() <= keepBuffer {
		rw.buf.Reset()
		buffers.Put(rw.buf)
	}
	rw.buf = nil
}

// ReadFrom keeps sendfile and splice for what streams through.
func (rw *response) ReadFrom(r io.Reader) (int64, error) {
	if rw.switched {
		return 0, errUnasked
	}
	if rw.stage == undecided {
		rw.WriteHeader(http.StatusOK)
	}
	if rw.stage == passing && rw.stream == nil {
		return rw.ResponseWriterWrapper.ReadFrom(r)
	}
	return io.Copy(struct{ io.Writer }{rw}, r)
}

// FlushError implements the interface that http.ResponseController looks for.
func (rw *response) FlushError() error {
	if rw.stage == undecided && !rw.switched {
		rw.WriteHeader(http.StatusOK)
	}
	if rw.stage != passing {
		return nil // a manifest goes out in one piece
	}
	flush := http.NewResponseController(rw.ResponseWriter).Flush
	if rw.stream != nil {
		return rw.stream.Do(flush)
	}
	return flush()
}

// Flush implements http.Flusher.
func (rw *response) Flush() { _ = rw.FlushError() }

// Hijack hands out the connection of a WebSocket, and of nothing else.
func (rw *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if !rw.x.socket || rw.switched {
		rw.switched = true
		return nil, nil, errUnasked
	}
	if rw.x.running != nil && !rw.x.running.Begin() {
		rw.failure = errCut
		return nil, nil, errCut
	}
	rw.committed, rw.stage = true, passing
	conn, buffered, err := http.NewResponseController(rw.ResponseWriter).Hijack()
	if err != nil || rw.x.running == nil {
		return conn, buffered, err
	}
	followed := rw.x.running.Hijacked(conn)
	if rw.x.h.takesNoMessages() {
		buffered, err = followed.TakeNoMessages(buffered, rw.x.message)
	}
	return followed, buffered, err
}

// Interface guards.
var (
	_ http.ResponseWriter  = (*response)(nil)
	_ http.Flusher         = (*response)(nil)
	_ http.Hijacker        = (*response)(nil)
	_ io.ReaderFrom        = (*response)(nil)
	_ handoff.SharedWriter = (*response)(nil)
)
