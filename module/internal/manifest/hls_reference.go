package manifest

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
)

// reference plans what is to be changed in one reference of a playlist.
func (rw carrier) reference(uri string) []edit {
	switch {
	case rw.mute:
		return nil
	case simple(uri):
		return rw.carrySimple(uri)
	case strings.Contains(uri, "{$"):
		return rw.carryVariables(uri)
	}
	return rw.carry(uri)
}

// simple tells whether a reference is nothing but a relative path of plain bytes without
// dot segments. Nearly all are.
func simple(s string) bool {
	if s == "" || s[0] == '/' || len(s) > maxReference {
		return false
	}
	first := true
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '/':
			first = true
			continue
		case classes[c]&tokenByte == 0, first && c == '.':
			return false
		}
		first = false
	}
	return true
}

// carrySimple is carry for a simple reference.
func (rw carrier) carrySimple(uri string) []edit {
	switch {
	case rw.Form == Inherited, rw.dir == "":
		return nil
	case len(rw.Segments) > 0:
		return rw.carry(uri)
	}
	if _, ok := rw.covers(rw.join(rw.dir, uri), ""); !ok {
		return nil
	}
	rw.few[0] = edit{text: rw.front}
	if rw.Form == InQuery {
		rw.few[0] = edit{at: len(uri), text: rw.asked}
	}
	return rw.few[:1]
}

// carryVariables is carry for a reference in which variables stand.
func (rw carrier) carryVariables(uri string) []edit {
	expanded, spans, known := rw.vars.expand(uri, rw.buf)
	begins := strings.HasPrefix(strings.TrimFunc(uri, isEdge), "{$")
	switch {
	case known && (rw.Form == InQuery || !begins || relative(expanded)):
		if r, ok := rw.read(expanded); !ok || r.root && !authorityWritten(r.at, uri, spans) {
			return nil
		}
	case begins && rw.Form != Inherited && rw.vars.beginsRelative(uri):
		expanded, spans = assumed(uri)
	case rw.Form == Inherited && !begins && relative(uri):
		return nil // it inherits the token
	case known, begins, !relative(uri):
		if rw.Form != Inherited && !(known && rw.Site.Foreign(expanded)) {
			rw.miss("variable", uri)
		}
		return nil
	default: // whatever the variable is, it does not change where the reference begins
		expanded, spans = assumed(uri)
	}
	edits := rw.carry(expanded)
	if toText(edits, spans) {
		return edits
	}
	rw.miss("variable", uri)
	return nil
}

func relative(s string) bool {
	s = strings.TrimFunc(s, isEdge)
	return s != "" && s[0] != '/' && s[0] != '\\' && s[0] != '#' && !hasScheme(s)
}

// assumed is a text with a digit in the place of each variable.
func assumed(text string) (plain string, spans []span) {
	var b strings.Builder
	for i := 0; i < len(text); {
		end := strings.IndexByte(text[i:], '}')
		if !strings.HasPrefix(text[i:], "{$") || end < 0 {
			b.WriteByte(text[i])
			i++
			continue
		}
		spans = append(spans, span{start: b.Len(), end: b.Len() + 1, textStart: i, textEnd: i + end + 1})
		b.WriteByte('0')
		i += end + 1
	}
	return b.String(), spans
}

// authorityWritten tells whether players without variables cannot take the
// written text for a URI of another host. "https://own{$x}.example.net/" is
// one even when x begins with a slash, so that the expanded host is own. A
// value at the very beginning makes the text a relative URI to such players,
// and a host that ends in a reference has no address.
func authorityWritten(end int, written string, spans []span) bool {
	for _, s := range spans {
		if s.start <= end && end < s.end && s.textStart > 0 {
			tail := written[s.textEnd:]
			if i := strings.IndexAny(tail, "/?#"); i >= 0 {
				tail = tail[:i]
			}
			return tail == "" || tail[len(tail)-1] == '}'
		}
	}
	return true
}

// Inherits tells, soon, whether all references of a playlist can only inherit the token as
// they are: none climbs, begins at a root, has a token or a variable, or looks odd. Where
// it is false that may be so, too.
func (rw *Rewriter) Inherits(playlist []byte) bool {
	if rw.Form != Inherited {
		return false
	}
	has := func(c byte) bool { return bytes.IndexByte(playlist, c) >= 0 }
	if has('~') || has('%') || has('\\') || has('\t') || mayHaveTwoDots(playlist) {
		return false
	}
	var odd []string // one byte is found much sooner than two
	if has('/') {
		odd = append(odd, "//", "\n/", `="/`)
	}
	if has(' ') {
		odd = append(odd, "\n ", `=" `)
	}
	if has('{') {
		odd = append(odd, "{$")
	}
	for _, text := range odd {
		if bytes.Contains(playlist, []byte(text)) {
			return false
		}
	}
	return !rw.namesToken(playlist) && !mayBreak(textOf(playlist))
}

// mayHaveTwoDots tells, eight bytes at a time, whether a text may have two dots in a row:
// [bytes.Contains] would stop at each dot of a name.
func mayHaveTwoDots(text []byte) bool {
	const ones, dots = 0x0101010101010101, '.' * 0x0101010101010101
	for ; len(text) > 8; text = text[7:] { // so that each two neighbours are seen together
		x := binary.LittleEndian.Uint64(text) ^ dots
		x = (x - ones) &^ x & (ones << 7) // the high bit of each byte that was a dot
		if x&(x<<8) != 0 {
			return true
		}
	}
	return bytes.Contains(text, []byte(".."))
}

// namesToken tells whether a text has the name of a parameter that may carry a token.
func (rw *Rewriter) namesToken(text []byte) bool {
	has := func(name string) bool { return name != "" && bytes.Contains(text, []byte(name+"=")) }
	return has(rw.Name) || slices.ContainsFunc(rw.Names, has)
}

// Settle settles, by its first lines, in which form a playlist carries the token: one that
// names a steering server has the query form where there is one. Its clones carry a path to
// another host, where a query can be emptied.
func (rw *Rewriter) Settle(lines []byte) {
	if rw.Form == InBase && rw.Name != "" && bytes.Contains(lines, []byte(steeringTag)) {
		rw.Form = InQuery
	}
}
