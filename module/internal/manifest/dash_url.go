package manifest

import (
	"slices"
	"strings"

	"github.com/playgate/playgate/module/internal/xmltext"
)

func isURLElement(name string) bool {
	switch name {
	case "BaseURL", "Location", "PatchLocation", "ContentSteering":
		return true
	}
	return false
}

func isXLink(name string) bool { return strings.HasSuffix(name, ":href") }

// isURLAttribute tells whether an attribute of an element holds a URL that is relative to
// the base URLs of that element.
func isURLAttribute(element, name string) bool {
	switch element {
	case "SegmentTemplate":
		return isTemplate(element, name)
	case "SegmentURL":
		return name == "media" || name == "index"
	case "Initialization", "RepresentationIndex", "BitstreamSwitching":
		return name == "sourceURL"
	}
	return false
}

func isTemplate(element, name string) bool {
	if element != "SegmentTemplate" {
		return false
	}
	switch name {
	case "media", "initialization", "index", "bitstreamSwitching":
		return true
	}
	return false
}

// attributes handles the attributes of an element that hold URLs.
func (m *mpd) attributes(p *xmltext.Piece) {
	if !m.splicing {
		return
	}
	element, timing := xmltext.Local(p.Name), false
	for _, a := range p.Attributes {
		timing = timing || a.Name == "schemeIdUri" && strings.HasPrefix(m.w.text[a.Start:a.End], "urn:mpeg:dash:utc:http-")
	}
	for _, a := range p.Attributes {
		c := readAttribute(m.w.text, a)
		switch {
		case isURLAttribute(element, a.Name):
			if isTemplate(element, a.Name) && !c.identifiers(m.safe || m.self.form != InQuery) {
				m.rw.miss("mpd", c.plain)
				continue
			}
			m.url(&c)
		case isXLink(a.Name),
			(element == "ReplacePresentation" || element == "InsertPresentation") && (a.Name == "uri" || a.Name == "url"):
			m.relativeToMPD("", &c)
		case element == "UTCTiming" && a.Name == "value" && timing:
			m.timing(&c)
		}
	}
}

// timing handles the list of URLs of a UTCTiming.
func (m *mpd) timing(c *content) {
	for i := 0; i < len(c.plain); {
		end := len(c.plain)
		if n := strings.IndexAny(c.plain[i:], " \t\r\n"); n >= 0 {
			end = i + n
		}
		m.stand(&m.self)
		edits := m.judge(c.plain[i:end])
		for j := range edits {
			edits[j].at += i
		}
		m.apply(c, edits)
		i = end + 1
	}
}

// relativeToMPD handles a URL that is relative to the MPD itself.
func (m *mpd) relativeToMPD(element string, c *content) {
	if !m.splicing {
		return
	}
	base := m.self
	if m.root != "MPD" {
		var ok bool
		if base, ok = m.patchedFrom(element, c.plain); !ok {
			if !m.rw.Site.Foreign(c.plain) {
				m.rw.miss(m.remote(), c.plain)
			}
			return
		}
	}
	m.stand(&base)
	m.apply(c, m.judge(c.plain))
}

// patchedFrom is where the MPD stands to which a patch says where the next patch is. A
// patch is found there by such a reference, so that it stands in the folder of the MPD
// plus those of the reference.
func (m *mpd) patchedFrom(element, url string) (base place, ok bool) {
	m.stand(&m.self)
	if element != "PatchLocation" || m.root != "Patch" {
		return base, false
	}
	r, ok := m.rw.read(url)
	if !ok || r.root {
		return m.self, ok
	}
	folders := foldersOf(m.rw.dir)
	_, path, ok := climb(nil, r.path)
	own := strings.Split(path, "/")
	own = own[:len(own)-1]
	if !ok || len(own) > len(folders) || !slices.Equal(folders[len(folders)-len(own):], own) {
		return base, false
	}
	base = place{path: "/" + strings.Join(append(folders[:len(folders)-len(own)], "0"), "/"), form: InBase, token: m.self.token}
	if m.self.form == InQuery {
		base.form = InQuery
	}
	return base, true
}

// url handles one URL that is relative to the base URLs that hold here.
func (m *mpd) url(c *content) {
	if !m.apply(c, m.plan(c, m.base(), m.inherited())) {
		m.rw.miss("mpd", c.plain)
	}
}

// plan works out what is to be changed in a URL. In the query form it gets the token only
// if it leads to this site by each of its base URLs, inner ones included. Otherwise it
// inherits the token, and only one of which the one base is known may have left it
// behind.
func (m *mpd) plan(c *content, bases, inner []place) (edits []edit) {
	foreign, own := func(b place) bool { return b.foreign }, func(b place) bool { return !b.foreign }
	if r, ok := m.rw.read(c.plain); !ok || r.root {
		at := slices.IndexFunc(bases, own)
		switch {
		case !ok, c.named && c.firstName() < r.at:
			return nil
		case r.at == r.start && slices.ContainsFunc(slices.Concat(bases, inner), foreign):
			if slices.ContainsFunc(slices.Concat(bases, inner), own) {
				m.rw.miss("base", c.plain)
			}
			return nil
		case at < 0:
			m.stand(&m.self)
		default:
			m.stand(&bases[at])
		}
		return m.judge(c.plain)
	}
	if m.self.form != InQuery {
		return m.planInherited(c, bases, inner)
	}
	if m.disorder {
		m.rw.miss("base", c.plain)
		return nil
	}
	for _, list := range [][]place{bases, inner} {
		for i := range list {
			switch {
			case list[i].unknown:
				m.rw.miss(m.remote(), c.plain)
				return nil
			case list[i].foreign:
				if slices.ContainsFunc(slices.Concat(bases, inner), own) {
					m.rw.miss("base", c.plain)
				}
				return nil
			}
			m.stand(&list[i])
			// What is to be changed does not depend on the base, but whether does.
			if edits = m.judge(c.plain); len(edits) == 0 {
				return nil
			}
		}
	}
	return edits
}

