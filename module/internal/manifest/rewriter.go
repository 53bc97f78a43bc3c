// Package manifest carries a playback token in the references of a manifest and leaves
// every other byte as the origin wrote it. Whether a manifest makes players carry the
// token to where it does not belong is another question, and [Check] answers it.
//
// It splices and never parses and prints, works in linear time, does no I/O. A reference
// gets the token only where every reader agrees that it leads back to this site, and
// where Covers says that the gate maps it to something that the token may play.
// Everything else stays byte for byte.
package manifest

import "strings"

// Form is how references carry a token.
type Form uint8

// Forms.
const (
	// InQuery: each reference has a pair in its query.
	InQuery Form = iota
	// InBase: each relative reference has the segment "~TOKEN" in front of it, in the
	// folder of the manifest, and what it leads to inherits it.
	InBase
	// Inherited: the address of the manifest has the token in a segment. References
	// inherit it as they are, and only those that leave it behind get it again.
	Inherited
)

// Rewriter carries one token in the references of a manifest. Make one for each
// response and fill its fields before the first call; it is not safe for concurrent use.
//
// A Rewriter without Covers, with a Token or Name outside their alphabets, or with a Path
// that is not absolute and free of dot segments changes nothing that depends on them.
type Rewriter struct {
	// Site is where references may lead to.
	Site Site

	// Path is the manifest's public path in its raw (escaped) spelling, without token
	// segments.
	Path string

	// Form is how references carry the token.
	Form Form

	// Segments are the token segments of the manifest's address: how many others stand
	// before each, in ascending order. Of an address in the form Inherited there is at
	// least one; in the other forms references leave them behind.
	Segments []int

	// Token is what references get: [A-Za-z0-9._-]+, so it needs no escaping. In the
	// form Inherited it is the one of Segments.
	Token string

	// Name is the query parameter that carries the token, [A-Za-z0-9._~-]+; "" if there
	// is none.
	Name string

	// Names are all query names that a token may travel under; Name always counts as
	// one of them. They are compared decoded and case-sensitively. A pair of such a name
	// whose value has the form of a token leaves the query, or is replaced.
	Names []string

	// IsToken tells whether a value has a token's form. Default: whether it has that of
	// a JWT.
	IsToken func(value string) bool

	// IsSegment tells whether a segment of a path is a token. Default: whether it is "~"
	// and something of which IsToken says so.
	IsSegment func(segment string) bool

	// Covers tells whether the gate maps a path and query to something that the token
	// may play. The path is in its raw spelling, dot segments resolved; neither has
	// tokens.
	Covers func(path, query string) (c Cover, ok bool)

	// Missed are the references of what was written that got no token.
	Missed Missed

	state
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

// state is what a Rewriter works out once and the memory it uses again.
type state struct {
	ready bool
	kind  string // of the references that are carried, as [Missed] has it
	mute  bool   // nothing can be added at all
	dir   string // Path up to its last slash; empty when Path cannot be used
	depth int    // how many folders that are

	folder bool   // the reference is the base of others
	file   string // of the manifest, where the base of references is only its folder

	spelled string // the token in the following
	pair    string // Name=Token
	asked   string // ?Name=Token
	joined  string // &Name=Token
	front   string // ~Token/

	ends  func(text string, start int) int // where the next line begins
	vars  variables
	edits []edit
	few   [4]edit // where edits begins: most references need one
	buf   []byte
	arena strings.Builder // full of strings that somebody may hold; only appended to
}

// Write appends the manifest src to dst with the token in it.
func (rw *Rewriter) Write(dst []byte, f Format, src []byte) []byte {
	switch f {
	case HLS:
		rw.Settle(src)
		return rw.HLS(dst, src)
	case DASH:
		return rw.DASH(dst, src)
	case JSON:
		return rw.JSON(dst, src)
	case VTT:
		return rw.VTT(dst, src)
	}
	return append(dst, src...)
}

// Reference is one URI reference with the token in it, or as it is where it must not
// carry the token.
func (rw *Rewriter) Reference(ref string) string {
	rw.prepare()
	edits := carrier{rw}.carry(ref)
	if len(edits) == 0 {
		return ref
	}
	out := make([]byte, 0, len(ref)+len(rw.Token)+len(rw.Name)+2)
	from := 0
	for _, e := range edits {
		out = append(append(out, ref[from:e.at]...), e.text...)
		from = e.at + e.cut
	}
	return string(append(out, ref[from:]...))
}

// Leads tells where on this site a URI reference leads to: the path in its raw spelling,
// dot segments resolved, and the raw query. ok is false for one that leads to another
// site, or that readers do not agree on.
func (rw *Rewriter) Leads(ref string) (path, query string, ok bool) {
	rw.prepare()
	r, ok := rw.read(ref)
	if !ok {
		return "", "", false
	}
	if r.root {
		least, rest, ok := climb(nil, r.path[1:])
		return readable("/" + rest), r.query, ok && least == 0
	}
	d, ok := carrier{rw}.destination(&r)
	return readable(d.path), r.query, ok
}

// prepare fills the state before the first use.
func (rw *Rewriter) prepare() {
	if rw.ready {
		return
	}
	rw.ready = true
	rw.mute = rw.Covers == nil || !consistsOf(rw.Token, tokenByte) ||
		rw.Form == InQuery && !consistsOf(rw.Name, nameByte) || rw.Form == Inherited && len(rw.Segments) == 0
	rw.stand(rw.Path)
	rw.spell(rw.Token)
}

// stand makes a path the one that relative references start from.
func (rw *Rewriter) stand(path string) {
	rw.Path, rw.dir, rw.depth = path, "", 0
	if plainPath(path) {
		rw.dir = path[:strings.LastIndexByte(path, '/')+1]
		rw.depth = strings.Count(rw.dir, "/") - 1
	}
}

// spell makes a token the one that references get from now on.
func (rw *Rewriter) spell(token string) {
	if token == rw.spelled && rw.front != "" {
		return
	}
	rw.spelled = token
	// One text for all of them.
	text := "?" + rw.Name + "=" + token + "&" + rw.Name + "=" + token + "~" + token + "/"
	n := len(rw.Name) + len(token) + 2
	rw.asked, rw.joined, rw.front = text[:n], text[n:2*n], text[2*n:]
	rw.pair = rw.asked[1:]
}

// join returns a+b. The strings share chunks of memory: a playlist has hundreds of
// references, and one allocation for each would dominate the work.
func (rw *Rewriter) join(a, b string) string {
	start := rw.room(len(a) + len(b))
	rw.arena.WriteString(a)
	rw.arena.WriteString(b)
	return rw.arena.String()[start:]
}

// keep returns b as a string, in the same memory as join.
func (rw *Rewriter) keep(b []byte) string {
	start := rw.room(len(b))
	rw.arena.Write(b)
	return rw.arena.String()[start:]
}

// room makes sure that n bytes fit into the arena and returns where they go.
func (rw *Rewriter) room(n int) int {
	const chunk = 4 << 10
	if rw.arena.Cap()-rw.arena.Len() < n {
		rw.arena = strings.Builder{}
		rw.arena.Grow(max(chunk, n))
	}
	return rw.arena.Len()
}
