package manifest

import "strings"

// inherit plans what is to be changed in one reference of a playlist.
func (rw carrier) inherit(w *writer, uri string) []edit {
	if rw.mute {
		return nil
	}
	if simple(uri) {
		if rw.Base.Inner {
			return nil // it inherits all of it
		}
		c, ok := rw.Base.Covers(rw.join(rw.dir, uri), "")
		if !ok || rw.dir == "" || len(uri) > maxReference {
			return nil
		}
		rw.few[0] = edit{text: rw.front(c)}
		return rw.few[:1]
	}
	if !w.variables || !strings.Contains(uri, "{$") {
		return rw.carry(uri)
	}
	expanded, spans, known := rw.vars.expand(uri, rw.buf)
	begins := strings.HasPrefix(strings.TrimFunc(uri, isEdge), "{$")
	relative := func(s string) bool {
		s = strings.TrimFunc(s, isEdge)
		return s != "" && s[0] != '/' && s[0] != '\\' && s[0] != '#' && !hasScheme(s)
	}
	switch {
	case known && (!begins || relative(expanded)):
		if edits := rw.carry(expanded); toText(edits, spans) {
			return edits
		}
		return nil
	case begins || !relative(uri) || rw.Base.Inner:
		return nil
	}
	// Whatever the variable is, it stands behind the segment.
	expanded, spans = assumed(uri)
	if edits := rw.carry(expanded); toText(edits, spans) {
		return edits
	}
	return nil
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
