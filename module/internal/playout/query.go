package playout

import (
	"slices"
	"strings"
)

// maxPairs bounds the pairs of a query.
const maxPairs = 1000

// Pair is one name=value of a query. Name and Value are decoded as forms are
// (RFC 1866, section 8.2.1: + is a blank).
type Pair struct {
	Name, Value string
	Raw         string // as written
	Escaped     bool   // the value was written with escapes
}

// Query is a query that has been read once. Its raw text stays as it is: what
// the origin gets is spliced from it, never printed anew.
type Query struct {
	raw   string
	pairs []Pair
}

// ParseQuery reads a raw query. An [ErrBadRequest] says what is ambiguous:
// raw ; and #, blanks and control characters, bad escapes, too many pairs.
func ParseQuery(raw string) (Query, error) {
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
		q.pairs = append(q.pairs, p)
	}
	return q, nil
}

func decodeForm(raw string) (decoded string, escaped, ok bool) {
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

// Without is the query without the pairs that drop names. All other bytes stay
// as they are. Without any such pair it is the same query.
func (q Query) Without(drop func(p Pair) bool) Query {
	if !slices.ContainsFunc(q.pairs, drop) {
		return q
	}
	var b strings.Builder
	kept := make([]Pair, 0, len(q.pairs))
	for _, p := range q.pairs {
		if drop(p) {
			continue
		}
		if len(kept) > 0 {
			b.WriteByte('&')
		}
		b.WriteString(p.Raw)
		kept = append(kept, p)
	}
	return Query{raw: b.String(), pairs: kept}
}
