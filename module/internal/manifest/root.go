package manifest

import (
	"slices"
	"strings"
)

// carryFromRoot is for a reference that is written from the root of this site, with its
// origin or without. The segment goes where the manifest has or gets its own, so that
// one resource has one spelling, or else where the rule says.
func (rw carrier) carryFromRoot(ref string, at int) []edit {
	start, ok := rw.rootAt(ref)
	if !ok {
		return nil
	}
	r := splitRelative(ref[start:])
	written := r.path
	if least, rest, ok := climb(nil, strings.TrimPrefix(written, "/")); !ok || least > 0 {
		return nil
	} else if rest = "/" + rest; hasDots(written) {
		r.path = rest
	}
	path, cuts := rw.cutSegments(r.path)
	query, _ := rw.withoutTokens(r.query)
	c, ok := rw.Base.Covers(readable(path), query)
	if !ok {
		return nil
	}
	insert := c.Insert
	if own := rw.ownPlace(); lies(path, rw.dir, own) {
		insert = own
	}
	segment := "/~" + rw.segmentToken(c)
	if place := offset(path, insert); r.path != written {
		rw.edits = append(rw.few[:0], edit{at: at + start, cut: len(written), text: path[:place] + segment + path[place:]})
	} else {
		rw.edits = rw.place(place, segment, r.path, cuts, at+start)
	}
	rw.removePairs(&r, at+start)
	return rw.edits
}

// rootAt is where the path begins of a reference that is written from the root of this
// site. ok is false for one of another site, or that readers do not agree on.
func (rw carrier) rootAt(ref string) (start int, ok bool) {
	if strings.ContainsAny(ref, "\\\t") {
		return 0, false
	}
	if strings.HasPrefix(ref, "/") && !strings.HasPrefix(ref, "//") {
		return 0, true
	}
	slashes := strings.Index(ref, "//")
	if slashes < 0 {
		return 0, false
	}
	n := strings.IndexByte(ref[slashes+2:], '/')
	if n < 0 {
		return 0, false
	}
	start = slashes + 2 + n
	r, ok := parseReference(ref[:start] + "/")
	return start, ok && r.authority && r.path == "/" && rw.ownOrigin(&r)
}

func hasDots(path string) bool {
	return slices.ContainsFunc(strings.Split(path, "/"), func(s string) bool { return dots(s) > 0 })
}

// cutSegments is a path without token segments, and where those stand.
func (rw carrier) cutSegments(path string) (bare string, cuts []edit) {
	var b strings.Builder
	last := strings.LastIndexByte(path, '/')
	for i := 0; i < len(path); {
		end := len(path)
		if n := strings.IndexByte(path[i+1:], '/'); n >= 0 {
			end = i + 1 + n
		}
		if i != last && rw.isSegment(path[i+1:end]) {
			cuts = append(cuts, edit{at: i, cut: end - i})
		} else {
			b.WriteString(path[i:end])
		}
		i = end
	}
	return b.String(), cuts
}

// place plans that the one token segment of a path stands at an offset of the path
// without any, which are to be cut. The path itself stands at an offset of the reference.
func (rw carrier) place(at int, segment, path string, cuts []edit, offset int) []edit {
	for _, e := range cuts {
		if e.at <= at { // it stands before the place
			at += e.cut
		}
	}
	edits, done := rw.few[:0], false
	for _, e := range cuts {
		switch {
		case !done && e.at+e.cut == at:
			done = true
			if path[e.at:at] != segment {
				edits = append(edits, edit{at: offset + e.at, cut: e.cut, text: segment})
			}
			continue
		case !done && e.at >= at:
			done = true
			edits = append(edits, edit{at: offset + at, text: segment})
		}
		edits = append(edits, edit{at: offset + e.at, cut: e.cut})
	}
	if !done {
		edits = append(edits, edit{at: offset + at, text: segment})
	}
	return edits
}

// lies reports whether a path is below the first segments of a folder.
func lies(path, dir string, segments int) bool {
	end := offset(dir, segments)
	return end < len(dir) && strings.HasPrefix(path, dir[:end+1])
}

// offset is where so many segments of a path end.
func offset(path string, segments int) int {
	at := 0
	for range segments {
		n := strings.IndexByte(path[min(at+1, len(path)):], '/')
		if n < 0 {
			return len(path)
		}
		at += 1 + n
	}
	return at
}

// ownPlace is how many segments stand before the manifest's own token segment.
func (rw carrier) ownPlace() int {
	if rw.Base.Inner {
		return rw.inherited()
	}
	return strings.Count(rw.dir, "/") - 1
}
