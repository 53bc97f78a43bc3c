package conns

import (
	"encoding/binary"
	"errors"
)

// frames follows the frames that a server sends (RFC 6455, section 5.2), to know
// where one ends. The zero value stands at the start of a frame.
type frames struct {
	header [10]byte
	have   int    // bytes of the header
	left   uint64 // bytes of the payload
	closed bool   // a close frame has begun
}

// errNoFrame: what the origin sent is not a frame of a server.
var errNoFrame = errors.New("the origin of a WebSocket sent what is no frame")

// next takes the bytes of p up to the end of the present frame, and returns how
// many they are.
func (f *frames) next(p []byte) (int, error) {
	n := 0
	for f.left == 0 && n < len(p) {
		f.header[f.have] = p[n]
		f.have++
		n++
		size, known := f.size()
		if f.have == 2 {
			opcode := f.header[0] & 0x0f
			if f.header[1]&0x80 != 0 || opcode > 2 && opcode < 8 || opcode > 10 {
				return n, errNoFrame
			}
			f.closed = f.closed || opcode == 8
		}
		if known {
			f.have = 0
			if f.left = size; size == 0 {
				return n, nil
			}
			if size>>63 != 0 {
				return n, errNoFrame
			}
		}
	}
	take := min(f.left, uint64(len(p)-n))
	f.left -= take
	return n + int(take), nil
}

// size is that of the payload, once the header is complete.
func (f *frames) size() (uint64, bool) {
	switch {
	case f.have < 2:
		return 0, false
	case f.header[1]&0x7f < 126:
		return uint64(f.header[1] & 0x7f), true
	case f.header[1]&0x7f == 126:
		return uint64(binary.BigEndian.Uint16(f.header[2:])), f.have == 4
	}
	return binary.BigEndian.Uint64(f.header[2:]), f.have == 10
}

// between reports whether no frame has begun that is not complete.
func (f *frames) between() bool { return f.have == 0 && f.left == 0 }

// closeFrame is one with a status code (RFC 6455, section 5.5.1) and a text.
func closeFrame(code uint16, text string) []byte {
	b := append([]byte{0x88, byte(2 + len(text))}, 0, 0)
	binary.BigEndian.PutUint16(b[2:], code)
	return append(b, text...)
}
