package target

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// spelling is how a path is written: what of it other readers may take in another way.
type spelling struct {
	// wild is the number of the first segment with something that only "*"
	// may match; -1 if there is none.
	wild int
	// marked says that some of that is a ; # or ?, raw or escaped: some readers
	// end a segment, or the path, there.
	marked bool
	// escapes says that the path has escapes.
	escapes bool
	// raw says that it has bytes that go out escaped.
	raw bool
}

// readSpelling looks at each byte of a raw (escaped) path. An [ErrBadRequest] says
// what could be read in more than one way wherever it stands: escapes of / and \,
// backslashes, empty and dot segments in any encoding, control characters, raw # and
// ", <, >, \, `, { and }, bad escapes, what is an escape once it has been decoded, and
// invalid UTF-8.
func readSpelling(raw string) (s spelling, err error) {
	s.wild = -1
	if raw == "" || raw[0] != '/' {
		return s, badRequest("the path must begin with a slash")
	}
	plain := true // nothing but bytes that need no second look
	for rest, number := raw, 0; rest != ""; number++ {
		segment := rest[1:]
		if end := strings.IndexByte(segment, '/'); end >= 0 {
			segment = segment[:end]
		}
		rest = rest[1+len(segment):]
		if segment == "" && rest != "" {
			return s, badRequest("the path has an empty segment (//)")
		}
		w, err := readSegment(segment, &s)
		if err != nil {
			return s, err
		}
		plain = plain && w.plain
		if w.wild && s.wild < 0 {
			s.wild = number
		}
		if w.odd {
			segment = decode(segment)
		}
		if err := checkSegment(segment, w.odd); err != nil {
			return s, err
		}
	}
	if plain {
		return s, nil
	}
	return s, checkText(decode(raw))
}

// segmentBytes is what one segment is made of.
type segmentBytes struct {
	plain bool // needs no look at its text
	wild  bool // has something that only "*" may match
	odd   bool // has escapes or semicolons
}

func readSegment(segment string, s *spelling) (w segmentBytes, err error) {
	w.plain = true
	for i := 0; i < len(segment); i++ {
		switch c := segment[i]; {
		case pathBytes[c]:
		case c == '%':
			d, ok := unescape(segment, i)
			if !ok {
				return w, badRequest("the path has an incomplete percent-escape")
			}
			switch d {
			case '/', '\\':
				return w, badRequest("the path has an escaped / or \\")
			case '#', '?', ';':
				s.marked, w.wild = true, true
			case '%':
				w.wild = true
			}
			w.plain = w.plain && d >= 0x20 && d < 0x7f
			w.odd, s.escapes = true, true
			i += 2
		case c == ';':
			s.marked, w.wild, w.odd = true, true, true
		case c == '[' || c == ']' || c == '|' || c == '^':
			w.wild, s.raw = true, true
		case c >= 0x80:
			w.plain, s.raw = false, true
		default:
			return w, badRequest("the path has a character that must be escaped or is not allowed")
		}
	}
	return w, nil
}

// checkSegment looks at a decoded segment, whole and as readers see it who end it at
// a ; ? or #, or take those for slashes.
func checkSegment(segment string, odd bool) error {
	if !odd {
		if segment == "." || segment == ".." {
			return errDots
		}
		return nil
	}
	for piece, rest, more := "", segment, true; more; {
		first := len(rest) == len(segment)
		at := strings.IndexAny(rest, ";?#")
		if more = at >= 0; more {
			piece, rest = rest[:at], rest[at+1:]
		} else {
			piece = rest
		}
		switch {
		case piece == "." || piece == "..":
			return errDots
		case piece == "" && first && more:
			return badRequest("the path has a segment that begins with ; # or ?")
		}
	}
	for i := range len(segment) {
		if segment[i] == '%' && escapeAt(segment, i) {
			return badRequest("the path has an escape that is an escape again once it has been decoded")
		}
	}
	return nil
}

var errDots = badRequest("the path has a dot segment")

// escapeAt reports whether some reader takes what stands at text[i] for an escape:
// %41, or %u0041 as old servers do.
func escapeAt(text string, i int) bool {
	if _, ok := unescape(text, i); ok {
		return true
	}
	if i+5 >= len(text) || text[i+1] != 'u' && text[i+1] != 'U' {
		return false
	}
	for _, c := range []byte(text[i+2 : i+6]) {
		if _, ok := hex(c); !ok {
			return false
		}
	}
	return true
}

func checkText(decoded string) error {
	for decoded != "" {
		r, n := utf8.DecodeRuneInString(decoded)
		if r == utf8.RuneError && n == 1 {
			return badRequest("the path is not valid UTF-8")
		}
		if unicode.IsControl(r) {
			return badRequest("the path has a control character")
		}
		decoded = decoded[n:]
	}
	return nil
}

// pathBytes may stand anywhere in a path as they are: RFC 3986's pchar but for the
// semicolon.
var pathBytes = func() (set [256]bool) {
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,=:@" {
		set[c] = true
	}
	return set
}()

// escapePath is a path as it goes out: bytes that no URI may have in its path are
// escaped, and all others are as they were written.
func escapePath(raw string) string {
	return escapeBytes(raw, func(c byte) bool { return c >= 0x80 || c == '[' || c == ']' || c == '|' || c == '^' })
}

// escapeText escapes only what is not ASCII, which is allowed everywhere.
func escapeText(raw string) string {
	return escapeBytes(raw, func(c byte) bool { return c >= 0x80 })
}

func escapeBytes(raw string, escaped func(byte) bool) string {
	var b []byte
	for i := range len(raw) {
		c := raw[i]
		if !escaped(c) {
			if b != nil {
				b = append(b, c)
			}
			continue
		}
		if b == nil {
			b = append(make([]byte, 0, len(raw)+16), raw[:i]...)
		}
		b = append(b, '%', upperHex[c>>4], upperHex[c&15])
	}
	if b == nil {
		return raw
	}
	return string(b)
}

const upperHex = "0123456789ABCDEF"

// unescape is the byte that the escape at raw[i] stands for.
func unescape(raw string, i int) (byte, bool) {
	if i+2 >= len(raw) {
		return 0, false
	}
	hi, ok1 := hex(raw[i+1])
	lo, ok2 := hex(raw[i+2])
	return hi<<4 | lo, ok1 && ok2
}

func hex(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// decode replaces the valid escapes of a path.
func decode(raw string) string {
	if strings.IndexByte(raw, '%') < 0 {
		return raw
	}
	b := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] == '%' {
			if d, ok := unescape(raw, i); ok {
				b = append(b, d)
				i += 2
				continue
			}
		}
		b = append(b, raw[i])
	}
	return string(b)
}

// Unescape is what a URL has as Path and RawPath, so that the raw spelling is what goes
// out.
func Unescape(raw string) (path, rawPath string) {
	path, err := url.PathUnescape(raw)
	if err != nil {
		return "/", ""
	}
	return path, raw
}

// RawPath is the path as the client wrote it, unless an earlier handler has
// changed it.
func RawPath(u *url.URL) string {
	if u.RawPath != "" {
		if decoded, err := url.PathUnescape(u.RawPath); err == nil && decoded == u.Path {
			return u.RawPath
		}
	}
	return u.EscapedPath()
}
