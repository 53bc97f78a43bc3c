package manifest

import (
	"slices"
	"strings"
	"unicode"

	"github.com/playgate/playgate/module/internal/weborigin"
)

// maxReference is the length, in bytes, above which a reference is left alone. No server
// takes a longer one, so there is nothing to gain from looking at it.
const maxReference = 8 << 10

// reference is a URI reference to this site, taken apart (RFC 3986, section 4.1). The
// offsets are in the text that it stands in.
type reference struct {
	root bool // the path is absolute, with an authority before it or without

	start int // of the reference, behind blanks
	path  string
	at    int // of the path

	query    string
	queryAt  int
	hasQuery bool

	end int // where the fragment or the text ends
}

// read takes a reference apart. Blanks at its ends do not belong to it. ok is false for
// one that leads to another site, that leads nowhere else than the manifest itself, or
// of which readers do not agree where it leads.
func (rw *Rewriter) read(text string) (r reference, ok bool) {
	trimmed := strings.TrimFunc(text, isEdge)
	if trimmed == "" || len(trimmed) > maxReference {
		return r, false
	}
	r.start = strings.Index(text, trimmed)
	r.end = r.start + len(trimmed)
	if i := strings.IndexByte(trimmed, '#'); i >= 0 {
		r.end = r.start + i
	}
	hierarchy := text[r.start:r.end]
	if i := strings.IndexByte(hierarchy, '?'); i >= 0 {
		r.hasQuery, r.queryAt, r.query = true, r.start+i+1, hierarchy[i+1:]
		hierarchy = hierarchy[:i]
	}
	path, ok := rw.Site.path(hierarchy)
	if !ok || unclear(path) || path == "" && !r.hasQuery {
		return r, false
	}
	r.path, r.at = path, r.start+len(hierarchy)-len(path)
	r.root = strings.HasPrefix(path, "/")
	return r, true
}

// isEdge reports whether a character at an end of a reference does not belong to it.
func isEdge(r rune) bool { return r <= ' ' }

// unclear reports whether browsers, which read a backslash as a slash and overlook tabs
// and line ends, may take a path for another one than RFC 3986 does.
func unclear(path string) bool {
	if !strings.ContainsAny(path, "\\\t\r\n") {
		return false
	}
	plain := strings.NewReplacer("\\", "/", "\t", "", "\r", "", "\n", "").Replace(path)
	return strings.HasPrefix(plain, "/") || hasDots(plain)
}

// Site is what counts as this site.
type Site struct {
	// Own is the origin by which the client knows it; the zero value is none.
	Own weborigin.Origin
	// Others are further ones.
	Others []weborigin.Origin
}

// has reports whether an origin, as it is written in a URI, is one of this site. Without
// a scheme it has that of the request.
func (s *Site) has(scheme, host, port string) bool {
	if scheme == "" {
		scheme = s.Own.Scheme
	}
	return s.Own.Is(scheme, host, port) ||
		slices.ContainsFunc(s.Others, func(o weborigin.Origin) bool { return o.Is(scheme, host, port) })
}

// path is the path of a reference without query and fragment. ok is false where the
// reference leads to another site, or has an authority and no path.
func (s *Site) path(hierarchy string) (path string, ok bool) {
	rest, scheme := hierarchy, ""
	if hasScheme(hierarchy) {
		scheme, rest, _ = strings.Cut(hierarchy, ":")
		if !strings.HasPrefix(rest, "//") || !weborigin.EqualFold(scheme, "https") && !weborigin.EqualFold(scheme, "http") {
			return "", false
		}
	}
	authority, ok := strings.CutPrefix(rest, "//")
	if !ok {
		// Browsers read a backslash as a slash.
		return rest, !strings.HasPrefix(rest, `\`) && !strings.HasPrefix(rest, `/\`)
	}
	n := strings.IndexByte(authority, '/')
	if n < 0 || strings.ContainsFunc(authority[:n], func(r rune) bool { return r >= 0x80 || unicode.IsControl(r) }) {
		return "", false
	}
	host, port, ok := weborigin.SplitPort(authority[:n])
	return authority[n:], ok && host != "" && s.has(scheme, host, port)
}

// Foreign reports whether a reference may lead to another site, however it is read.
// Relative ones do not.
func (s *Site) Foreign(ref string) bool {
	plain := strings.NewReplacer("\\", "/", "\t", "", "\r", "", "\n", "").Replace(strings.TrimFunc(ref, func(r rune) bool { return r <= ' ' || unicode.IsSpace(r) || r == '\ufeff' }))
	if !strings.HasPrefix(plain, "//") && !hasScheme(plain) {
		return false
	}
	end := strings.IndexAny(plain, "?#")
	if end < 0 {
		end = len(plain)
	}
	if plain = plain[:end]; strings.Count(plain, "/") == 2 {
		plain += "/"
	}
	_, ok := s.path(plain)
	return !ok
}

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
			behind = append(behind, s)
			if !last {
				stack++
			}
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

// hasDots reports whether a path has dot segments.
func hasDots(path string) bool {
	first := true
	for i := range len(path) {
		if first && (path[i] == '.' || path[i] == '%') {
			return slices.ContainsFunc(strings.Split(path, "/"), func(s string) bool { return dots(s) > 0 })
		}
		first = path[i] == '/'
	}
	return false
}

// plainPath reports whether a path can serve as the base of others.
func plainPath(path string) bool {
	return strings.HasPrefix(path, "/") && !strings.ContainsAny(path, "?#\\\t\r\n") && !hasDots(path)
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
