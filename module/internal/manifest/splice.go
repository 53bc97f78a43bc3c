package manifest

import "strings"

// maxTokenSegments bounds how many segments in the form of a token are tried
// as the one to replace, so that a path full of them costs no more than others.
const maxTokenSegments = 4

// edit replaces cut bytes at an offset by text.
type edit struct {
	at, cut int
	text    string
}

// plan works out what to change in the reference s, in ascending order;
// nothing when it must stay as it is. spans tells which parts of s are values
// of variables, and written is the text with the references to them. The
// result is valid until the next call.
func (rw *Rewriter) plan(s, written string, spans []span) []edit {
	if rw.mute {
		return nil
	}
	if simple(s) {
		if !rw.takes(s) {
			return nil
		}
		rw.few[0] = edit{at: len(s), text: rw.asked}
		return rw.few[:1]
	}
	r, ok := parseReference(s)
	if !ok || r.authority && (!rw.ownOrigin(&r) || !authorityWritten(r.authorityEnd, written, spans)) {
		return nil
	}
	path, ok := rw.resolve(&r)
	if !ok {
		return nil
	}
	query, tokens := r.query, false
	switch {
	case r.hasQuery:
		query, tokens = rw.withoutTokens(r.query)
	case r.path == "" && !r.authority:
		if rw.Query != "" {
			return nil
		}
	}

	if len(s)-len(r.query)+len(query) > maxReference {
		return nil
	}

	rw.edits = rw.few[:0]
	if rw.InPath {
		rw.planSegment(&r, path, query, tokens)
	} else if _, ok := rw.covers(path, query); ok {
		rw.planPair(&r)
	}
	return rw.edits
}

// simple tells whether a reference is nothing but a relative path of plain
// bytes without dot segments. Nearly all are.
func simple(s string) bool {
	if s == "" || s[0] == '/' {
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

// takes tells whether a simple reference gets the token. In path form it
// inherits the segment.
func (rw *Rewriter) takes(s string) bool {
	if rw.mute || rw.InPath || rw.dir == "" || len(s) > maxReference {
		return false
	}
	_, ok := rw.covers(rw.join(rw.dir, s), "")
	return ok
}

// planSegment plans the path form.
func (rw *Rewriter) planSegment(r *reference, path, query string, tokens bool) {
	if r.dots {
		return
	}
	if !r.authority && !strings.HasPrefix(r.path, "/") {
		if tokens {
			if _, ok := rw.covers(path, query); ok {
				rw.planRemoval(r)
			}
		}
		return
	}
	if r.path == "" {
		return
	}
	at, old, ok := rw.segmentPlace(path, query)
	if !ok {
		return
	}
	if path[at:at+old] != rw.segment {
		rw.edits = append(rw.edits, edit{at: r.pathAt + at, cut: old, text: rw.segment})
	}
	rw.planRemoval(r)
}

// segmentPlace returns where in path the token segment belongs and how many
// bytes an existing one takes there.
func (rw *Rewriter) segmentPlace(path, query string) (at, old int, ok bool) {
	tried := 0
	for i := 0; i < len(path); {
		n := strings.IndexByte(path[i+1:], '/')
		if n < 0 {
			break
		}
		end := i + 1 + n
		if segment := path[i+1 : end]; n > 1 && segment[0] == '~' && rw.isToken(segment[1:]) {
			if tried++; tried > maxTokenSegments {
				return 0, 0, false
			}
			at, ok := rw.covers(rw.join(path[:i], path[end:]), query)
			if ok && at == i {
				return i, end - i, true
			}
		}
		i = end
	}
	at, ok = rw.covers(path, query)
	return at, 0, ok
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
