package manifest

import (
	"slices"
	"strings"

	"github.com/playgate/playgate/module/internal/xmltext"
)

// DASH appends the MPD src (ISO/IEC 23009-1), or what a patch or a remote element of one
// says, to dst with the token in it. What is none of these, is not well-formed, or has a
// DOCTYPE is appended unchanged: entities are never expanded.
//
// In the form InBase the base URL of the MPD carries the token: its own, those of the
// parts where it has none, or one that is inserted. What is relative to it inherits the
// token. Location, PatchLocation, ContentSteering, xlink:href, UTCTiming and alternative
// presentations are relative to the MPD itself and carry it each by itself. In the query
// form each URL does, and a relative one only if it leads to this site by each of the
// base URLs that apply to it. Identifiers of templates, as $Number%05d$, stay as they are.
func (rw *Rewriter) DASH(dst, src []byte) []byte {
	rw.prepare()
	if rw.mute {
		return append(dst, src...)
	}
	m := newMPD(rw, writer{text: textOf(src), dst: slices.Grow(dst, len(src)+len(src)/8)})
	rw.kind = "mpd"
	if m.walk() {
		m.decide()
		m.splicing = true
		m.walk()
	} else if m.root != "" || unread(m.w.text) {
		rw.miss("mpd", "")
		rw.Missed.Unread = true
	}
	m.stand(&m.self)
	rw.Form = m.self.form // as it was settled
	return append(m.w.dst, m.w.text[m.w.copied:]...)
}

// unread tells whether a document that is not read may be an MPD: one with a DOCTYPE, or
// in UTF-16.
func unread(text string) bool {
	text = strings.ReplaceAll(text[:min(len(text), 4<<10)], "\x00", "")
	return strings.Contains(text, "<MPD") || strings.Contains(text, ":MPD")
}

// mpd is an MPD on its way through the rewriter. It is walked twice: the first time
// finds out whether it is a plain MPD and what must be known before the first change,
// the second time splices.
type mpd struct {
	rw carrier
	x  *xmltext.Reader
	w  writer

	self place // of the MPD
	root string

	splicing bool
	safe     bool // no Representation has an id that could change where a URL leads
	disorder bool // a base URL stands behind a URL that it may be for
	steered  bool // it names a steering server
	patched  bool // patches may come
	rest     int  // how many more bytes of URLs and their bases are read
	mixed    bool // some base URLs lead to another site

	insertion

	// inner are the places that base URLs inside of an element lead to, by the
	// element's number. What stands in a Period or AdaptationSet is inherited by
	// each Representation, and is then relative to any of them.
	inner  map[int][]place
	number int
	levels []level
}

// insertion is the base URL that is inserted into an MPD.
type insertion struct {
	filling string // what it says; "" where the folder of the MPD is not in play
	at      int    // where it goes
	prefix  string // of the MPD's namespace
	based   bool   // the MPD has one of its own
	bare    bool   // some Representation has none on its way down, or may come from elsewhere
	due     bool
}

// level is an open element.
type level struct {
	name   string
	number int
	bases  []place // that hold around it
	own    []place // of its own BaseURL elements, resolved
	empty  bool    // one of these says nothing
	sel    string  // of an element of a patch: where it goes
	media  bool    // something has begun that a BaseURL is for
	filled bool    // of an MPD, a Period or an AdaptationSet: it has a part
}

func newMPD(rw *Rewriter, w writer) *mpd {
	m := &mpd{rw: carrier{rw}, w: w, safe: true, rest: 1<<20 + 16*len(w.text)}
	m.self = place{path: rw.Path, form: rw.Form, segments: rw.Segments, token: rw.Token}
	return m
}

// decide settles, after the first walk, in which form the token is carried, and whether
// a base URL is to be inserted.
func (m *mpd) decide() {
	if m.steered && !m.mixed && m.self.form == InBase && m.rw.Name != "" {
		m.self.form = InQuery // clones carry a path to another host, where a query can be emptied
	}
	m.stand(&m.self)
	if m.self.form == InBase && m.root == "MPD" {
		m.filling = m.rw.folderWithToken()
	}
	m.due = m.filling != "" && !m.based && (m.bare || m.patched)
}

// walk goes through the document once. ok is false when it is no plain MPD.
func (m *mpd) walk() (ok bool) {
	m.x, m.number, m.root = xmltext.NewReader(m.w.text), 0, ""
	around := m.self
	if m.due { // what is relative to the MPD inherits the token, and a query alone is its
		m.stand(&m.self)
		around = m.leads(m.filling, &m.self)
		around.file = m.self.path[strings.LastIndexByte(m.self.path, '/')+1:]
	}
	m.levels = append(m.levels[:0], level{bases: []place{around}})
	for {
		p, ok := m.x.Next()
		if !ok {
			return false
		}
		name := xmltext.Local(p.Name)
		if m.due && m.splicing && p.Start >= m.at {
			m.insert()
		}
		switch p.Kind {
		case xmltext.End:
			return true
		case xmltext.Open, xmltext.Empty:
			if !m.open(&p, name) {
				return false
			}
		case xmltext.Close:
			m.close(&p, name)
		}
	}
}

