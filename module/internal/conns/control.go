package conns

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// control lets through what a client sends as long as it consists of control
// frames (RFC 6455, section 5.5). Of anything else no byte passes.
type control struct {
	from   io.Reader
	refuse func() // called once, before the error is returned

	header [2]byte
	have   int // bytes of the header
	given  int // of these, those that were passed on
	left   int // bytes of mask and payload
	err    error
}

// errMessage: the client sent what it may not.
var errMessage = errors.New("the client sent a message on a WebSocket that takes none")

// Read implements io.Reader. The first two bytes of a frame tell what it is, and
// stay here until both are there.
func (c *control) Read(p []byte) (int, error) {
	if len(p) == 0 || c.err != nil {
		return 0, c.err
	}
	if c.left == 0 {
		for c.have < len(c.header) {
			n, err := c.from.Read(c.header[c.have:])
			if c.have += n; c.have < len(c.header) && err != nil {
				return 0, err
			}
		}
		if !isControl(c.header) {
			c.err = errMessage
			c.refuse()
			return 0, c.err
		}
		n := copy(p, c.header[c.given:])
		if c.given += n; c.given == len(c.header) {
			c.left = 4 + int(c.header[1]&0x7f)
			c.have, c.given = 0, 0
		}
		return n, nil
	}
	n, err := c.from.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// isControl reports whether a frame is a whole close, ping or pong of a client:
// final, without extensions, masked, and short.
func isControl(header [2]byte) bool {
	return header[0] >= 0x88 && header[0] <= 0x8a && header[1] >= 0x80 && header[1] <= 0x80+125
}

// TakeNoMessages has what the client sends on a hijacked connection pass only as
// far as it is control frames; refuse is called when it sends anything else, and
// has to end the socket. What had been read before is in buffered; what is to be
// used in its place is returned.
func (c *Conn) TakeNoMessages(buffered *bufio.ReadWriter, refuse func()) (*bufio.ReadWriter, error) {
	early := make([]byte, buffered.Reader.Buffered())
	if _, err := io.ReadFull(buffered.Reader, early); err != nil {
		return nil, err
	}
	c.from = &control{from: io.MultiReader(bytes.NewReader(early), c.Conn), refuse: refuse}
	return bufio.NewReadWriter(bufio.NewReader(c), buffered.Writer), nil
}

// Read implements io.Reader.
func (c *Conn) Read(p []byte) (int, error) {
	if c.from != nil {
		return c.from.Read(p)
	}
	return c.Conn.Read(p)
}

// NoMessages is the body of an extended CONNECT, which passes only as far as it
// is control frames. When it is anything else, refuse is called once, and has to
// end the socket.
func NoMessages(body io.ReadCloser, refuse func()) io.ReadCloser {
	return struct {
		io.Reader
		io.Closer
	}{&control{from: body, refuse: refuse}, body}
}
