package manifest

import (
	"bytes"
	"strings"
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
