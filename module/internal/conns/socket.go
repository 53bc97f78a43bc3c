package conns

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// socket is the way of a WebSocket to its client. It follows the frames, so that
// a close frame can take the place of the next one.
type socket struct {
	write func([]byte) (int, error) // to the client, without waiting in a buffer

	turn   chan struct{} // held by who writes
	frames frames

	mu    sync.Mutex // of what follows
	code  uint16     // of a close frame that is to come; 0 for none
	sent  bool
	ended chan struct{} // closed once the close frame was sent
}

func (r *Running) newSocket(write func([]byte) (int, error)) *socket {
	s := &socket{write: write, turn: make(chan struct{}, 1), ended: make(chan struct{})}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.socket = s
	return s
}

var errCut = errors.New("the gate has closed the WebSocket")

// goingAway is the close frame that Caddy's reverse proxy writes, in one piece,
// when its configuration ends, wherever the origin's frames may be.
var goingAway = closeFrame(CloseGoingAway, "")

// Write sends whole frames and parts of them, as the origin does. Caddy's own
// close frame does not wait for a client that reads nothing, and does not become
// a part of another frame: it is then a wish to close at the end of that.
func (s *socket) Write(p []byte) (int, error) {
	away := bytes.Equal(p, goingAway)
	select {
	case s.turn <- struct{}{}:
	default:
		if away {
			s.want(CloseGoingAway)
			return len(p), nil
		}
		s.turn <- struct{}{}
	}
	defer func() { <-s.turn }()
	if s.closed() {
		return 0, errCut
	}
	if away && !s.frames.between() {
		s.want(CloseGoingAway)
		return len(p), nil
	}
	end := 0
	for end < len(p) {
		n, err := s.frames.next(p[end:])
		if err != nil {
			return 0, err
		}
		end += n
		if s.frames.between() && s.wanted() && !s.frames.closed {
			break
		}
	}
	n, err := s.write(p[:end])
	if err == nil && s.frames.between() && s.wanted() {
		s.sendClose()
		return n, errCut
	}
	return n, err
}

// close sends a close frame as soon as no other frame is under way, and returns
// when it has been sent or does not come in time.
func (s *socket) close(code uint16) {
	s.want(code)
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case s.turn <- struct{}{}:
		if s.frames.between() {
			s.sendClose()
			<-s.turn
			return
		}
		<-s.turn
	case <-s.ended:
		return
	case <-timeout.C:
		return
	}
	select {
	case <-s.ended:
	case <-timeout.C:
	}
}

// sendClose sends the close frame, unless the origin has sent one. The caller
// has the turn.
func (s *socket) sendClose() {
	s.mu.Lock()
	code, sent := s.code, s.sent
	s.sent = true
	s.mu.Unlock()
	if sent {
		return
	}
	if !s.frames.closed {
		_, _ = s.write(closeFrame(code, closeTexts[code]))
	}
	close(s.ended)
}

// Status codes of close frames, from the range for private use (RFC 6455,
// section 7.4.2).
const (
	CloseExpired = 4401
	CloseRevoked = 4403
)

// Status codes of close frames, from the protocol (RFC 6455, section 7.4.1).
const (
	CloseGoingAway = 1001
	CloseViolation = 1008
)

var closeTexts = map[uint16]string{
	CloseExpired:   "the token has expired",
	CloseRevoked:   "the token does not open this stream any more",
	CloseViolation: "this socket takes no messages",
}

// want asks for a close frame. The first one who asks says why.
func (s *socket) want(code uint16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.code == 0 {
		s.code = code
	}
}

func (s *socket) wanted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.code != 0
}

func (s *socket) closed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent
}

// busy reports whether somebody writes.
func (s *socket) busy() bool { return len(s.turn) > 0 }

// release keeps a late close frame from a writer that is not there any more, and
// waits for one that is under way.
func (s *socket) release() {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.sent {
		s.sent = true
		close(s.ended)
	}
}

// Stream is the socket of an extended CONNECT (RFC 8441, RFC 9220), which is
// written through the response. Write and Do exclude each other, and the close
// frame.
type Stream struct{ *socket }

// Stream follows the frames of a response to an extended CONNECT. Write has to
// send them on at once.
func (r *Running) Stream(write func([]byte) (int, error)) *Stream {
	return &Stream{r.newSocket(write)}
}

// Do calls f while nobody writes.
func (s *Stream) Do(f func() error) error {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	if s.closed() {
		return errCut
	}
	return f()
}

// Conn is a hijacked connection whose frames are followed.
type Conn struct {
	net.Conn
	under  net.Conn  // the connection itself, which may be wrapped more than once
	from   io.Reader // in place of the connection; see TakeNoMessages
	socket *socket
	once   sync.Once
}

// Hijacked follows the frames on a connection that was taken from the server.
func (r *Running) Hijacked(conn net.Conn) *Conn {
	r.mu.Lock()
	if r.conn == nil {
		r.conn = conn
	}
	under := r.conn
	r.mu.Unlock()
	return &Conn{Conn: conn, under: plain(under), socket: r.newSocket(conn.Write)}
}

// Write implements io.Writer.
func (c *Conn) Write(p []byte) (int, error) { return c.socket.Write(p) }

// CloseWrite ends what is sent, and leaves the other way open.
func (c *Conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Close closes the connection. A close frame that is to come has time to, and the
// client to read it: a connection closed with bytes unread is reset, and loses it.
func (c *Conn) Close() error {
	if !c.socket.wanted() {
		return c.Conn.Close()
	}
	c.once.Do(func() {
		_ = c.SetReadDeadline(time.Now()) // nobody is to read what is discarded below
		go func() {
			timeout := time.NewTimer(patience)
			defer timeout.Stop()
			select {
			case <-c.socket.ended:
			case <-timeout.C:
			}
			// No deadline holds: Caddy sets one of its own after a request with a body.
			end := time.AfterFunc(patience, func() { _ = c.under.Close() })
			_ = c.SetReadDeadline(time.Time{})
			_ = c.CloseWrite()
			// What wraps the connection counts what is read, for a log that may be
			// written by now.
			_, _ = io.Copy(io.Discard, c.under)
			end.Stop()
			_ = c.under.Close()
		}()
	})
	return nil
}
