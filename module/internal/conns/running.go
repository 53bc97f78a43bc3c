package conns

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/playgate/playgate/module/internal/access"
)

// Running is one response on its way to the client.
type Running struct {
	Subject access.Subject
	// Deadline is when it has to end, with its monotonic reading, so that a step
	// of the clock does not move it. Zero: never.
	Deadline time.Time
	// TokenID is the id of the token, or of the session, to be told; empty
	// without one.
	TokenID string
	// Viewer is who watches, as [Viewer] has it; 0 when that is not counted.
	Viewer uint64
	// Seen is the state of the world that it was judged in; see package edge.
	Seen uint64

	table         *Table
	part          *part
	before, after *Running
	scheduled     atomic.Bool

	cancel context.CancelFunc
	conn   net.Conn // of HTTP/1
	end    func()   // of what goes on beside HTTP

	mu     sync.Mutex // of what follows
	writer http.ResponseWriter
	begun  bool
	done   bool
	reason string
	socket *socket
}

// Start is to be called before anything else. The writer is the client's, conn its
// connection on HTTP/1 and nil on HTTP/2 and 3, where many responses share one.
// Cancel ends what stands below the gate.
func (r *Running) Start(w http.ResponseWriter, req *http.Request, conn net.Conn, cancel context.CancelFunc) {
	r.writer, r.cancel = w, cancel
	if req.ProtoMajor == 1 {
		r.conn = conn
	}
}

// Begin says that the header is about to go out. It reports false when the
// response has been cut: then nothing may go out but a refusal.
func (r *Running) Begin() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reason != "" {
		return false
	}
	r.begun = true
	return true
}

// Reason is why the response was cut, or "".
func (r *Running) Reason() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reason
}

// Closed reports whether a socket was ended by a close frame, so that its stream
// may end like any other.
func (r *Running) Closed() bool {
	r.mu.Lock()
	s := r.socket
	r.mu.Unlock()
	return s != nil && s.closed()
}

// Schedule reports whether the caller is the first who wants to cut.
func (r *Running) Schedule() bool { return r.scheduled.CompareAndSwap(false, true) }

// patience is how long a cut waits for a frame to be complete, and, before
// anything has been sent, for the refusal to take its place.
const patience = 200 * time.Millisecond

// Cut ends the response, whatever its client and the origin do. A socket gets a
// close frame where one fits. Cut may wait for twice [patience], and for a
// [Resource] as long as the origin takes. It reports false when there was nothing
// left to cut.
func (r *Running) Cut(reason string, code uint16) bool {
	r.mu.Lock()
	if r.done || r.reason != "" {
		r.mu.Unlock()
		return false
	}
	r.reason = reason
	s, begun := r.socket, r.begun
	r.mu.Unlock()

	if r.end != nil {
		r.end()
		return true
	}
	if s != nil {
		time.AfterFunc(2*patience, r.abort) // whatever happens meanwhile
		s.close(code)
	}
	switch {
	case !begun:
		// The gate can still say why; that it does is not left to others.
		time.AfterFunc(patience, r.abort)
	case s == nil || !s.closed():
		// Before the handler learns of it, and ends the connection in peace.
		r.abort()
	}
	r.cancel()
	return true
}

// abort breaks off what still runs: the connection on HTTP/1, the stream on
// HTTP/2 and 3.
func (r *Running) abort() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done {
		return
	}
	if r.conn != nil {
		reset(r.conn)
		return
	}
	w := r.writer
	for {
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			break
		}
		w = u.Unwrap()
	}
	// The lowest writer: those of Caddy are not made for a second goroutine.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Unix(1, 0))
}

// reset closes a connection so that no client takes it for the end of a body:
// HTTP/1.0 has no other end, and ffmpeg takes a connection that just closes for
// that of a chunked body too.
func reset(conn net.Conn) {
	conn = plain(conn)
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// plain is a connection without its TLS, whose last word could wait for a client
// that does not read.
func plain(conn net.Conn) net.Conn {
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok {
		return t.NetConn()
	}
	return conn
}

// Release says that the response is over. After it nobody touches its writer.
// It must be called by the handler, before it returns; what the server has begun
// for the request it ends itself then.
func (r *Running) Release() {
	if r.table != nil { // it may have been nobody's to cut but its own gate's
		r.table.remove(r)
	}
	r.mu.Lock()
	s, cut := r.socket, r.reason != ""
	r.done = s == nil
	r.mu.Unlock()
	if s == nil {
		return
	}
	if !cut && s.busy() {
		r.abort() // the handler does not wait for a client that does not read
	}
	s.release()
	r.mu.Lock()
	r.done = true
	r.mu.Unlock()
}
