package manifest

import "bytes"

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
