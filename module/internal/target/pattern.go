package target

import (
	"fmt"
	"strings"
)

// Pattern is a path pattern: literal segments, in which * stands for any run
// of characters, and a whole last segment * for everything below.
type Pattern struct {
	text     string
	segments []string // as paths go out: what is not ASCII is escaped
	decoded  []string // as readers see them who decode paths
	rest     bool
}

// ParsePattern reads a path pattern. Errors say what to change.
func ParsePattern(text string) (Pattern, error) {
	p := Pattern{text: text}
	if !strings.HasPrefix(text, "/") {
		return p, fmt.Errorf("path pattern %q must begin with a slash, like /assets/*", text)
	}
	if !literalPath(text) {
		return p, fmt.Errorf("path pattern %q can never match a path that is let through; captures and placeholders cannot be used here, and * has to stand for ; [ ] | ^ and their like", text)
	}
	p.segments = strings.Split(escapePath(text[1:]), "/")
	if n := len(p.segments) - 1; p.segments[n] == "*" {
		p.segments, p.rest = p.segments[:n], true
	}
	for _, s := range p.segments {
		if !strings.Contains(s, "%2a") && !strings.Contains(s, "%2A") { // that is no star of the pattern
			s = decode(s)
		}
		p.decoded = append(p.decoded, s)
	}
	return p, nil
}

// Match reports whether the pattern includes a path from ReadPath.
func (p *Pattern) Match(path string) bool { return p.match(path, false) }

// match reads such a path, or a decoded one.
func (p *Pattern) match(path string, decoded bool) bool {
	rest, segments := path, p.segments
	if decoded {
		segments = p.decoded
	}
	for _, s := range segments {
		if rest == "" || rest[0] != '/' {
			return false
		}
		text := rest[1:]
		if end := strings.IndexByte(text, '/'); end >= 0 {
			text = text[:end]
		}
		rest = rest[1+len(text):]
		if !glob(s, text) {
			return false
		}
	}
	if p.rest {
		return len(rest) > 1 && rest[0] == '/'
	}
	return rest == ""
}

// glob matches * against any run of characters, in linear time for each star.
func glob(pattern, text string) bool {
	head, tail, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == text
	}
	if !strings.HasPrefix(text, head) {
		return false
	}
	text = text[len(head):]
	for {
		var middle string
		middle, tail, star = strings.Cut(tail, "*")
		if !star {
			return strings.HasSuffix(text, middle)
		}
		at := strings.Index(text, middle)
		if at < 0 {
			return false
		}
		text = text[at+len(middle):]
	}
}
