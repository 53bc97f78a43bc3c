package manifest

import (
	"strings"

	"github.com/playgate/playgate/module/internal/xmltext"
)

// DASH appends the MPD src (ISO/IEC 23009-1) to dst with the token in its
// URLs. What is no MPD, is not well-formed, or has a DOCTYPE is appended
// unchanged: entities are never expanded. The only error is ErrLeak; dst is
// then returned as it came.
//
// The URLs are SegmentTemplate's and SegmentURL's, those of Initialization,
// RepresentationIndex and BitstreamSwitching, BaseURL, Location, PatchLocation,
// ContentSteering and xlink:href. A relative one gets the token only if it
// leads to this site by each of the base URLs that apply to it. Identifiers of
// templates, as $Number%05d$, stay as they are.
func (rw *Rewriter) DASH(dst, src []byte) ([]byte, error) {
	rw.prepare()
	text := string(src)
	m := &mpd{rw: rw, safe: true}
	w := writer{text: text, dst: dst}
	// The base changes as the document goes on; afterwards the manifest's own
	// address holds again.
	path, dir, query := rw.Path, rw.dir, rw.Query
	ok := m.walk(&w)
	leaks := m.leaks && (!rw.InPath || rw.InQuery)
	if ok && !leaks {
		m.splicing = true
		m.walk(&w)
	}
	rw.Path, rw.dir, rw.Query = path, dir, query
	if ok && leaks {
		return dst, ErrLeak
	}
	return append(w.dst, text[w.copied:]...), nil
}

// mpd is an MPD on its way through the rewriter. It is walked twice: the first
// time finds out whether it is a plain MPD and what must be known before the
// first change, the second time splices.
type mpd struct {
	rw *Rewriter
	x  xmltext.Reader

	splicing bool
	safe     bool // no Representation has an id that could change where a URL leads
	leaks    bool // the player is told to copy the MPD's query to other URLs
	disorder bool // a base URL stands behind a URL that it may be for

	// inner are the places that base URLs inside of an element lead to, by the
	// element's number. What stands in a Period or AdaptationSet is inherited by
	// each Representation, and is then relative to any of them.
	inner  map[int][]place
	number int
	levels []level
}

// level is an open element.
type level struct {
	name   string
	number int
	bases  []place // that hold around it
	own    []place // of its own BaseURL elements, resolved
	media  bool    // something has begun that a BaseURL is for
}

// walk goes through the document once. ok is false when it is no plain MPD.
func (m *mpd) walk(w *writer) (ok bool) {
	m.x, m.number = *xmltext.NewReader(w.text), 0
	m.levels = append(m.levels[:0], level{bases: []place{{path: m.rw.Path, dir: m.rw.dir, query: m.rw.Query, foreign: m.rw.dir == ""}}})
	for {
		p, ok := m.x.Next()
		if !ok {
			return false
		}
		name := xmltext.Local(p.Name)
		switch p.Kind {
		case xmltext.End:
			return true
		case xmltext.Open, xmltext.Empty:
			if len(m.levels) == 1 && name != "MPD" {
				return false
			}
			m.look(w.text, name, p.Attributes)
			m.attributes(w, p)
			if p.Kind == xmltext.Empty {
				break
			}
			if isURLElement(name) {
				if !m.text(w, name) {
					return false
				}
				break
			}
			m.number++
			m.levels = append(m.levels, level{name: name, number: m.number, bases: m.base()})
		case xmltext.Close:
			m.levels = m.levels[:len(m.levels)-1]
		}
	}
}

// look takes note of what must be known of an element.
func (m *mpd) look(text, name string, attributes []xmltext.Attribute) {
	top := &m.levels[len(m.levels)-1]
	switch name {
	case "Representation", "SubRepresentation":
		for _, a := range attributes {
			// What consists of dots only could become a dot segment.
			if id := text[a.Start:a.End]; a.Name == "id" && (!consistsOf(id, nameByte) || strings.Trim(id, ".") == "") {
				m.safe = false
			}
		}
		top.media = true
	case "Period", "AdaptationSet", "SegmentBase", "SegmentList", "SegmentTemplate", "EventStream":
		top.media = true
	case "BaseURL":
		m.disorder = m.disorder || top.media
	case "UrlQueryInfo", "ExtUrlQueryInfo", "RequestParam":
		m.leaks = m.leaks || copiesQuery(text, attributes)
	}
	for _, a := range attributes {
		if url, _ := isURLAttribute(name, a.Name); url {
			for i := range m.levels {
				m.levels[i].media = true
			}
		}
	}
}

// copiesQuery tells whether an element of Annex I makes the player copy the
// MPD's query, and the token in it, to URLs of other sites too.
func copiesQuery(text string, attributes []xmltext.Attribute) bool {
	copies, sameOrigin := false, false
	for _, a := range attributes {
		switch value := strings.TrimSpace(text[a.Start:a.End]); xmltext.Local(a.Name) {
		case "useMPDUrlQuery":
			copies = copies || value != "false" && value != "0"
		case "queryTemplate":
			copies = copies || strings.Contains(value, "$query")
		case "sameOriginOnly":
			sameOrigin = value == "true" || value == "1"
		}
	}
	return copies && !sameOrigin
}