// open is for the start of an element.
func (m *mpd) open(p *xmltext.Piece, name string) (ok bool) {
	if len(m.levels) == 1 && !m.begin(p, name) {
		return false
	}
	m.look(name, p)
	m.attributes(p)
	if isURLElement(name) {
		return m.text(name, p)
	}
	if p.Kind == xmltext.Open {
		m.number++
		m.levels = append(m.levels, level{name: name, number: m.number, bases: m.base()})
		if m.root == "Patch" {
			m.levels[len(m.levels)-1].sel = attributeOf(m.w.text, p, "sel")
		}
	} else if name == "Period" {
		m.bare = true
	}
	return true
}

// begin is for the root element.
func (m *mpd) begin(p *xmltext.Piece, name string) (ok bool) {
	switch {
	case name == "MPD":
		if !m.splicing {
			m.at, m.prefix = p.End, strings.TrimSuffix(p.Name, name)
		}
	case isRoot(name):
		m.levels[0].bases = []place{{unknown: true, form: m.self.form, segments: m.self.segments, token: m.self.token, path: m.self.path}}
	default:
		return false
	}
	m.root = name
	return true
}

// isRoot tells whether a document with this root is an MPD, a patch or a remote element.
func isRoot(name string) bool {
	switch name {
	case "MPD", "Patch", "Period", "AdaptationSet", "EventStream", "SegmentList":
		return true
	}
	return false
}

// close is for the end of an element.
func (m *mpd) close(p *xmltext.Piece, name string) {
	top := &m.levels[len(m.levels)-1]
	switch {
	case (name == "MPD" || name == "Period" || name == "AdaptationSet") && !top.filled:
		m.bare = true // there is nothing in it yet
	case name == "Representation" && !m.hasBase():
		m.bare = true
	case name == "ProgramInformation" && len(m.levels) == 3 && !m.splicing:
		m.at = p.End
	}
	m.levels = m.levels[:len(m.levels)-1]
}

// hasBase tells whether the open element, or one around it, has base URLs, and none of
// these is empty.
func (m *mpd) hasBase() bool {
	return slices.ContainsFunc(m.levels, func(l level) bool { return l.own != nil }) &&
		!slices.ContainsFunc(m.levels, func(l level) bool { return l.empty })
}

// look takes note of what must be known of an element.
func (m *mpd) look(name string, p *xmltext.Piece) {
	top := &m.levels[len(m.levels)-1]
	switch name {
	case "Representation", "SubRepresentation":
		for _, a := range p.Attributes {
			if a.Name == "id" && !safeID(xmltext.Unescape(m.w.text[a.Start:a.End])) {
				m.safe = false
			}
		}
		top.media, top.filled = true, true
		if p.Kind == xmltext.Empty && !m.hasBase() {
			m.bare = true
		}
	case "Period", "AdaptationSet", "SegmentBase", "SegmentList", "SegmentTemplate", "EventStream":
		top.media = true
		top.filled = top.filled || name == "AdaptationSet" || name == "Period"
	case "BaseURL":
		m.disorder = m.disorder || top.media
		m.based = m.based || top.name == "MPD"
	case "PatchLocation":
		m.patched = true
	case "ContentSteering":
		m.steered = true
	case "ProgramInformation":
		if p.Kind == xmltext.Empty && top.name == "MPD" && !m.splicing {
			m.at = p.End
		}
	}
	for _, a := range p.Attributes {
		if isXLink(a.Name) {
			m.bare = true
		}
		if isURLAttribute(name, a.Name) {
			for i := range m.levels {
				m.levels[i].media = true
			}
		}
	}
}

// safeID tells whether the id of a Representation in the place of $RepresentationID$
// leaves a URL what it is: it becomes no dot segment, ends no path and begins no other URL.
func safeID(id string) bool {
	return !strings.ContainsAny(id, "?#\\:%\t\r\n") && !strings.HasPrefix(id, "/") && !hasDots(id) && strings.Trim(id, ". ") != "" && id[0] != ' '
}

// insert writes the inserted base URL.
func (m *mpd) insert() {
	m.w.apply(m.at, edit{text: "<" + m.prefix + "BaseURL>" + m.filling + "</" + m.prefix + "BaseURL>"})
	m.due = false
}

func attributeOf(text string, p *xmltext.Piece, name string) string {
	for _, a := range p.Attributes {
		if a.Name == name {
			return xmltext.Unescape(text[a.Start:a.End])
		}
	}
	return ""
}
