package manifest

import (
	"bytes"
	"strings"
)

var vttHead = []byte("WEBVTT")

// IsVTT tells whether head, the first bytes of a body, begins a file of cues (W3C WebVTT,
// section 4.1).
func IsVTT(head []byte) bool {
	rest, ok := bytes.CutPrefix(bytes.TrimPrefix(head, byteOrderMark), vttHead)
	return ok && (len(rest) == 0 || rest[0] == '\n' || rest[0] == '\r' || rest[0] == ' ' || rest[0] == '\t')
}

// VTT appends the cues src to dst, with the token in those that are a reference to one
// picture: that is how players find thumbnails.
func (rw *Rewriter) VTT(dst, src []byte) []byte {
	rw.prepare()
	rw.kind = "vtt"
	text := textOf(src)
	w := writer{text: text, dst: dst}
	cue := false
	for start := 0; start < len(text); {
		next := anyLineEnd(text, start)
		line := strings.TrimRight(text[start:next], "\r\n")
		switch {
		case strings.Contains(line, "-->"):
			cue = true
		case strings.TrimSpace(line) == "":
			cue = false
		case cue && isPicture(line):
			rw.splice(&w, start, line)
		}
		start = next
	}
	return append(w.dst, text[w.copied:]...)
}

// isPicture tells whether a line is a reference to a picture, and nothing else.
func isPicture(line string) bool {
	path := strings.Trim(line, " \t")
	if strings.ContainsAny(path, " \t<>") {
		return false
	}
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		path = path[:i]
	}
	switch strings.ToLower(path[strings.LastIndexByte(path, '.')+1:]) {
	case "jpg", "jpeg", "png", "webp", "gif", "avif":
		return strings.Contains(path, ".")
	}
	return false
}
