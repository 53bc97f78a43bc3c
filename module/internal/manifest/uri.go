package manifest

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/playgate/playgate/module/internal/weborigin"
)

// maxReference is the length, token pairs not counted, above which a reference
// is left alone. No server takes a longer one, so there is nothing to gain
// from looking at it. A text of more than maxText is not even taken apart.
const (
	maxReference = 16 << 10
	maxText      = 2 * maxReference
)

// reference is a URI reference taken apart. The offsets are in its text.
type reference struct {
	authority          bool
	scheme, host, port string // as written; no scheme in "//host/path"
	authorityEnd       int

	path   string
	pathAt int
	dots   bool // path has "." or ".." segments

	query    string
	queryAt  int
	hasQuery bool

	end int // where the fragment begins
}

// parseReference takes a reference apart if RFC 3986, the URL standard of the
// browsers and net/url read it alike: relative, or with the scheme http or
// https, without user information, blanks, controls, backslashes, escaped dot
// segments or broken escapes.
func parseReference(s string) (r reference, ok bool) {
	if s == "" || len(s) > maxText || !plainText(s) {
		return r, false
	}
	r.end = len(s)
	if i := strings.IndexByte(s, '#'); i >= 0 {
		if !validEscapes(s[i:]) {
			return r, false
		}
		r.end = i
	}
	hierarchy := s[:r.end]
	if i := strings.IndexByte(hierarchy, '?'); i >= 0 {
		r.hasQuery, r.queryAt, r.query = true, i+1, hierarchy[i+1:]
		hierarchy = hierarchy[:i]
	}
	if i := strings.IndexByte(hierarchy, ':'); i >= 0 && strings.IndexByte(hierarchy[:i], '/') < 0 {
		r.scheme, r.pathAt = hierarchy[:i], i+1
		if !weborigin.EqualFold(r.scheme, "https") && !weborigin.EqualFold(r.scheme, "http") || !strings.HasPrefix(hierarchy[i+1:], "//") {
			return r, false
		}
	}
	if strings.HasPrefix(hierarchy[r.pathAt:], "//") {
		start := r.pathAt + 2
		r.authority, r.authorityEnd = true, len(hierarchy)
		if i := strings.IndexByte(hierarchy[start:], '/'); i >= 0 {
			r.authorityEnd = start + i
		}
		r.host, r.port, ok = weborigin.SplitPort(hierarchy[start:r.authorityEnd])
		if !ok || r.host == "" {
			return r, false
		}
		r.pathAt = r.authorityEnd
	}
	r.path = hierarchy[r.pathAt:]
	r.dots, ok = dotSegments(r.path)
	return r, ok && validEscapes(r.path)
}

// plainText tells whether s is free of what URI readers strip, turn into
// something else or take for the end.
func plainText(s string) bool {
	var seen uint8
	for i := 0; i < len(s); i++ {
		seen |= classes[s[i]]
	}
	if seen&refusedByte != 0 {
		return false
	}
	if seen&highByte == 0 {
		return true
	}
	return utf8.ValidString(s) && strings.IndexFunc(s, isInvisible) < 0
}

// isInvisible tells whether a reader may trim a rune or end a line at it.
func isInvisible(c rune) bool {
	return unicode.IsSpace(c) || unicode.IsControl(c) || c == '\ufeff'
}

// dotSegments tells whether path has dot segments. ok is false when one is
// spelled with an escape: browsers resolve it, RFC 3986 by itself does not.
func dotSegments(path string) (dots, ok bool) {
	escaped := strings.IndexByte(path, '%') >= 0
	if !escaped && !dotBegins(path) {
		return false, true
	}
	for segment := range strings.SplitSeq(path, "/") {
		switch {
		case segment == "." || segment == "..":
			dots = true
		case escaped && len(segment) <= len("%2e%2e"):
			if plain := unescape(segment); plain == "." || plain == ".." {
				return dots, false
			}
		}
	}
	return dots, true
}

// dotBegins tells whether a segment of path begins with a dot.
func dotBegins(path string) bool {
	first := true
	for i := 0; i < len(path); i++ {
		if first && path[i] == '.' {
			return true
		}
		first = path[i] == '/'
	}
	return false
}

// plainPath tells whether path can serve as the base of other paths.
func plainPath(path string) bool {
	if !strings.HasPrefix(path, "/") || !plainText(path) || strings.ContainsAny(path, "?#") || !validEscapes(path) {
		return false
	}
	dots, ok := dotSegments(path)
	return ok && !dots
}

// ownOrigin tells whether a reference with an authority leads to this site.
func (rw *Rewriter) ownOrigin(r *reference) bool {
	scheme := r.scheme
	if scheme == "" {
		scheme = rw.own.Scheme
	}
	if rw.own.Is(scheme, r.host, r.port) {
		return true
	}
	for _, site := range rw.Sites {
		if site.Is(scheme, r.host, r.port) {
			return true
		}
	}
	return false
}

// Leads tells where on this site a URI reference leads to, such as that of a
// Location header: the path in its raw spelling, dot segments resolved, and the
// raw query. ok is false for one that leads to another site, or that readers do
// not agree on.
func (rw *Rewriter) Leads(ref string) (path, query string, ok bool) {
	rw.prepare()
	r, ok := parseReference(ref)
	if !ok || r.authority && !rw.ownOrigin(&r) {
		return "", "", false
	}
	path, ok = rw.resolve(&r)
	return path, r.query, ok
}

// resolve returns the path that a reference of this site leads to, by RFC 3986
// section 5.2.
func (rw *Rewriter) resolve(r *reference) (string, bool) {
	path := r.path
	switch {
	case r.authority && path == "":
		return "/", true
	case r.authority || strings.HasPrefix(path, "/"):
	case rw.dir == "":
		return "", false
	case path == "":
		return rw.Path, true
	default:
		path = rw.join(rw.dir, path)
	}
	if r.dots {
		path = rw.withoutDots(path)
	}
	return path, true
}

// withoutDots resolves the dot segments of a path that begins with a slash.
func (rw *Rewriter) withoutDots(path string) string {
	out := rw.buf[:0]
	for rest := path; rest != ""; {
		segment, last := rest[1:], true
		if i := strings.IndexByte(segment, '/'); i >= 0 {
			segment, last = segment[:i], false
		}
		rest = rest[1+len(segment):]
		switch segment {
		case "..":
			for n := len(out); n > 0; {
				n--
				if out[n] == '/' {
					out = out[:n]
					break
				}
			}
			if last {
				out = append(out, '/')
			}
		case ".":
			if last {
				out = append(out, '/')
			}
		default:
			out = append(out, '/')
			out = append(out, segment...)
		}
	}
	rw.buf = out
	return rw.keep(out)
}
