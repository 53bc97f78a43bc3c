package manifest

import (
	"slices"
	"strings"

	"github.com/playgate/playgate/module/internal/xmltext"
)

// place is where a base URL leads.
type place struct {
	foreign  bool // to another site
	unknown  bool // to this site, but not where
	path     string
	form     Form
	segments []int
	token    string
	file     string // the base is the folder of this one, so that a query alone is not its
}

// maxBases bounds the alternatives of base URLs, and maxInner those that differ
// inside of an element; beyond, nothing is changed that is relative to them.
const (
	maxBases = 8
	maxInner = 64
)

func (p *place) equal(o place) bool {
	return p.foreign == o.foreign && p.unknown == o.unknown && p.path == o.path && p.form == o.form && p.token == o.token && slices.Equal(p.segments, o.segments)
}

// stand makes a place the one that relative references start from.
func (m *mpd) stand(b *place) {
	rw := m.rw
	if b.path != rw.Path || rw.dir == "" {
		rw.stand(b.path)
	}
	if b.unknown {
		rw.dir = ""
	}
	rw.Form, rw.Segments, rw.Token, rw.file = b.form, b.segments, b.token, b.file
	if b.form == InBase && m.self.form == InQuery { // that was decided later
		rw.Form = InQuery
	}
}

// base are the base URLs that hold for the next element: those of the open
// element's own BaseURL elements, or else those around it.
func (m *mpd) base() []place {
	top := &m.levels[len(m.levels)-1]
	if top.own != nil {
		return top.own
	}
	return top.bases
}

// inherited are the base URLs further down that what stands here may be
// relative to.
func (m *mpd) inherited() []place {
	for i := len(m.levels) - 1; i > 0; i-- {
		switch l := &m.levels[i]; l.name {
		case "Representation":
			return nil
		case "MPD", "Period", "AdaptationSet":
			return m.inner[l.number]
		}
	}
	return nil
}

// addInner takes note of the places that a base URL of the open element leads to, for
// the elements around that.
func (m *mpd) addInner(places []place) {
	const nearest = 3 // an AdaptationSet, its Period, the MPD
	for i, found := len(m.levels)-2, 0; i > 0 && found < nearest; i-- {
		if name := m.levels[i].name; name != "MPD" && name != "Period" && name != "AdaptationSet" {
			continue
		}
		found++
		number := m.levels[i].number
		for _, b := range places {
			switch inner := m.inner[number]; {
			case slices.ContainsFunc(inner, b.equal):
			case len(inner) == maxInner:
				inner[0] = place{foreign: true}
			default:
				if m.inner == nil {
					m.inner = make(map[int][]place)
				}
				m.inner[number] = append(inner, b)
			}
		}
	}
}

// text handles an element that holds a URL, up to its end. ok is false when the document
// turns out to be no plain MPD.
func (m *mpd) text(name string, p *xmltext.Piece) (ok bool) {
	c, empty := content{}, p.Kind == xmltext.Empty
	if !empty {
		if c, ok = readContent(m.x); !ok {
			return false
		}
	}
	if name != "BaseURL" {
		if !empty {
			m.relativeToMPD(name, &c)
		}
		return true
	}
	top := &m.levels[len(m.levels)-1]
	url, places := m.baseURL(&c, p, top), make([]place, 0, len(top.bases))
	for i := range top.bases {
		if c.odd {
			places = append(places, place{foreign: true})
		} else {
			m.stand(&top.bases[i])
			places = append(places, m.leads(url, &top.bases[i]))
		}
	}
	top.own, top.empty = append(top.own, places...), top.empty || url == ""
	if len(top.own) > maxBases {
		top.own = []place{{foreign: true}}
	}
	if !m.splicing {
		m.addInner(places)
	}
	return true
}

// baseURL handles a base URL, and is what it says then.
func (m *mpd) baseURL(c *content, p *xmltext.Piece, in *level) string {
	url := strings.TrimFunc(c.plain, isEdge)
	if !m.splicing || c.odd {
		return url
	}
	if url == "" {
		if in.name != "MPD" || m.filling == "" {
			return ""
		}
		if p.Kind == xmltext.Empty {
			m.w.apply(p.Start, edit{at: strings.LastIndexByte(m.w.text[p.Start:p.End], '/'), cut: len("/>"), text: ">" + m.filling + "</" + p.Name + ">"})
		} else {
			m.w.apply(c.start, edit{text: m.filling})
		}
		return m.filling
	}
	bases := in.bases
	if m.root == "Patch" && (in.sel == "/MPD" || strings.HasPrefix(in.sel, "/MPD/BaseURL")) && !hasDots(url) {
		bases = []place{{path: m.self.path, form: InBase, token: m.self.token}} // wherever that is
	}
	if m.self.form == InQuery && strings.HasSuffix(url, "/") {
		return url // nobody inherits a query from a folder, and some players lose the folder
	}
	m.rw.folder = m.self.form != InQuery
	edits := m.plan(c, bases, nil)
	m.rw.folder = false
	if !m.apply(c, edits) {
		return url
	}
	return strings.TrimFunc(applied(c.plain, edits), isEdge)
}

// applied is a text with its edits.
func applied(text string, edits []edit) string {
	if len(edits) == 0 {
		return text
	}
	w := writer{text: text}
	for _, e := range edits {
		w.apply(0, e)
	}
	return string(append(w.dst, text[w.copied:]...))
}

// leads is the place that a base URL leads to from another.
func (m *mpd) leads(url string, around *place) place {
	rw := m.rw
	r, ok := rw.read(url)
	if !ok { // an origin may stand alone
		if r, ok = rw.read(url + "/"); r.path != "/" {
			ok = false
		}
	}
	switch {
	case url == "":
		return *around
	case !ok, around.foreign && (!r.root || r.at == r.start):
		m.mixed = m.mixed || rw.Site.Foreign(url)
		return place{foreign: true}
	case !m.spend(url):
		return place{foreign: true}
	}
	path := r.path
	if !r.root {
		if around.unknown {
			return *around
		}
		if rw.dir == "" {
			return place{foreign: true}
		}
		path = "/" + strings.Join(append(rw.addressFolders(), path), "/")
	}
	least, path, ok := climb(nil, path[1:])
	if !ok || least > 0 {
		return place{foreign: true}
	}
	return m.placeOf(strings.Split(path, "/"))
}

// placeOf is the place of an address.
func (m *mpd) placeOf(segments []string) place {
	b := place{form: m.self.form, token: m.self.token}
	if b.form == Inherited { // it has left the token behind
		b.form = InBase
	}
	bare := segments[:0:0]
	for i, s := range segments {
		if i < len(segments)-1 && m.rw.isSegment(s) {
			b.form, b.token = Inherited, s[1:]
			b.segments = append(b.segments, len(bare))
			continue
		}
		bare = append(bare, s)
	}
	b.path = "/" + strings.Join(bare, "/")
	return b
}