// planInherited is plan for a relative URL that inherits the token, if it does not climb
// out of its base. One that does is changed where that is the same for all bases.
func (m *mpd) planInherited(c *content, bases, inner []place) (edits []edit) {
	known := len(inner) == 0 && (!m.disorder || m.rw.folder)
	for i := range bases {
		if known = known && !bases[i].foreign && !bases[i].unknown; !known {
			break
		}
		m.stand(&bases[i])
		now := m.judge(c.plain)
		if i > 0 && !slices.Equal(now, edits) {
			known = false
			break
		}
		edits = slices.Clone(now)
	}
	if known {
		return edits
	}
	if hasDots(strings.TrimFunc(c.plain, isEdge)) && slices.ContainsFunc(slices.Concat(bases, inner), func(b place) bool { return !b.foreign && !b.unknown }) {
		m.rw.miss("base", c.plain)
	}
	return nil
}

// judge plans what is to be changed in a URL, as long as there are not too many of them.
func (m *mpd) judge(plain string) []edit {
	if !m.spend(plain) {
		m.rw.miss("mpd", plain)
		return nil
	}
	return m.rw.carry(plain)
}

// spend takes what it costs to read a URL from what may be spent on the MPD, so that this
// is in proportion to its size.
func (m *mpd) spend(url string) bool {
	m.rest -= 64 + len(url) + len(m.rw.Path)
	return m.rest >= 0
}

// remote is what a document is that is a part of an MPD, as [Missed] has it.
func (m *mpd) remote() string {
	if m.root == "Patch" {
		return "patch"
	}
	return "xlink"
}

// apply makes the changes. ok is false where that cannot be done.
func (m *mpd) apply(c *content, edits []edit) (ok bool) {
	if c.odd {
		return false
	}
	for _, e := range edits {
		if c.cdata && e.at < len(c.plain) && strings.Contains(e.text, "&") {
			return false
		}
		for _, s := range c.spans { // of all that is written in another way, only references may go
			inside := s.start < e.at+e.cut && s.end > e.at || s.start == s.end && s.start > e.at && s.start < e.at+e.cut
			if inside && m.w.text[c.start+s.textStart] != '&' {
				return false
			}
		}
	}
	for _, e := range edits {
		start, end := toWritten(e.at, c.spans), toWritten(e.at+e.cut, c.spans)
		m.w.apply(c.start, edit{at: start, cut: end - start, text: strings.ReplaceAll(e.text, "&", "&amp;")})
	}
	return true
}

// identifiers puts a digit in the place of each identifier of a template, which is what
// players put there, or the like of it. ok is false for what is no template.
func (c *content) identifiers(safe bool) (ok bool) {
	if !strings.Contains(c.plain, "$") {
		return true
	}
	if len(c.plain) > maxReference { // it is left alone
		return false
	}
	var b strings.Builder
	var spans []span
	known := c.spans
	for i := 0; i < len(c.plain); {
		if len(known) > 0 && known[0].start == i && known[0].end > i {
			s := known[0]
			n := s.end - s.start
			spans = append(spans, span{start: b.Len(), end: b.Len() + n, textStart: s.textStart, textEnd: s.textEnd})
			b.WriteString(c.plain[i:s.end])
			i, known = s.end, known[1:]
			continue
		}
		if c.plain[i] != '$' {
			b.WriteByte(c.plain[i])
			i++
			continue
		}
		n := strings.IndexByte(c.plain[i+1:], '$')
		if n < 0 {
			return false
		}
		end := i + n + 2
		replaced, ok := identifier(c.plain[i+1:end-1], safe)
		if !ok || strings.Contains(b.String()[max(b.Len()-2, 0):], "%") { // it would be a part of an escape
			return false
		}
		spans = append(spans, span{
			start: b.Len(), end: b.Len() + len(replaced),
			textStart: toWritten(i, c.spans), textEnd: toWritten(end-1, c.spans) + 1,
		})
		b.WriteString(replaced)
		for len(known) > 0 && known[0].start < end {
			known = known[1:]
		}
		i = end
	}
	c.plain, c.spans, c.named = b.String(), spans, true
	return true
}

// firstName is where the first identifier stands.
func (c *content) firstName() int {
	for _, s := range c.spans {
		if s.textEnd-s.textStart > 1 {
			return s.start
		}
	}
	return len(c.plain)
}

// identifier is what stands for an identifier of a template while it is decided where the
// URL leads.
func identifier(name string, safe bool) (string, bool) {
	name, format, formatted := strings.Cut(name, "%")
	if formatted && strings.Trim(format, "0123456789dxXou") != "" {
		return "", false
	}
	switch name {
	case "":
		return "$", !formatted // an escaped dollar sign
	case "Number", "Time", "Bandwidth", "SubNumber":
		return "0", true
	case "RepresentationID":
		return "0", safe
	}
	return "", false
}
