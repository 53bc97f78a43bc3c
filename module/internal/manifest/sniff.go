package manifest

import (
	"bytes"
	"io"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzip"
)

var (
	byteOrderMark = []byte("\xef\xbb\xbf")
	hlsHead       = []byte("#EXTM3U")
)

// IsHLS tells whether head, the first bytes of a body, begins an HLS playlist:
// #EXTM3U after an optional UTF-8 byte order mark, and then a line end, a
// blank or nothing.
func IsHLS(head []byte) bool {
	rest, ok := bytes.CutPrefix(bytes.TrimPrefix(head, byteOrderMark), hlsHead)
	return ok && (len(rest) == 0 || rest[0] == '\n' || rest[0] == '\r' || rest[0] == ' ' || rest[0] == '\t')
}

// IsXML tells whether head, the first bytes of a body, may begin an XML
// document in UTF-8. Whether it is an MPD shows only behind prolog and
// comments.
func IsXML(head []byte) bool {
	text := strings.TrimLeft(strings.TrimPrefix(string(head), string(byteOrderMark)), " \t\r\n")
	return strings.HasPrefix(text, "<")
}

// Sniff looks at the first bytes of an answer with header h; byPath says that its
// path is one of a manifest. It is not sure as long as there are too few bytes and
// the answer is not complete. Of a content coding that cannot be undone it says HLS:
// the error of [Decode] says why.
func Sniff(head []byte, h http.Header, byPath, complete bool) (f Format, sure bool) {
	const enough = 16 // a byte order mark and #EXTM3U, or the first byte behind some blanks
	coding := h.Get("Content-Encoding")
	switch {
	case coding == "" || strings.EqualFold(coding, "identity"):
		if len(head) < enough && !complete {
			return NoFormat, false
		}
	case strings.EqualFold(coding, "gzip"):
		var first [enough]byte
		n := 0
		if z, err := gzip.NewReader(bytes.NewReader(head)); err == nil {
			n, _ = io.ReadFull(z, first[:])
		}
		if n < len(first) && !complete && len(head) < MaxJSON {
			return NoFormat, false
		}
		head = first[:n]
	default:
		return HLS, true
	}
	announced := FormatOf(h.Get("Content-Type"))
	switch {
	case IsHLS(head):
		return HLS, true
	case IsXML(head) && (announced == DASH || byPath):
		return DASH, true
	case IsJSON(head) && announced == JSON:
		return JSON, true
	}
	return NoFormat, true
}
