package manifest

import (
	"slices"
	"strings"
)

// edit replaces cut bytes at an offset by text.
type edit struct {
	at, cut int
	text    string
}

// carrier is a Rewriter at a reference.
type carrier struct{ *Rewriter }

// destination is where a reference leads to.
type destination struct {
	least int    // the fewest folders of the base that are left while it is resolved
	rest  string // what comes behind those
	again bool   // the path had token segments, which are not in rest any more
	path  string // all of it, without token segments
}

// carry plans what is to be changed in a reference so that it carries the token, in
// ascending order; nothing where it stays as it is. The result is valid until the next
// call.
func (rw carrier) carry(text string) []edit {
	if rw.mute {
		return nil
	}
	r, ok := rw.read(text)
	if !ok {
		rw.missUnread(rw.kind, text)
		return nil
	}
	rw.edits = rw.few[:0]
	if r.root {
		rw.carryFromRoot(&r)
	} else {
		rw.carryRelative(&r)
	}
	return rw.edits
}

// covers asks Covers, and makes the token of the path the one that references get.
func (rw carrier) covers(path, query string) (c Cover, ok bool) {
	if c, ok = rw.Covers(path, query); ok {
		token := rw.Token
		if c.Token != "" && consistsOf(c.Token, tokenByte) {
			token = c.Token
		}
		rw.spell(token)
	}
	return c, ok
}

// carryRelative is for a reference that is relative to the manifest.
func (rw carrier) carryRelative(r *reference) {
	d, ok := rw.destination(r)
	if !ok {
		return
	}
	query, _ := rw.withoutTokens(r.query)
	c, covered := rw.covers(rw.judged(d.path), query)
	if !covered && len(rw.Segments) == 0 {
		return
	}
	if want := rw.written(r, d, c, covered); want != r.path && !(d.again && rw.sameAddress(want, r.path)) {
		// What both end with stays as it is written.
		end := 0
		for end < min(len(want), len(r.path)) && want[len(want)-1-end] == r.path[len(r.path)-1-end] {
			end++
		}
		rw.edits = append(rw.edits, edit{at: r.at, cut: len(r.path) - end, text: want[:len(want)-end]})
	}
	rw.carryQuery(r, covered)
}

// judged is the path by which a reference is judged.
func (rw carrier) judged(path string) string {
	if path = readable(path); rw.folder && strings.HasSuffix(path, "/") {
		path += "0" // others inherit from a folder what it has: it is judged as anything in it
	}
	return path
}

// carryQuery is for the query of a reference: the token goes there, or comes out of it.
func (rw carrier) carryQuery(r *reference, covered bool) {
	switch {
	case !covered:
	case rw.Form == InQuery:
		rw.planPair(r)
	default:
		rw.planRemoval(r)
	}
}

// destination resolves a relative reference.
func (rw carrier) destination(r *reference) (d destination, ok bool) {
	if rw.dir == "" {
		return d, false
	}
	if r.path == "" || !strings.ContainsAny(r.path, "~%") && !hasDots(r.path) {
		d = destination{least: rw.depth, rest: r.path}
		if r.path == "" { // a query alone
			if d.rest = rw.Path[len(rw.dir):]; rw.file != "" {
				d.rest = rw.file
			}
		}
		d.path = rw.join(rw.dir, d.rest)
		return d, true
	}
	folders := foldersOf(rw.dir)
	if d.again = rw.hasSegment(r.path); d.again { // it is relative to the address with its token segments
		folders = rw.addressFolders()
	}
	d.least, d.rest, ok = climb(folders, r.path)
	if !ok { // players read that in different ways
		rw.miss(rw.kind, r.path)
		return d, false
	}
	folders = folders[:d.least]
	if d.again {
		folders = slices.DeleteFunc(folders, rw.isSegment)
		d.least = len(folders)
		d.rest = strings.Join(slices.DeleteFunc(strings.Split(d.rest, "/"), rw.isSegment), "/")
		ok = strings.TrimFunc(d.rest, isEdge) == d.rest && !strings.ContainsAny(d.rest, "\\\t\r\n") // these are read in different ways
	}
	d.path = "/" + strings.Join(append(folders, d.rest), "/")
	if !d.again && d.least == rw.depth {
		d.rest = r.path // with dot segments that do not leave the folder
	}
	return d, ok
}

// written is how the path of a relative reference is written that leads to d. What
// leaves token segments of the address behind climbs over them too, whether it gets a
// token or not.
func (rw carrier) written(r *reference, d destination, c Cover, covered bool) string {
	same := rw.Form == Inherited && (!covered || rw.spelled == rw.Token)
	switch {
	case same && d.least >= rw.inherited(), rw.Form == InQuery && len(rw.Segments) == 0:
		switch {
		case d.again:
			return below(strings.Repeat("../", rw.depth-d.least), d.rest)
		case r.path == "" && rw.file != "":
			return below("", d.rest)
		}
		return r.path
	}
	level, up := d.least, rw.depth-d.least
	if same && covered {
		for _, n := range rw.Segments {
			if n > level {
				up++
			}
		}
	} else if len(rw.Segments) > 0 { // none of those segments stays
		level = min(level, rw.Segments[0])
		up = rw.depth - level + len(rw.Segments)
	}
	rest := d.rest
	if level < d.least {
		rest = strings.Join(foldersOf(rw.dir)[level:d.least], "/") + "/" + rest
	}
	climbs := strings.Repeat("../", up)
	if !covered || rw.Form == InQuery {
		return below(climbs, rest)
	}
	start := ""
	if level < c.Start { // the literal start goes before the segment
		segments := strings.Split(rest, "/")
		n := min(c.Start-level, len(segments)-1)
		start = strings.Join(segments[:n], "/") + "/"
		rest = strings.Join(segments[n:], "/")
	}
	return climbs + start + rw.front + rest
}

