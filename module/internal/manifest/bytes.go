package manifest

import (
	"unicode"
	"unsafe"
)

// textOf is a text in the memory of b, which must not change as long as the text is in
// use: nothing that outlives a call may be a part of it. Copies of long playlists would be
// most of what the collector gets to do.
func textOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// isInvisible tells whether a reader may trim a rune or end a line at it.
func isInvisible(c rune) bool {
	return unicode.IsSpace(c) || unicode.IsControl(c) || c == '\ufeff'
}

// The classes that a byte can belong to.
const (
	wordByte  = 1 << iota // base64url, which is also what labels of hosts consist of
	tokenByte             // Token
	nameByte              // Name
	hexByte
	refusedByte // blanks, controls and backslash: readers of a URI disagree on them
	highByte    // not ASCII
	breakByte   // may begin what some reader takes for the end of a line; CR is apart
	returnByte  // CR, which is usually part of the line's end
)

var classes = makeClasses()

func makeClasses() (t [256]uint8) {
	for i := range t {
		c := byte(i)
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '-', c == '_':
			t[i] |= wordByte | tokenByte | nameByte
		case c == '.':
			t[i] |= tokenByte | nameByte
		case c == '~':
			t[i] |= nameByte
		case c <= ' ', c == 0x7f, c == '\\':
			t[i] |= refusedByte
		case c >= 0x80:
			t[i] |= highByte
		}
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' {
			t[i] |= hexByte
		}
		switch {
		case c == '\r':
			t[i] |= returnByte
		case c < ' ' && c != '\t' && c != '\n', c == 0x7f, c == 0xc2, c == 0xe2:
			t[i] |= breakByte
		}
	}
	return t
}

// consistsOf tells whether s is not empty and all its bytes are of a class.
func consistsOf(s string, class uint8) bool {
	for i := 0; i < len(s); i++ {
		if classes[s[i]]&class == 0 {
			return false
		}
	}
	return s != ""
}
