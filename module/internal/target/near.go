package target

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// checkNames refuses query names that some origin takes for the name of the stream's
// key or of a pin, and others do not: PHP cuts names at a bracket and writes _ for
// dots and blanks, C ends them at a NUL, others trim them or do not look at their
// case.
func (r *Rule) checkNames(q Query) error {
	if r.QueryKey == "" && len(r.Pins) == 0 {
		return nil
	}
	for i := range q.pairs {
		if near := r.nearName(q.pairs[i].Name); near != "" {
			return badRequest("the query has a name that some servers take for " + near + "; write it exactly so, or leave it out")
		}
	}
	return nil
}

// nearName is the key or pin for which some reader takes a name that is none; "" for
// no such.
func (r *Rule) nearName(name string) (near string) {
	if r.QueryKey != "" {
		if name == r.QueryKey {
			return ""
		}
		if nearly(name, r.QueryKey) {
			near = r.QueryKey
		}
	}
	for i := range r.Pins {
		pin := r.Pins[i].Name
		if name == pin {
			return ""
		}
		if nearly(name, pin) {
			near = pin
		}
	}
	return near
}

// nearly reports whether some reader takes a decoded name for a key, maybe one that
// decodes it again.
func nearly(name, key string) bool {
	if plainName(name) {
		return strings.EqualFold(name, key) || len(name) == len(key) && reads(name, key)
	}
	if reads(name, key) {
		return true
	}
	return strings.IndexByte(name, '%') >= 0 && reads(decode(name), key)
}

func reads(name, key string) bool {
	name = strings.TrimFunc(name, blank)
	if strings.EqualFold(name, key) {
		return true
	}
	if strings.ContainsAny(key, "_ .[+") && strings.EqualFold(strings.Map(underscore, name), strings.Map(underscore, key)) {
		return true
	}
	if at := strings.IndexAny(name, "[.\x00"); at >= 0 {
		return strings.EqualFold(strings.TrimRightFunc(name[:at], blank), key)
	}
	return false
}

// plainName reports whether nothing of a name can be cut off, and none of it is a
// blank.
func plainName(name string) bool {
	for i := range len(name) {
		if c := name[i]; !orgByte(c) && c != '-' && c != '~' {
			return false
		}
	}
	return true
}

// blank reports whether some reader does not count a character at the ends of a name:
// blanks of all kinds, also those that are no valid text (a no-break space of Latin-1),
// what cannot be seen, and brackets and question marks.
func blank(r rune) bool {
	switch r {
	case '+', '?', '[', ']', utf8.RuneError:
		return true
	}
	return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
}

func underscore(r rune) rune {
	switch r {
	case ' ', '.', '[', '+':
		return '_'
	}
	return r
}
