// Package manifest puts a playback token into the URIs of a manifest and
// leaves every other byte as the origin wrote it.
//
// It splices and never parses and prints, works in linear time, does no I/O
// and knows no other package of this module. A URI gets the token only where
// every reader agrees that it leads back to this site, and where Covers says
// that the gate maps it to something the token may play. Everything else,
// odd or merely doubtful, stays byte for byte.
package manifest

import (
	"errors"
	"strings"

	"github.com/playgate/playgate/module/internal/weborigin"
)

// ErrLeak means that the manifest would make the player itself carry the
// token to other URIs, such as EXT-X-DEFINE:QUERYPARAM with the name of a
// token parameter does. Such a manifest must not be delivered.
var ErrLeak = errors.New("manifest makes the player carry the token to other URIs")

// Rewriter puts one token into the URIs of a manifest. Make one for each
// response and fill its fields before the first call; it is not safe for
// concurrent use.
//
// A Rewriter without Covers, with a Token or Name outside their alphabets, or
// with a Path that is not absolute and free of dot segments changes nothing
// that depends on them.
type Rewriter struct {
	// Scheme and Host are the request's public origin, as in "https" and
	// "live.example.com:8443".
	Scheme, Host string

	// Path is the manifest's public path in its raw (escaped) spelling,
	// without a token segment.
	Path string

	// Query is the manifest's raw query without token pairs. A reference
	// that is only a fragment inherits it; such a reference can take the
	// token only when Query is empty, because a query of its own would
	// replace the inherited one.
	Query string

	// Sites are further origins that count as this site.
	Sites []weborigin.Origin

	// Token is what the URIs get: [A-Za-z0-9._-]+, so it needs no escaping.
	Token string

	// Name is the query parameter that carries the token, [A-Za-z0-9._~-]+.
	// It is not used when InPath is true.
	Name string

	// InPath selects the path form. Root-absolute and absolute URIs of this
	// site get the segment "/~TOKEN"; relative ones inherit it from the
	// manifest's URL and lose only token pairs in their own query.
	//
	// A root-absolute or absolute URI whose path holds dot segments, or that
	// has no path at all, is left untouched. So is a relative one with dot
	// segments: one that climbs above the token segment drops it.
	InPath bool

	// InQuery says that the manifest's own URL has the token in its query,
	// though InPath is true. A manifest must not make the player copy it.
	InQuery bool

	// Names are all query names that a token may travel under; Name always
	// counts as one of them. They are compared decoded and case-sensitively.
	// An existing pair of such a name whose value has the form of a token is
	// replaced (Name) or removed (any other, and all of them in path form),
	// so that no URI carries two tokens.
	Names []string

	// IsToken tells whether a value has a token's form. Default: whether it
	// has that of a JWT.
	IsToken func(value string) bool

	// IsSegment tells whether a segment of a path is a token. Default: whether it is "~"
	// and something of which IsToken says so.
	IsSegment func(segment string) bool

	// Covers tells whether the gate maps path and query to something that
	// the token may play. The path is in its raw spelling, dot segments
	// resolved and without a token segment in path form; the query is raw
	// and without token pairs. In path form, at is the offset of the slash
	// before which the segment is inserted. A token that is not empty takes
	// the place of Token for this URI.
	Covers func(path, query string) (at int, token string, ok bool)

	// Base, if not nil, has the references of HLS playlists carry the token in their
	// base, as [Base] says; then Token, Name, InPath and Covers do not count for them.
	Base *Base

	state
}

// state is what a Rewriter works out once and the memory it uses again.
type state struct {
	ready bool
	mute  bool             // nothing can be added at all
	own   weborigin.Origin // the request's origin; zero when it has none that is safe
	dir   string           // Path up to its last slash; empty when Path cannot be used

	spelled string // the token in the following
	pair    string // Name=Token
	asked   string // ?Name=Token
	joined  string // &Name=Token
	segment string // /~Token

	fronted, fronting string // a token, and "~TOKEN/"

	vars  variables
	edits []edit
	few   [4]edit // where edits begins: most URIs need one
	buf   []byte
	arena strings.Builder // full of strings that somebody may hold; only appended to
}

// URI returns one URI reference, such as the value of a Location header, with
// the token in it, or unchanged where it must not carry the token.
func (rw *Rewriter) URI(ref string) string {
	rw.prepare()
	edits := rw.plan(ref, ref, nil)
	if len(edits) == 0 {
		return ref
	}
	out := make([]byte, 0, len(ref)+len(rw.Token)+len(rw.Name)+2)
	from := 0
	for _, e := range edits {
		out = append(out, ref[from:e.at]...)
		out = append(out, e.text...)
		from = e.at + e.cut
	}
	return string(append(out, ref[from:]...))
}

// Location is URI for the Location header of the answer to a request of this manifest's
// address. With [Base], an inner manifest's is one of its references; that of a first
// one gets the token in the query, because some players do not resolve what is in a
// manifest against where they were redirected to.
func (rw *Rewriter) Location(ref string) string {
	if rw.Base == nil || !rw.Base.Inner {
		return rw.URI(ref)
	}
	rw.prepare()
	out, from := make([]byte, 0, len(ref)+len(rw.Token)+2), 0
	for _, e := range (carrier{rw}).carry(ref) {
		out = append(append(out, ref[from:e.at]...), e.text...)
		from = e.at + e.cut
	}
	return string(append(out, ref[from:]...))
}

// prepare fills the state before the first use.
func (rw *Rewriter) prepare() {
	if rw.ready {
		return
	}
	rw.ready = true
	rw.mute = rw.Covers == nil || !consistsOf(rw.Token, tokenByte) ||
		!rw.InPath && !consistsOf(rw.Name, nameByte)
	if rw.Base != nil {
		rw.mute = rw.Base.Covers == nil || !consistsOf(rw.Base.Token, tokenByte)
	}
	rw.own, _ = weborigin.Of(rw.Scheme, rw.Host)
	if plainPath(rw.Path) {
		rw.dir = rw.Path[:strings.LastIndexByte(rw.Path, '/')+1]
	}
	rw.spell(rw.Token)
}

// spell makes a token the one that URIs get from now on.
func (rw *Rewriter) spell(token string) {
	if token == rw.spelled {
		return
	}
	rw.spelled = token
	// One text for all of them.
	text := "?" + rw.Name + "=" + token + "&" + rw.Name + "=" + token + "/~" + token
	n := len(rw.Name) + len(token) + 2
	rw.asked, rw.joined, rw.segment = text[:n], text[n:2*n], text[2*n:]
	rw.pair = rw.asked[1:]
}

// covers asks Covers and doubts an offset that is not at a slash.
func (rw *Rewriter) covers(path, query string) (at int, ok bool) {
	at, token, ok := rw.Covers(path, query)
	if !ok {
		return 0, false
	}
	if token == "" || !consistsOf(token, tokenByte) {
		token = rw.Token
	}
	rw.spell(token)
	if !rw.InPath {
		return 0, true
	}
	return at, at >= 0 && at < len(path) && path[at] == '/'
}

// join returns a+b. The strings share chunks of memory: a playlist has
// hundreds of URIs, and one allocation for each would dominate the work.
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
