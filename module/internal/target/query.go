package target

import "strings"

// maxPairs bounds the pairs of a query.
const maxPairs = 1000

// Pair is one name=value of a query. Name and Value are decoded as forms are
// (RFC 1866, section 8.2.1: + is a blank).
type Pair struct {
	Name, Value string
	Raw         string // as written
	Escaped     bool   // the value was written with escapes
	Token       bool   // it carries a token
}

// Query is a query that has been read once. Its raw text stays as it is: what
// the origin gets is spliced from it, never printed anew.
type Query struct {
	raw   string
	pairs []Pair
}

// ParseQuery reads a raw query. An [ErrBadRequest] says what is ambiguous:
// raw ; and #, blanks and control characters, bad escapes, too many pairs. It asks
// isToken which pairs carry a token; nil stands for none.
func ParseQuery(raw string, isToken func(name, value string) bool) (Query, error) {
	q := Query{raw: raw}
	if raw == "" {
		return q, nil
	}
	n := strings.Count(raw, "&") + 1
	if n > maxPairs {
		return Query{}, badRequest("the query has more than 1000 pairs")
	}
	q.pairs = make([]Pair, 0, n)
	for rest, more := raw, true; more; {
		var p Pair
		p.Raw, rest, more = strings.Cut(rest, "&")
		name, value, _ := strings.Cut(p.Raw, "=")
		var ok bool
		if p.Name, _, ok = decodeForm(name); ok {
			p.Value, p.Escaped, ok = decodeForm(value)
		}
		if !ok {
			return Query{}, badRequest("the query has a raw ; or #, a blank, a control character or a bad escape")
		}
		p.Token = isToken != nil && isToken(p.Name, p.Value)
		q.pairs = append(q.pairs, p)
	}
	return q, nil
}

func decodeForm(raw string) (decoded string, escaped, ok bool) {
	// A token is long, and all of it is plain.
	var odd uint8
	for i := range len(raw) {
		odd |= oddInForms[raw[i]]
	}
	if odd == 0 {
		return raw, false, true
	}
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c <= ' ' || c == 0x7f || c == ';' || c == '#':
			return "", false, false
		case c == '%':
			if _, ok := unescape(raw, i); !ok {
				return "", false, false
			}
			escaped = true
		case c == '+':
			escaped = true
		}
	}
	if !escaped {
		return raw, false, true
	}
	return decode(strings.ReplaceAll(raw, "+", " ")), true, true
}

// oddInForms has a 1 for each byte that decodeForm has to look at.
var oddInForms = func() (set [256]uint8) {
	for c := range set {
		if c <= ' ' || c == 0x7f || strings.IndexByte(";#%+", byte(c)) >= 0 {
			set[c] = 1
		}
	}
	return set
}()

// Raw is the query as it was written.
func (q Query) Raw() string { return q.raw }

// Pairs are its pairs in order.
func (q Query) Pairs() []Pair { return q.pairs }

// Single is the pair of that name, decoded and case-sensitive, and how many
// there are.
func (q Query) Single(name string) (p Pair, n int) {
	for i := range q.pairs {
		if q.pairs[i].Name == name {
			if n == 0 {
				p = q.pairs[i]
			}
			n++
		}
	}
	return p, n
}

// WithoutTokens is the raw query without the pairs that carry a token. All other
// bytes stay as they are.
func (q Query) WithoutTokens() string {
	rest := len(q.raw)
	for i := range q.pairs {
		if q.pairs[i].Token {
			rest -= len(q.pairs[i].Raw) + 1
		}
	}
	switch {
	case rest == len(q.raw):
		return q.raw
	case rest <= 0: // the tokens were everything
		return ""
	}
	b := make([]byte, 0, rest)
	first := true
	for i := range q.pairs {
		if q.pairs[i].Token {
			continue
		}
		if !first {
			b = append(b, '&')
		}
		first = false
		b = append(b, q.pairs[i].Raw...)
	}
	return string(b)
}
