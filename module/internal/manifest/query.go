package manifest

import (
	"slices"
	"strings"
)

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
	return name, rw.isToken(unescape(strings.TrimRight(value, "\t\n\f\r "))) // players drop blanks at the end of a reference
}

// tokenName tells whether a raw query name is one that a token may travel under, and
// which.
func (rw *Rewriter) tokenName(raw string) (string, bool) {
	if raw = readName(raw); raw == rw.Name && raw != "" {
		return raw, true
	}
	return raw, slices.Contains(rw.Names, raw)
}

// tokenName tells whether a raw query name is one of those that a token may travel under.
func tokenName(names []string, raw string) bool { return slices.Contains(names, readName(raw)) }

// readName is what a name in a query stands for.
func readName(raw string) string {
	if strings.ContainsAny(raw, "%+") {
		return strings.ReplaceAll(unescape(raw), "+", " ")
	}
	return raw
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

// planPair plans the query form: the first pair of Name that holds a token is
// replaced, every other token pair removed; without one the pair goes last.
func (rw *Rewriter) planPair(r *reference) {
	if !r.hasQuery {
		rw.edits = append(rw.edits, edit{at: r.end, text: rw.asked})
		return
	}
	if r.query == "" {
		rw.edits = append(rw.edits, edit{at: r.end, text: rw.pair})
		return
	}
	kept, placed := rw.editPairs(r, true)
	switch {
	case placed:
	case kept:
		rw.edits = append(rw.edits, edit{at: r.end, text: rw.joined})
	default:
		rw.edits = append(rw.edits, edit{at: r.end, text: rw.pair})
	}
}

// planRemoval takes every token pair out of the query, and the question mark
// too when nothing is left.
func (rw *Rewriter) planRemoval(r *reference) {
	if r.query == "" {
		return
	}
	before := len(rw.edits)
	if kept, _ := rw.editPairs(r, false); !kept {
		rw.edits = append(rw.edits[:before], edit{at: r.queryAt - 1, cut: len(r.query) + 1})
	}
}

// editPairs removes the token pairs of r's query, but replaces the first one
// of Name when replace is set. It tells whether any pair stays in the query,
// and whether one was replaced.
func (rw *Rewriter) editPairs(r *reference, replace bool) (kept, placed bool) {
	q := r.query
	for start := 0; start <= len(q); {
		end := pairEnd(q, start)
		name, token := rw.tokenPair(q[start:end])
		switch {
		case !token:
			kept = true
		case replace && !placed && name == rw.Name:
			kept, placed = true, true
			if q[start:end] != rw.pair {
				rw.edits = append(rw.edits, edit{at: r.queryAt + start, cut: end - start, text: rw.pair})
			}
		case kept:
			rw.edits = append(rw.edits, edit{at: r.queryAt + start - 1, cut: end - start + 1})
		default:
			rw.edits = append(rw.edits, edit{at: r.queryAt + start, cut: min(end+1, len(q)) - start})
		}
		start = end + 1
	}
	return kept, placed
}
