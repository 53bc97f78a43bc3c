package manifest

import "strings"

const defineTag = "#EXT-X-DEFINE:"

// maxDefinitions bounds what is kept of a playlist, in bytes; beyond, no variable is known.
const maxDefinitions = 64 << 10

// variables are the definitions of EXT-X-DEFINE that were seen so far.
type variables struct {
	off    bool // definitions that readers may understand differently
	values map[string]variable
	kept   int // bytes of definitions
	budget int // bytes that references may still expand to
	spans  []span
}

// variable is one definition. The value is unknown when it comes from outside
// the playlist, refers to others, is defined twice, or has no valid name.
type variable struct {
	value string
	known bool
}

// span is where the value of a variable stands in the expanded text, and
// where the reference to it stands in the written one.
type span struct {
	start, end         int
	textStart, textEnd int
}

// reset forgets all definitions before a new playlist.
func (v *variables) reset() {
	clear(v.values)
	v.budget, v.kept, v.off = 64<<10, 0, false
}

// lines takes note of further lines of the playlist, before they are read.
func (v *variables) lines(text string) {
	v.budget += 4 * len(text)
	// Some players find the tag in the middle of a line too.
	begin := strings.Count(text, "\n"+defineTag)
	if strings.HasPrefix(text, defineTag) {
		begin++
	}
	v.off = v.off || strings.Count(text, defineTag) != begin
}

// define takes note of the attribute list of one EXT-X-DEFINE.
func (v *variables) define(list string) {
	var name, value attribute
	local, found, valued := false, false, false
	for at := 0; at < len(list); {
		a, next, ok := nextAttribute(list, at)
		if !ok {
			v.off = true
			return
		}
		at = next
		switch a.name {
		case "NAME", "IMPORT", "QUERYPARAM":
			if found {
				v.off = true
				return
			}
			name, found, local = a, true, a.name == "NAME"
		case "VALUE":
			if valued {
				v.off = true
				return
			}
			value, valued = a, true
		}
	}
	if !found {
		return
	}
	key, text := list[name.start:name.end], list[value.start:value.end]
	if v.kept += len(key) + len(text); v.kept > maxDefinitions {
		v.off = true
		return
	}
	if v.values == nil {
		v.values = make(map[string]variable)
	}
	_, again := v.values[key]
	known := local && !again && name.quoted && value.quoted &&
		consistsOf(key, wordByte) && !strings.Contains(text, "{$")
	v.values[strings.Clone(key)] = variable{value: strings.Clone(text), known: known}
}

// expand replaces the references in s. ok is false when one of them is
// unknown or malformed, or the playlist has used up its budget.
func (v *variables) expand(s string, buf []byte) (text string, spans []span, ok bool) {
	buf, spans = buf[:0], v.spans[:0]
	for from := 0; ; {
		i := strings.Index(s[from:], "{$")
		if i < 0 {
			buf = append(buf, s[from:]...)
			break
		}
		start := from + i
		n := strings.IndexByte(s[start:], '}')
		if n < 0 {
			return "", nil, false
		}
		found := v.values[s[start+2:start+n]]
		if v.off || !found.known {
			return "", nil, false
		}
		buf = append(buf, s[from:start]...)
		from = start + n + 1
		spans = append(spans, span{
			start: len(buf), end: len(buf) + len(found.value),
			textStart: start, textEnd: from,
		})
		if v.budget -= len(found.value); v.budget < 0 || len(buf)+len(found.value) > maxReference {
			return "", nil, false
		}
		buf = append(buf, found.value...)
	}
	v.spans = spans
	return string(buf), spans, true
}

// toText turns the offsets of edits from the expanded into the written text.
// It returns false when an edit would have to change the value of a variable.
func toText(edits []edit, spans []span) bool {
	shift, next := 0, 0
	for i := range edits {
		e := &edits[i]
		for next < len(spans) && spans[next].end <= e.at {
			s := spans[next]
			shift += (s.textEnd - s.textStart) - (s.end - s.start)
			next++
		}
		if next < len(spans) && spans[next].start < e.at+e.cut {
			return false
		}
		e.at += shift
	}
	return true
}

// beginsRelative tells whether the variable that a text begins with is known, and begins a
// relative reference.
func (v *variables) beginsRelative(text string) bool {
	name, ok := strings.CutPrefix(strings.TrimFunc(text, isEdge), "{$")
	name, _, closed := strings.Cut(name, "}")
	found := v.values[name]
	return ok && closed && !v.off && found.known && relative(found.value)
}
