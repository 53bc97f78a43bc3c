package jwt

// HasForm reports whether a text looks like a compact token: three parts of
// base64url characters joined by dots, of which the last may be empty. Only
// such texts are taken out of requests; whether the token is any good is
// another question.
func HasForm(s string) bool {
	part, length := 0, 0
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '.':
			if length == 0 || part == 2 {
				return false
			}
			part, length = part+1, 0
		case base64url[c]:
			length++
		default:
			return false
		}
	}
	return part == 2
}

var base64url = func() (set [256]bool) {
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
		set[c] = true
	}
	return set
}()
