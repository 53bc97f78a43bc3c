package target

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// CheckPath reports whether a raw (escaped) path can be read in one way only,
// by us and by any origin: an [ErrBadRequest] says what is ambiguous. Refused
// are escapes of / \ % # and ?, backslashes, empty and dot segments in any
// encoding, control characters, raw ; and #, bad escapes and invalid UTF-8.
func CheckPath(raw string) error {
	if raw == "" || raw[0] != '/' {
		return badRequest("the path must begin with a slash")
	}
	plain := true // nothing but bytes that need no second look
	segment := 1
	for i := 1; i <= len(raw); i++ {
		if i == len(raw) || raw[i] == '/' {
			if i == segment && i < len(raw) {
				return badRequest("the path has an empty segment (//)")
			}
			if dots(raw[segment:i]) {
				return badRequest("the path has a dot segment")
			}
			segment = i + 1
			continue
		}
		switch c := raw[i]; {
		case pathBytes[c]:
		case c == '%':
			d, ok := unescape(raw, i)
			if !ok {
				return badRequest("the path has an incomplete percent-escape")
			}
			switch d {
			case '/', '\\', '%', '#', '?':
				return badRequest("the path has an escaped / \\ % # or ?")
			}
			plain = plain && d >= 0x20 && d < 0x7f
			i += 2
		case c >= 0x80:
			plain = false
		default:
			return badRequest("the path has a character that must be escaped or is not allowed")
		}
	}
	if plain {
		return nil
	}
	for decoded := decode(raw); decoded != ""; {
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

// pathBytes may stand in a path as they are: RFC 3986's pchar but for the semicolon.
var pathBytes = func() (set [256]bool) {
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,=:@" {
		set[c] = true
	}
	return set
}()

// dots reports whether a segment is "." or "..", each dot possibly escaped, or
// one of them before an escaped semicolon: some servers take what follows that
// for a parameter of the segment.
func dots(segment string) bool {
	n := 0
	for segment != "" {
		switch {
		case segment[0] == '.':
			segment = segment[1:]
		case hasEscape(segment, "%2e"):
			segment = segment[3:]
		case hasEscape(segment, "%3b"):
			return n == 1 || n == 2
		default:
			return false
		}
		n++
	}
	return n == 1 || n == 2
}

func hasEscape(s, escape string) bool { return len(s) >= 3 && strings.EqualFold(s[:3], escape) }

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
