package manifest

import (
	"slices"
	"strings"
)

// Missed are the references of a manifest that lead to this site, as far as can be known,
// and got no token.
type Missed struct {
	// Count is how many there are.
	Count int
	// Kinds are what they are, with how many of each: hls, vtt, mpd, base, patch, xlink,
	// variable, steering or json.
	Kinds map[string]int
	// Unread says that it is an MPD that cannot be read.
	Unread bool
	// References are the first ten, as they are written.
	References []string
}

const (
	// mostMissed is how many references are kept, and longestMissed how much of each.
	mostMissed    = 10
	longestMissed = 256
)

// MissedKinds are all kinds.
func MissedKinds() []string {
	return []string{"base", "hls", "json", "mpd", "patch", "steering", "variable", "vtt", "xlink"}
}

// Names are the kinds, in order.
func (m *Missed) Names() []string {
	names := make([]string, 0, len(m.Kinds))
	for kind := range m.Kinds {
		names = append(names, kind)
	}
	slices.Sort(names)
	return names
}

// miss takes note of a reference that got no token.
func (rw *Rewriter) miss(kind, ref string) {
	if rw.mute {
		return
	}
	m := &rw.Missed
	if m.Kinds == nil {
		m.Kinds = make(map[string]int)
	}
	m.Count++
	m.Kinds[kind]++
	if len(m.References) < mostMissed {
		m.References = append(m.References, strings.ToValidUTF8(strings.Clone(ref[:min(len(ref), longestMissed)]), "\ufffd"))
	}
}

// missUnread takes note of a reference that could not be taken apart, unless it leads to
// another site or nowhere.
func (rw carrier) missUnread(kind, text string) {
	trimmed := strings.TrimFunc(text, isEdge)
	if trimmed == "" || trimmed[0] == '#' || rw.Site.Foreign(trimmed) || !unclear(trimmed) && len(trimmed) <= maxReference {
		return
	}
	rw.miss(kind, trimmed)
}
