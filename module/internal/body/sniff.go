package body

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/playgate/playgate/module/internal/manifest"
)

// utf16 tells whether a document is in UTF-16, with a mark or without.
func utf16(head []byte) bool {
	return bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")) ||
		bytes.HasPrefix(head, []byte("<\x00")) || bytes.HasPrefix(head, []byte("\x00<"))
}

// Sniff looks at the first bytes of an answer with header h; byPath says that its
// path is one of a manifest. It is not sure as long as there are too few bytes and
// the answer is not complete. Errors are [ErrCoding] and [ErrCorrupt].
func Sniff(head []byte, h http.Header, byPath, complete bool) (f manifest.Format, sure bool, err error) {
	announced := manifest.FormatOf(h.Get("Content-Type"))
	coded := CodingOf(h)
	complete = complete || len(head) >= Head
	head = head[:min(len(head), Head)]
	if coding := h.Get("Content-Encoding"); byPath && coded == Identity && coding != "" && !strings.EqualFold(coding, "identity") {
		return manifest.NoFormat, true, ErrCoding
	}
	bad := false
	switch coded {
	case OtherCoding:
		return manifest.NoFormat, true, ErrCoding
	case Gzip:
		var first []byte
		for _, most := range []int{4 << 10, Head} { // the first bytes tell mostly
			first, bad = inflated(head, most)
			if f, sure = sniff(first, announced, byPath, complete); sure || bad {
				break
			}
		}
		if bad && (byPath || announced != manifest.NoFormat) {
			return manifest.NoFormat, true, ErrCorrupt
		}
		head = first
	default:
		f, sure = sniff(head, announced, byPath, complete)
	}
	switch kind, _, _ := strings.Cut(h.Get("Content-Type"), "/"); {
	case !sure && len(head) >= Head && len(manifest.TrimHead(head)) == 0:
		return f, true, ErrTooLarge // what is behind so many blanks is not known
	case !sure && len(head) >= Head && manifest.IsXML(head):
		return manifest.DASH, true, nil // it is read whole, whatever it is
	case sure && f == manifest.NoFormat && kind != "video" && kind != "audio" && kind != "image" && bytes.Contains(head, []byte("<MPD")):
		return manifest.DASH, true, nil // players overlook what stands before
	}
	return f, sure || complete || bad || len(head) >= Head, nil
}

// inflated are the first bytes of a text in gzip. bad says that it is none.
func inflated(head []byte, most int) (first []byte, bad bool) {
	if len(head) == 0 {
		return nil, false
	}
	z, err := gzip.NewReader(bytes.NewReader(head))
	if err != nil {
		return nil, !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF)
	}
	first = make([]byte, most)
	n, _ := io.ReadFull(z, first)
	return first[:n], false
}

// sniff is Sniff for a text that is in no coding.
func sniff(head []byte, announced manifest.Format, byPath, complete bool) (f manifest.Format, sure bool) {
	const enough = 16 // a byte order mark and #EXTM3U
	text := manifest.TrimHead(head)
	switch {
	case manifest.IsHLS(head):
		return manifest.HLS, true
	case utf16(head), (announced == manifest.DASH || byPath) && manifest.IsXML(head):
		return manifest.DASH, true
	case len(text) == 0: // so far
		return manifest.NoFormat, false
	case text[0] == '<':
		is, sure := manifest.IsDASH(head)
		if is {
			return manifest.DASH, true
		}
		return manifest.NoFormat, sure
	case text[0] == '{':
		return manifest.JSON, true
	case manifest.IsVTT(head):
		return manifest.VTT, true
	}
	return manifest.NoFormat, len(head) >= enough || text[0] != '#' && text[0] != 'W' && text[0] != 0xef // of a byte order mark
}
