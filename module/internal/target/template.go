package target

import (
	"errors"
	"fmt"
	"strings"
)

// The captures that a template may have.
const (
	captureOrg    = "{org}"
	captureStream = "{stream}"
	captureID     = "{id}"
)

// part is a literal, or a capture when literal is empty.
type part struct{ literal, capture string }

// segment is one path segment of a template, or a whole name template.
type segment []part

func (s segment) has(capture string) bool {
	for _, p := range s {
		if p.capture == capture {
			return true
		}
	}
	return false
}

func (s segment) literal() bool { return len(s) == 1 && s[0].capture == "" }

// captured is what a template found.
type captured struct{ org, stream, id string }

func (c *captured) set(capture, value string) {
	switch capture {
	case captureOrg:
		c.org = value
	case captureStream:
		c.stream = value
	case captureID:
		c.id = value
	}
}

// parseSegment reads one segment of a template.
func parseSegment(text string) (segment, error) {
	var s segment
	for rest := text; rest != ""; {
		if rest[0] == '{' {
			name, after, closed := strings.Cut(rest, "}")
			if !closed {
				return nil, errors.New("the closing brace is missing; the captures are {org}, {stream} and {id}")
			}
			name += "}"
			if name != captureOrg && name != captureStream && name != captureID {
				return nil, fmt.Errorf("%s is none of the captures {org}, {stream} and {id}; Caddy's own placeholders such as {host} and {path} cannot be used here (Caddy expands them before Playgate sees the line)", name)
			}
			if len(s) > 0 && s[len(s)-1].capture != "" {
				return nil, fmt.Errorf("%s%s: put a literal between two captures, or it cannot be told where one ends", s[len(s)-1].capture, name)
			}
			if s.has(name) {
				return nil, fmt.Errorf("%s stands twice", name)
			}
			s = append(s, part{capture: name})
			rest = after
			continue
		}
		end := strings.IndexAny(rest, "{}")
		if end == 0 {
			return nil, errors.New("a closing brace without an opening one; the captures are {org}, {stream} and {id}")
		}
		if end < 0 {
			end = len(rest)
		}
		if len(s) > 0 && s[len(s)-1].capture == captureOrg && orgByte(rest[0]) {
			return nil, fmt.Errorf("{org}%s can never match: a letter, digit or underscore behind {org} belongs to it; put another character between", rest[:end])
		}
		s = append(s, part{literal: rest[:end]})
		rest = rest[end:]
	}
	return s, nil
}

// maxCaptured is how long a text with names in it can be: longer than any two
// names with literals around them. Looking for the place of a literal takes
// quadratic time, and nobody has asked yet who sends this.
const maxCaptured = 512

// match reads text as the segment says. {org} ends at the first character
// outside its alphabet; the others are as long as possible.
func (s segment) match(text string, c *captured) bool {
	if len(text) > maxCaptured && !s.literal() {
		return false
	}
	if len(s) == 0 {
		return text == ""
	}
	first, rest := s[0], s[1:]
	if first.capture == "" {
		after, ok := strings.CutPrefix(text, first.literal)
		return ok && rest.match(after, c)
	}
	if first.capture == captureOrg {
		end := 0
		for end < len(text) && orgByte(text[end]) {
			end++
		}
		c.org = text[:end]
		return end > 0 && rest.match(text[end:], c)
	}
	if len(rest) == 0 {
		c.set(first.capture, text)
		return text != ""
	}
	// A literal follows: try its last place first.
	for end := strings.LastIndex(text, rest[0].literal); end > 0; end = strings.LastIndex(text[:end+len(rest[0].literal)-1], rest[0].literal) {
		if rest.match(text[end:], c) {
			c.set(first.capture, text[:end])
			return true
		}
	}
	return false
}

func orgByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

// Template is a path template: segments of literals and captures, and "*" as
// the whole last segment for one or more characters after the slash.
type Template struct {
	text     string
	segments []segment // as paths go out: what is not ASCII is escaped
	decoded  []segment // as readers see them who decode paths
	rest     bool      // ends in "*"
	prefix   string    // the literal leading segments but for the last one, as "/a/b"
}

// ParseTemplate reads a path template. Errors say what to change.
func ParseTemplate(text string) (Template, error) {
	t := Template{text: text}
	if !strings.HasPrefix(text, "/") {
		return t, fmt.Errorf("template %q must begin with a slash, like /live/{org}/{stream}/*", text)
	}
	parts := strings.Split(text[1:], "/")
	leading := true
	for i, p := range parts {
		if p == "*" && i == len(parts)-1 {
			t.rest = true
			break
		}
		if strings.Contains(p, "*") {
			return t, fmt.Errorf("template %q: * can only be the whole last segment", text)
		}
		if p == "" && i < len(parts)-1 {
			return t, fmt.Errorf("template %q has an empty segment", text)
		}
		s, err := parseSegment(p)
		if err != nil {
			return t, fmt.Errorf("template %q: %w", text, err)
		}
		for _, x := range s {
			if x.literal != "" && !literalPath("/"+x.literal) && (s.literal() || !literalPath("/x"+x.literal)) {
				return t, fmt.Errorf("template %q: %q can never be part of a path that is let through", text, x.literal)
			}
			if x.capture != "" && strings.Count(text, x.capture) > 1 {
				return t, fmt.Errorf("template %q: %s stands twice", text, x.capture)
			}
		}
		t.segments = append(t.segments, s.each(escapePath))
		t.decoded = append(t.decoded, s.each(decode))
		if leading = leading && s.literal() && i < len(parts)-1; leading {
			t.prefix += "/" + escapePath(p)
		}
	}
	return t, nil
}

// literalPath reports whether a path, or part of one, can be let through where "*"
// matches nothing of it.
func literalPath(raw string) bool {
	s, err := readSpelling(raw)
	return err == nil && s.wild < 0
}

// each is the segment with other literals.
func (s segment) each(spell func(string) string) segment {
	other := make(segment, len(s))
	for i, p := range s {
		other[i] = part{literal: spell(p.literal), capture: p.capture}
	}
	return other
}

// has reports whether the template captures that name.
func (t *Template) has(capture string) bool {
	for _, s := range t.segments {
		if s.has(capture) {
			return true
		}
	}
	return false
}

// match reads a path from ReadPath, or a decoded one. escaped tells that a segment
// with a capture was written with escapes, so that its name would depend on who reads
// it.
func (t *Template) match(path string, decoded bool, c *captured) (escaped, ok bool) {
	rest, segments := path, t.segments
	if decoded {
		segments = t.decoded
	}
	for _, s := range segments {
		if rest == "" || rest[0] != '/' {
			return false, false
		}
		text := rest[1:]
		if end := strings.IndexByte(text, '/'); end >= 0 {
			text = text[:end]
		}
		rest = rest[1+len(text):]
		if len(s) > 0 && !s.literal() && strings.IndexByte(text, '%') >= 0 {
			escaped = true
			continue
		}
		if !s.match(text, c) {
			return false, false
		}
		if !s.has(captureStream) && s.has(captureID) {
			c.id = text
		}
	}
	if t.rest {
		return escaped, len(rest) > 1 && rest[0] == '/'
	}
	return escaped, rest == ""
}

// String is the template as it was written.
func (t *Template) String() string { return t.text }
