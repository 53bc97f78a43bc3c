package harness

import (
	"encoding/binary"
	"fmt"
	"io"
)

// WebSocket frames by hand (RFC 6455, 5.2), for HTTP/2 and 3 where no library
// takes over the connection. Short, unfragmented frames are all it needs.
const (
	frameText = 1
)

// WriteText sends a text frame, masked as a client has to.
func WriteText(w io.Writer, text string) error { return writeFrame(w, frameText, []byte(text)) }

func writeFrame(w io.Writer, kind byte, payload []byte) error {
	if len(payload) > 125 {
		return fmt.Errorf("frame of %d bytes", len(payload))
	}
	mask := [4]byte{1, 2, 3, 4}
	frame := append([]byte{0x80 | kind, 0x80 | byte(len(payload))}, mask[:]...)
	for i, b := range payload {
		frame = append(frame, b^mask[i%4])
	}
	_, err := w.Write(frame)
	return err
}

// ReadText reads a frame from a server and gives its text.
func ReadText(r io.Reader) (string, error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return "", err
	}
	size := int(head[1] & 0x7f)
	if size == 126 {
		var wide [2]byte
		if _, err := io.ReadFull(r, wide[:]); err != nil {
			return "", err
		}
		size = int(binary.BigEndian.Uint16(wide[:]))
	}
	payload := make([]byte, size)
	if _, err := io.ReadFull(r, payload); err != nil {
		return "", err
	}
	if kind := head[0] & 0x0f; kind != frameText {
		return "", fmt.Errorf("frame of kind %d: %q", kind, payload)
	}
	return string(payload), nil
}
