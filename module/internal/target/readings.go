package target

import (
	"math"
	"strings"
)

// ReadPath reads a raw (escaped) path that holds no token, and returns it as the
// origin gets it: raw bytes that are not ASCII, and [ ] | and ^, are escaped; all
// others stay. An [ErrBadRequest] says what could be read in more than one way, by us
// and by any origin. Only where "*" matches may a path have [ ] | ^ and ; (raw, or
// escaped as %3b), and the escapes %23, %3f and %25.
func (rs *Rules) ReadPath(raw string) (string, error) {
	s, err := readSpelling(raw)
	if err != nil {
		return "", err
	}
	if s.raw {
		raw = escapePath(raw)
	}
	if s.wild < 0 && !s.escapes {
		return raw, nil
	}
	return raw, rs.checkReadings(raw, s)
}

// checkReadings compares what the rules say of a path with what they would say of it
// to readers who decode it, end segments at a semicolon or take that for a slash, or
// end the path at what was an escaped ? or #. It takes longer than the rules
// themselves, so only paths are looked at that have such things.
func (rs *Rules) checkReadings(path string, s spelling) error {
	open := rs.open(path, false)
	var rule *Rule
	var names captured
	var escaped bool
	from := math.MaxInt // the first segment that "*" matches
	switch {
	case open != nil:
		from = open.star()
	default:
		if rule, escaped = rs.rule(path, false, &names); rule != nil {
			from = rule.Path.star()
		}
	}
	switch {
	case s.wild >= 0 && s.wild < from:
		return badRequest("the path has a ; [ ] | or ^, or an escaped ; # ? or %, outside of the part that * matches")
	case open == nil && rule == nil || escaped:
		return nil // nothing to play, whoever reads it
	case rule != nil && s.marked && (rule.QueryKey != "" || len(rule.Pins) > 0):
		return badRequest("the path has a ; # or ?, raw or escaped, where the query says what is played")
	}
	for _, reading := range readings(path) {
		if open != nil {
			if rs.open(reading, true) == nil {
				return errOtherReading
			}
			continue
		}
		var others captured
		other, escaped := rs.rule(reading, true, &others)
		if other != rule || others != names || escaped {
			return errOtherReading
		}
	}
	return nil
}

var errOtherReading = badRequest("the path is another one to readers who decode it, or end it at a ; # or ?")

// readings are what others may take a path for.
func readings(path string) []string {
	decoded := decode(path)
	list := []string{decoded}
	for _, end := range []byte{'?', '#'} {
		if at := strings.IndexByte(decoded, end); at >= 0 {
			list = append(list, decoded[:at])
		}
	}
	for _, whole := range list {
		if strings.IndexByte(whole, ';') >= 0 {
			list = append(list, cutParameters(whole), strings.ReplaceAll(whole, ";", "/"))
		}
	}
	return list
}

// cutParameters ends each segment at its first semicolon.
func cutParameters(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		segments[i], _, _ = strings.Cut(s, ";")
	}
	return strings.Join(segments, "/")
}

// open is the pattern that opens a path; nil for none.
func (rs *Rules) open(path string, decoded bool) *Pattern {
	for i := range rs.Open {
		if rs.Open[i].match(path, decoded) {
			return &rs.Open[i]
		}
	}
	return nil
}

// rule is the first rule that a path matches; nil for none.
func (rs *Rules) rule(path string, decoded bool, c *captured) (rule *Rule, escaped bool) {
	for _, r := range rs.Rules {
		*c = captured{}
		if escaped, ok := r.Path.match(path, decoded, c); ok {
			return r, escaped
		}
	}
	return nil, false
}

// star is the number of the first segment that "*" matches.
func (p *Pattern) star() int  { return star(len(p.segments), p.rest) }
func (t *Template) star() int { return star(len(t.segments), t.rest) }

func star(segments int, rest bool) int {
	if rest {
		return segments
	}
	return math.MaxInt
}
