package token

import "unicode"

// Lengths that claims and names may have.
const (
	MaxOrg    = 64   // bytes of an organisation hash
	MaxStream = 128  // bytes of a stream name
	MaxID     = 128  // bytes of a token id
	MaxText   = 128  // characters of a tag or user
	MaxToken  = 4096 // bytes of a token's text
)

// class is a set of ASCII bytes.
type class [256]bool

func newClass(chars string) (c class) {
	for i := range len(chars) {
		c[chars[i]] = true
	}
	return c
}

func (c *class) holds(s string, most int) bool {
	if s == "" || len(s) > most {
		return false
	}
	for i := range len(s) {
		if !c[s[i]] {
			return false
		}
	}
	return true
}

const alnum = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

var (
	orgClass    = newClass(alnum + "_")
	streamClass = newClass(alnum + "._-")
	idClass     = newClass(alnum + "._:-")
	keyIDClass  = newClass(alnum + "._-")
)

// ValidOrg reports whether s can be an organisation hash: 1 to 64 of
// [A-Za-z0-9_]. A hyphen is left out because ORG-ID is how stream names are
// often written.
func ValidOrg(s string) bool { return orgClass.holds(s, MaxOrg) }

// ValidStream reports whether s can be a stream name: 1 to 128 of
// [A-Za-z0-9._-], but not one of the two dot segments, which no path can name.
func ValidStream(s string) bool {
	return streamClass.holds(s, MaxStream) && s != "." && s != ".."
}

// ValidID reports whether s can be a token id: 1 to 128 of [A-Za-z0-9._:-].
func ValidID(s string) bool { return idClass.holds(s, MaxID) }

// ValidKeyID reports whether s can be the id of a key: 1 to 64 of [A-Za-z0-9._-].
func ValidKeyID(s string) bool { return keyIDClass.holds(s, 64) }

// ValidText reports whether s can be a tag or a user: at most 128 characters,
// no control characters.
func ValidText(s string) bool {
	n := 0
	for _, r := range s {
		if n++; n > MaxText || unicode.IsControl(r) || r == unicode.ReplacementChar {
			return false
		}
	}
	return true
}
