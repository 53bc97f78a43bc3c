package manifest

import "strings"

// pairEnd returns where the pair that starts at start ends.
func pairEnd(query string, start int) int {
	if n := strings.IndexByte(query[start:], '&'); n >= 0 {
		return start + n
	}
	return len(query)
}

// withoutTokens returns query without its token pairs and whether it had any.
func (rw *Rewriter) withoutTokens(query string) (string, bool) {
	found := false
	for start := 0; start < len(query) && !found; {
		end := pairEnd(query, start)
		_, found = rw.tokenPair(query[start:end])
		start = end + 1
	}
	if !found {
		return query, false
	}
	kept := false
	rw.buf = rw.buf[:0]
	for start := 0; start <= len(query); {
		end := pairEnd(query, start)
		if _, token := rw.tokenPair(query[start:end]); !token {
			if kept {
				rw.buf = append(rw.buf, '&')
			}
			kept = true
			rw.buf = append(rw.buf, query[start:end]...)
		}
		start = end + 1
	}
	return rw.keep(rw.buf), true
}

// tokenPair tells whether a raw pair carries a token, and under which name.
func (rw *Rewriter) tokenPair(pair string) (name string, token bool) {
	raw, value, ok := strings.Cut(pair, "=")
	if !ok {
		return "", false
	}
	name, ok = rw.tokenName(raw)
	if !ok {
		return "", false
	}
	return name, rw.isToken(unescape(value))
}

// tokenName tells whether a raw query name is one that a token may travel
// under, and which.
func (rw *Rewriter) tokenName(raw string) (string, bool) {
	if strings.IndexByte(raw, '%') >= 0 || strings.IndexByte(raw, '+') >= 0 {
		raw = strings.ReplaceAll(unescape(raw), "+", " ")
	}
	if raw == rw.Name && raw != "" {
		return raw, true
	}
	for _, name := range rw.Names {
		if raw == name {
			return name, true
		}
	}
	return "", false
}

// isToken tells whether s is the token itself or has the form of one. The
// token itself counts in any form, or a second run would add it again.
func (rw *Rewriter) isToken(s string) bool {
	if rw.IsToken != nil && rw.IsToken(s) {
		return true
	}
	return s == rw.Token || s == rw.spelled || rw.IsToken == nil && tokenForm(s)
}

// tokenForm tells whether s is three base64url parts joined by dots, of which
// only the last may be empty: a JWT.
func tokenForm(s string) bool {
	parts := 1
	length := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '.':
			if length == 0 || parts == 3 {
				return false
			}
			parts++
			length = 0
		case classes[c]&wordByte != 0:
			length++
		default:
			return false
		}
	}
	return parts == 3
}

// unescape decodes valid percent escapes and keeps everything else.
func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && escapeAt(s, i) {
			out = append(out, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
			continue
		}
		out = append(out, s[i])
	}
	return string(out)
}

// validEscapes tells whether each % of s begins an escape.
func validEscapes(s string) bool {
	for i := 0; ; i++ {
		n := strings.IndexByte(s[i:], '%')
		if n < 0 {
			return true
		}
		if i += n; !escapeAt(s, i) {
			return false
		}
	}
}

func escapeAt(s string, i int) bool {
	return i+2 < len(s) && classes[s[i+1]]&hexByte != 0 && classes[s[i+2]]&hexByte != 0
}

// unhex returns the value of a hexadecimal digit.
func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	default:
		return c - 'a' + 10
	}
}
