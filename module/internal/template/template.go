// Package template makes copies of a manifest that differ in their tokens alone.
package template

import (
	"bytes"
	"slices"
)

// Marker makes a [Template]: its marks are written into a manifest in the place of
// tokens, and are found again in what has been written.
type Marker struct {
	// Seed begins each mark. It consists of characters that a token may have, and
	// whoever writes manifests must not be able to know it: where it stands, a
	// token will.
	Seed string

	names []string
}

// MostMarks is how many names a template can have.
const MostMarks = 26

// Mark is what stands for the token of a name. ok is false when there are too many
// names for a template.
func (m *Marker) Mark(name string) (mark string, ok bool) {
	if i := slices.Index(m.names, name); i >= 0 {
		return m.mark(i), true
	}
	if len(m.names) == MostMarks {
		return "", false
	}
	m.names = append(m.names, name)
	return m.mark(len(m.names) - 1), true
}

func (m *Marker) mark(i int) string { return m.Seed + string(rune('A'+i)) }

// Template is a manifest with places for tokens.
type Template struct {
	// Names are those whose tokens it takes, in the order in which Append wants
	// them.
	Names []string

	text  []byte // without the marks
	cuts  []cut
	count []int // of cuts, by name
}

type cut struct{ at, name int }

// Template makes a template of a manifest in which the marks are.
func (m *Marker) Template(written []byte) *Template {
	t := &Template{Names: m.names, text: make([]byte, 0, len(written)), count: make([]int, len(m.names))}
	seed := []byte(m.Seed)
	for {
		at := bytes.Index(written, seed)
		if at < 0 || at+len(seed) == len(written) {
			break
		}
		next := at + len(seed)
		t.text = append(t.text, written[:at]...)
		if name := int(written[next]) - 'A'; name >= 0 && name < len(m.names) {
			t.cuts = append(t.cuts, cut{len(t.text), name})
			t.count[name]++
			next++
		} else {
			t.text = append(t.text, seed...)
		}
		written = written[next:]
	}
	t.text = bytes.Clone(append(t.text, written...))
	return t
}

// Size is the memory that the template takes, in bytes.
func (t *Template) Size() int { return len(t.text) + 16*len(t.cuts) + 64 }

// Append appends the manifest to dst, with a token for each of Names.
func (t *Template) Append(dst []byte, tokens []string) []byte {
	size := len(t.text)
	for i, token := range tokens {
		size += t.count[i] * len(token)
	}
	dst = slices.Grow(dst, size)
	from := 0
	for _, c := range t.cuts {
		dst = append(dst, t.text[from:c.at]...)
		dst = append(dst, tokens[c.name]...)
		from = c.at
	}
	return append(dst, t.text[from:]...)
}
