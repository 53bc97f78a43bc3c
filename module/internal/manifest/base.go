package manifest

import (
	"slices"
	"strings"
)

// Base is where a manifest stands, for references that are to inherit a token segment
// ("~TOKEN") from the path of the manifest.
//
// A first manifest was asked for without such a segment: its relative references get
// one in front, in the folder of the manifest, and what they lead to inherits it. An
// inner manifest was asked for with one: its references inherit it as they are, and
// only those that leave it behind get it again.
type Base struct {
	// Inner says that it is an inner manifest.
	Inner bool
	// Tokens are the token segments of an inner manifest's address: how many other
	// segments stand before each, in ascending order.
	Tokens []int
	// Token is what references get: for an inner manifest the one that they would
	// inherit.
	Token string
	// Covers tells whether the gate maps a path and query without tokens to something
	// that the token may play.
	Covers func(path, query string) (c Cover, ok bool)
}

// Cover is what the gate says of a path.
type Cover struct {
	// Start is how many segments the literal start of its rule has.
	Start int
	// Insert is how many segments stand before the place of a token segment in a path
	// that is written from the root.
	Insert int
	// Token, if not empty, is another one for this path.
	Token string
}

// carrier is a Rewriter with a [Base].
type carrier struct{ *Rewriter }

// carry plans what is to be changed in a reference by its base; nothing where it stays
// as it is. What it says of variables is their values.
func (rw carrier) carry(text string) []edit {
	trimmed := strings.TrimFunc(text, isEdge)
	at := strings.Index(text, trimmed)
	if trimmed == "" || len(trimmed) > maxText {
		return nil
	}
	switch {
	case trimmed[0] == '#':
		return nil
	case trimmed[0] == '/', trimmed[0] == '\\', hasScheme(trimmed):
		return rw.carryFromRoot(trimmed, at)
	}
	return rw.carryRelative(trimmed, at)
}

// isEdge reports whether a character at an end of a reference does not belong to it.
func isEdge(r rune) bool { return r <= ' ' }

// hasScheme reports whether a reference begins with a scheme (RFC 3986, section 3.1).
func hasScheme(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		switch {
		case letter:
		case i > 0 && (c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.'):
		default:
			return i > 0 && c == ':'
		}
	}
	return false
}

// carryRelative is for a reference that is relative to the manifest.
func (rw carrier) carryRelative(ref string, at int) []edit {
	if rw.dir == "" {
		return nil
	}
	r := splitRelative(ref)
	if rw.hasSegment(r.path) {
		return rw.carryAgain(&r, at)
	}
	folders := foldersOf(rw.dir)
	least, rest, ok := climb(folders, r.path)
	if !ok || r.path == "" && !r.hasQuery {
		return nil
	}
	if r.path == "" { // a query alone
		rest = rw.Path[strings.LastIndexByte(rw.Path, '/')+1:]
	}
	full := "/" + strings.Join(append(slices.Clone(folders[:least]), rest), "/")
	query, _ := rw.withoutTokens(r.query)
	c, covered := rw.Base.Covers(readable(full), query)
	if !covered && !rw.Base.Inner {
		return nil
	}
	want := rw.relative(c, covered, r.path, rest, len(folders), least)
	// What both end with stays as it is written.
	end := 0
	for end < min(len(want), len(r.path)) && want[len(want)-1-end] == r.path[len(r.path)-1-end] {
		end++
	}
	rw.edits = rw.few[:0]
	if want != r.path {
		rw.edits = append(rw.edits, edit{at: at, cut: len(r.path) - end, text: want[:len(want)-end]})
	}
	if covered {
		rw.removePairs(&r, at)
	}
	return rw.edits
}

// relative is how a path is written that is relative to the manifest. What leaves the
// token segments of an inner manifest behind climbs over them too, whether it gets a
// token or not.
func (rw carrier) relative(c Cover, covered bool, path, rest string, folders, least int) string {
	segment := rw.front(c)
	switch {
	case rw.Base.Inner && least >= rw.inherited():
		return path
	case path == "":
		return segment + rest
	case least == folders:
		return segment + path
	}
	up := folders - least
	for _, n := range rw.Base.Tokens {
		if n > least {
			up++
		}
	}
	want := strings.Repeat("../", up)
	if !covered {
		return want + rest
	}
	if least < c.Start { // the literal start goes before the segment
		segments := strings.Split(rest, "/")
		n := min(c.Start-least, len(segments)-1)
		want += strings.Join(segments[:n], "/") + "/"
		rest = strings.Join(segments[n:], "/")
	}
	return want + segment + rest
}

// splitRelative takes a relative reference apart, whatever characters it has.
func splitRelative(ref string) (r reference) {
	r.end = len(ref)
	if i := strings.IndexByte(ref, '#'); i >= 0 {
		r.end = i
	}
	r.path = ref[:r.end]
	if i := strings.IndexByte(r.path, '?'); i >= 0 {
		r.hasQuery, r.queryAt, r.query = true, i+1, r.path[i+1:]
		r.path = r.path[:i]
	}
	return r
}

