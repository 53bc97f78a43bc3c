package gate

import (
	"bufio"
	"cmp"
	"errors"
	"io"
	"net"
	"net/http"

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
	inflating              // a manifest in gzip, collected until it is complete
	reading                // a manifest
	dropping               // nobody needs these bytes
)

// response stands between what is below the gate and the client. It reads manifests and
// carries the token in them; everything else streams through. Headers are set at the
// moment they are written.
type response struct {
	caddyhttp.ResponseWriterWrapper
	x         *exchange
	mode      manifestMode // what is done with manifests
	head      bool         // the client asked with HEAD
	stage     stage
	status    int           // of an answer that is held back
	partly    bool          // a range of a manifest came; it is to be fetched again whole
	committed bool          // the final header has gone out
	switched  bool          // below the gate somebody switched protocols unasked
	stream    *conns.Stream // the frames of a WebSocket on HTTP/2 and 3
	failure   error         // why the rest of the answer was not taken
	reader    *reader       // of what may be a manifest
}

func (rw *response) init(x *exchange) {
	for name := range x.w.Header() {
		x.before = append(x.before, name)
	}
	rw.ResponseWriter, rw.x = x.w, x
	rw.mode, rw.head = x.manifestMode(), x.r.Method == http.MethodHead
}

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
	case rw.mode != passThrough && hasBody(status) && (!rw.head || rw.x.rewritable()):
		rw.stage, rw.status = sniffing, status
		rw.reader = readers.Get().(*reader)
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
	rw.x.count()
	rw.x.finalHeader(rw.Header(), status, rw.mode == splice)
	rw.committed, rw.stage = true, passing
	rw.ResponseWriter.WriteHeader(status)
}

// hasBody reports whether an answer with a status has one (RFC 9110, section 6.4.1).
func hasBody(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
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
	rw.release()
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
	if rw.stage == passing {
		return rw.ResponseWriter.Write(p)
	}
	n, err := rw.read(p)
	if err != nil && rw.failure == nil {
		rw.failure = err
	}
	return n, err
}

// finish ends the answer when the handler below has returned without error.
func (rw *response) finish() error {
	if rw.switched {
		return errUnasked
	}
	if rw.stage == undecided && !rw.committed {
		return caddyhttp.Error(http.StatusBadGateway, errors.New("nothing below the gate answered; is there a reverse_proxy?"))
	}
	err := rw.endReading()
	switch {
	case err != nil:
		rw.failure = cmp.Or(rw.failure, err)
		return err
	case rw.stage == dropping:
		return caddyhttp.Error(http.StatusBadGateway, errOnlyPart)
	}
	return nil
}

// ReadFrom keeps sendfile and splice for what streams through.
func (rw *response) ReadFrom(r io.Reader) (int64, error) {
	if rw.switched {
		return 0, errUnasked
	}
	if rw.stage == undecided {
		rw.WriteHeader(http.StatusOK)
	}
	n := int64(0)
	if rw.stage == sniffing { // a few bytes tell
		var err error
		if n, err = io.CopyN(struct{ io.Writer }{rw}, r, enough); err != nil {
			if err == io.EOF {
				err = nil
			}
			return n, err
		}
	}
	if rw.stage == passing && rw.stream == nil {
		m, err := rw.ResponseWriterWrapper.ReadFrom(r)
		return n + m, err
	}
	m, err := io.Copy(struct{ io.Writer }{rw}, r)
	return n + m, err
}

// FlushError implements the interface that http.ResponseController looks for.
func (rw *response) FlushError() error {
	if rw.stage == undecided && !rw.switched {
		rw.WriteHeader(http.StatusOK)
	}
	if rw.stage == reading {
		if err := rw.reader.flush(); err != nil {
			return err
		}
	}
	if !rw.committed || rw.stage == dropping {
		return nil // what may be a manifest does not go out before its first lines are known
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
	rw.x.count()
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