// below is a relative reference that goes up and then to a rest. Without a token segment
// in front, the rest must not become a path from the root, another host or another scheme.
func below(climbs, rest string) string {
	first, _, _ := strings.Cut(rest, "/")
	if climbs == "" && (first == "" || strings.Contains(first, ":")) {
		return "./" + rest
	}
	return climbs + rest
}

// sameAddress tells whether two paths with token segments lead to the same from the
// address of the manifest.
func (rw carrier) sameAddress(a, b string) bool {
	folders := rw.addressFolders()
	leastA, restA, okA := climb(folders, a)
	leastB, restB, okB := climb(folders, b)
	return okA && okB && strings.Join(folders[:leastA], "/")+"/"+restA == strings.Join(folders[:leastB], "/")+"/"+restB
}

// leftBehind stands for a token segment of the address that references leave behind.
const leftBehind = "\x00left behind\x00"

// addressFolders are the folders of the manifest's address with its token segments.
func (rw carrier) addressFolders() []string {
	folders, segment := foldersOf(rw.dir), leftBehind
	if rw.Form == Inherited {
		segment = "~" + rw.Token
	}
	for i, n := range rw.Segments {
		folders = slices.Insert(folders, n+i, segment)
	}
	return folders
}

// inherited is how many segments stand before the last token segment, which is
// inherited by what stands below.
func (rw carrier) inherited() int { return rw.Segments[len(rw.Segments)-1] }

// hasSegment reports whether a path has a token segment.
func (rw carrier) hasSegment(path string) bool {
	return strings.ContainsAny(path, "~%") && slices.ContainsFunc(strings.Split(path, "/"), rw.isSegment)
}

func (rw carrier) isSegment(segment string) bool {
	text, marked := strings.CutPrefix(segment, "~")
	switch {
	case segment == leftBehind:
		return true
	case marked && (text == rw.Token || text == rw.spelled):
		return true
	case rw.IsSegment != nil:
		return rw.IsSegment(segment)
	}
	return marked && rw.isToken(text)
}

// foldersOf are the segments of a folder, "/a/b/".
func foldersOf(dir string) []string {
	if dir = strings.Trim(dir, "/"); dir != "" {
		return strings.Split(dir, "/")
	}
	return nil
}

// carryFromRoot is for a reference that is written from the root of this site, with its
// origin or without. The segment goes where the manifest has or gets its own, so that
// one resource has one spelling, or else where the rule says.
func (rw carrier) carryFromRoot(r *reference) {
	written, at := r.path, r.at
	path := written
	if hasDots(written) {
		least, rest, ok := climb(nil, written[1:])
		if !ok || least > 0 {
			return
		}
		path = "/" + rest
	}
	bare, cuts := rw.cutSegments(path)
	query, _ := rw.withoutTokens(r.query)
	c, ok := rw.covers(rw.judged(bare), query)
	if !ok || strings.HasPrefix(bare, "//") || strings.HasPrefix(bare, `/\`) { // that would be another host
		return
	}
	for i, e := range cuts { // before the literal start of its rule none is a token
		if strings.Count(path[:e.at], "/")-i < c.Start {
			return
		}
	}
	segment, place := "", 0
	if rw.Form != InQuery {
		insert := c.Insert
		if own := rw.ownPlace(); lies(bare, rw.dir, own) {
			insert = own
		}
		segment, place = rw.front[:len(rw.front)-1], offset(bare, insert)
	}
	switch {
	case path != written && (segment != "" || len(cuts) > 0):
		if segment != "" {
			bare = bare[:place] + "/" + segment + bare[place:]
		}
		rw.edits = append(rw.edits, edit{at: at, cut: len(written), text: bare})
	case segment == "":
		for _, e := range cuts {
			rw.edits = append(rw.edits, edit{at: at + e.at, cut: e.cut})
		}
	default:
		rw.place(place, "/"+segment, path, cuts, at)
	}
	rw.carryQuery(r, true)
}

// cutSegments is a path without token segments, and where those stand.
func (rw carrier) cutSegments(path string) (bare string, cuts []edit) {
	if !strings.ContainsAny(path, "~%") {
		return path, nil
	}
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
// without any, which are to be cut. The path itself stands at an offset of the text.
func (rw carrier) place(at int, segment, path string, cuts []edit, offset int) {
	for _, e := range cuts {
		if e.at <= at { // it stands before the place
			at += e.cut
		}
	}
	done := false
	for _, e := range cuts {
		switch {
		case !done && e.at+e.cut == at:
			done = true
			if path[e.at:at] != segment {
				rw.edits = append(rw.edits, edit{at: offset + e.at, cut: e.cut, text: segment})
			}
			continue
		case !done && e.at >= at:
			done = true
			rw.edits = append(rw.edits, edit{at: offset + at, text: segment})
		}
		rw.edits = append(rw.edits, edit{at: offset + e.at, cut: e.cut})
	}
	if !done {
		rw.edits = append(rw.edits, edit{at: offset + at, text: segment})
	}
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
	switch {
	case rw.Form == Inherited:
		return rw.inherited()
	case len(rw.Segments) > 0:
		return rw.Segments[0]
	}
	return rw.depth
}

// folderWithToken is a reference to the folder of the manifest that carries the token; ""
// where nothing in it may be played.
func (rw carrier) folderWithToken() string {
	if rw.dir == "" {
		return ""
	}
	c, ok := rw.covers(readable(rw.dir)+"0", "")
	if !ok {
		return ""
	}
	return rw.written(new(reference), destination{least: rw.depth}, c, true)
}
