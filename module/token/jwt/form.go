package jwt

import "strings"

// HasForm reports whether a text looks like a compact token: three parts of
// base64url characters joined by dots, of which the last may be empty. Only
// such texts are taken out of requests; whether the token is any good is
// another question.
func HasForm(s string) bool {
	first := strings.IndexByte(s, '.')
	if first <= 0 {
		return false
	}
	second := first + 1 + strings.IndexByte(s[first+1:], '.')
	return second > first+1 && isBase64url(s[:first]) && isBase64url(s[first+1:second]) && isBase64url(s[second+1:])
}

// isBase64url looks at every byte whatever the ones before it are, which is
// several times faster than to stop at the first bad one.
func isBase64url(s string) bool {
	var bad uint8
	for ; len(s) >= 8; s = s[8:] {
		bad |= notBase64url[s[0]] | notBase64url[s[1]] | notBase64url[s[2]] | notBase64url[s[3]] |
			notBase64url[s[4]] | notBase64url[s[5]] | notBase64url[s[6]] | notBase64url[s[7]]
	}
	for i := range len(s) {
		bad |= notBase64url[s[i]]
	}
	return bad == 0
}

var notBase64url = func() (set [256]uint8) {
	for c := range set {
		set[c] = 1
	}
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
		set[c] = 0
	}
	return set
}()