// hasSegment reports whether a path has a token segment.
func (rw carrier) hasSegment(path string) bool {
	return strings.ContainsAny(path, "~%") && slices.ContainsFunc(strings.Split(path, "/"), rw.isSegment)
}

func (rw carrier) isSegment(segment string) bool {
	if rw.IsSegment != nil {
		return segment == "~"+rw.Base.Token || rw.IsSegment(segment)
	}
	text, marked := strings.CutPrefix(segment, "~")
	return marked && rw.isToken(text)
}

// carryAgain is for a relative reference that has a token segment, from another run or
// gate: it is relative to the address with token segments, and gets this token in its
// place.
func (rw carrier) carryAgain(r *reference, at int) []edit {
	folders := foldersOf(rw.dir)
	for i, n := range rw.Base.Tokens {
		folders = slices.Insert(folders, n+i, "~"+rw.Base.Token)
	}
	least, rest, ok := climb(folders, r.path)
	if !ok {
		return nil
	}
	full := slices.DeleteFunc(append(slices.Clone(folders[:least]), strings.Split(rest, "/")...), rw.isSegment)
	query, _ := rw.withoutTokens(r.query)
	c, ok := rw.Base.Covers(readable("/"+strings.Join(full, "/")), query)
	if !ok {
		return nil
	}
	rw.edits = rw.few[:0]
	for from := 0; from < len(r.path); {
		end := len(r.path)
		if n := strings.IndexByte(r.path[from:], '/'); n >= 0 {
			end = from + n
		}
		if s := r.path[from:end]; rw.isSegment(s) && s[1:] != rw.segmentToken(c) {
			rw.edits = append(rw.edits, edit{at: at + from + 1, cut: len(s) - 1, text: rw.segmentToken(c)})
		}
		from = end + 1
	}
	rw.removePairs(r, at)
	return rw.edits
}

// foldersOf are the segments of a folder, "/a/b/".
func foldersOf(dir string) []string {
	if dir = strings.Trim(dir, "/"); dir != "" {
		return strings.Split(dir, "/")
	}
	return nil
}

// climb resolves a relative path against folders: the fewest that are left on the way,
// and what comes behind those. ok is false for a path that leaves the tree.
func climb(folders []string, path string) (least int, rest string, ok bool) {
	stack := len(folders)
	least = stack
	var behind []string // of what stands above least, folders included
	segments := strings.Split(path, "/")
	for i, s := range segments {
		last := i == len(segments)-1
		switch dots(s) {
		case 2:
			if stack == 0 {
				return 0, "", false
			}
			stack--
			if stack < least {
				least, behind = stack, behind[:0]
			} else {
				behind = behind[:len(behind)-1]
			}
			if last {
				behind = append(behind, "")
			}
		case 1:
			if last {
				behind = append(behind, "")
			}
		default:
			if last {
				behind = append(behind, s)
				break
			}
			behind = append(behind, s)
			stack++
		}
	}
	return least, strings.Join(behind, "/"), true
}

// dots is 1 for a segment ".", 2 for "..", in any spelling that browsers resolve, and
// else 0.
func dots(segment string) int {
	if len(segment) > len("%2e%2e") {
		return 0
	}
	switch unescape(segment) {
	case ".":
		return 1
	case "..":
		return 2
	}
	return 0
}

// readable is a path as it is asked for: what clients escape is escaped, so that rules
// can read it.
func readable(path string) string {
	const escaped = " \"<>`{}\\\t"
	if strings.IndexAny(path, escaped) < 0 {
		return path
	}
	var b strings.Builder
	for i := range len(path) {
		if c := path[i]; strings.IndexByte(escaped, c) >= 0 {
			b.WriteString("%")
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

const hexDigits = "0123456789ABCDEF"

// segmentToken is the token of a path.
func (rw carrier) segmentToken(c Cover) string {
	if c.Token != "" && consistsOf(c.Token, tokenByte) {
		return c.Token
	}
	return rw.Base.Token
}

// front is what stands in front of a relative reference.
func (rw carrier) front(c Cover) string {
	if token := rw.segmentToken(c); rw.fronted != token || rw.fronting == "" {
		rw.fronted, rw.fronting = token, "~"+token+"/"
	}
	return rw.fronting
}

// inherited is how many segments stand before the last token segment, which is
// inherited by what stands below.
func (rw carrier) inherited() int { return rw.Base.Tokens[len(rw.Base.Tokens)-1] }

// removePairs takes the token pairs out of the query of a reference that stands at an
// offset.
func (rw carrier) removePairs(r *reference, at int) {
	before := len(rw.edits)
	rw.planRemoval(r)
	for i := before; i < len(rw.edits); i++ {
		rw.edits[i].at += at
	}
}
