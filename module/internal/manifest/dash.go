package manifest

import (
	"slices"
	"sort"
	"strings"
)

// IsXML tells whether head, the first bytes of a body, may begin an XML
// document in UTF-8. Whether it is an MPD shows only behind prolog and
// comments.
func IsXML(head []byte) bool {
	text := strings.TrimLeft(strings.TrimPrefix(string(head), string(byteOrderMark)), " \t\r\n")
	return strings.HasPrefix(text, "<")
}

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
	x  xmlReader

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

// place is where a base URL leads.
type place struct {
	foreign   bool // to another site, or unknown
	path, dir string
	query     string
}

// maxBases bounds the alternatives of base URLs, and maxInner those that differ
// inside of an element; beyond, nothing gets the token that is relative to them.
const (
	maxBases = 8
	maxInner = 64
)

// walk goes through the document once. ok is false when it is no plain MPD.
func (m *mpd) walk(w *writer) (ok bool) {
	m.x, m.number = xmlReader{text: w.text}, 0
	m.levels = append(m.levels[:0], level{bases: []place{{path: m.rw.Path, dir: m.rw.dir, query: m.rw.Query, foreign: m.rw.dir == ""}}})
	for {
		p, ok := m.x.next()
		if !ok {
			return false
		}
		name := local(p.name)
		switch p.kind {
		case xmlEnd:
			return true
		case xmlOpen, xmlEmpty:
			if len(m.levels) == 1 && name != "MPD" {
				return false
			}
			m.look(w.text, name, p.attributes)
			m.attributes(w, p)
			if p.kind == xmlEmpty {
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
		case xmlClose:
			m.levels = m.levels[:len(m.levels)-1]
		}
	}
}

// look takes note of what must be known of an element.
func (m *mpd) look(text, name string, attributes []xmlAttribute) {
	top := &m.levels[len(m.levels)-1]
	switch name {
	case "Representation", "SubRepresentation":
		for _, a := range attributes {
			// What consists of dots only could become a dot segment.
			if id := text[a.start:a.end]; a.name == "id" && (!consistsOf(id, nameByte) || strings.Trim(id, ".") == "") {
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
		if url, _ := isURLAttribute(name, a.name); url {
			for i := range m.levels {
				m.levels[i].media = true
			}
		}
	}
}

// copiesQuery tells whether an element of Annex I makes the player copy the
// MPD's query, and the token in it, to URLs of other sites too.
func copiesQuery(text string, attributes []xmlAttribute) bool {
	copies, sameOrigin := false, false
	for _, a := range attributes {
		switch value := strings.TrimSpace(text[a.start:a.end]); local(a.name) {
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

// base are the base URLs that hold for the next element: those of the open
// element's own BaseURL elements, or else those around it.
func (m *mpd) base() []place {
	top := &m.levels[len(m.levels)-1]
	if top.own != nil {
		return top.own
	}
	return top.bases
}

func isURLElement(name string) bool {
	switch name {
	case "BaseURL", "Location", "PatchLocation", "ContentSteering":
		return true
	}
	return false
}

// isURLAttribute tells whether an attribute of an element holds a URL, and
// whether that is a template.
func isURLAttribute(element, name string) (url, template bool) {
	switch element {
	case "SegmentTemplate":
		switch name {
		case "media", "initialization", "index", "bitstreamSwitching":
			return true, true
		}
	case "SegmentURL":
		switch name {
		case "media", "index":
			return true, false
		}
	case "Initialization", "RepresentationIndex", "BitstreamSwitching":
		return name == "sourceURL", false
	}
	return name == "xlink:href", false
}

func (m *mpd) attributes(w *writer, p xmlPiece) {
	if !m.splicing {
		return
	}
	element := local(p.name)
	for _, a := range p.attributes {
		url, template := isURLAttribute(element, a.name)
		if !url {
			continue
		}
		bases := m.base()
		if inner := m.inherited(); inner != nil {
			bases = slices.Concat(bases, inner)
		}
		m.url(w, a.start, w.text[a.start:a.end], template, bases, !m.disorder, false)
	}
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

// text handles an element that holds a URL, up to its end. One that holds
// anything but a plain text is left alone. ok is false when the document turns
// out to be no plain MPD.
func (m *mpd) text(w *writer, element string) (ok bool) {
	depth, plain := 1, true
	start, end := 0, 0
	for depth > 0 {
		p, ok := m.x.next()
		if !ok {
			return false
		}
		switch p.kind {
		case xmlOpen:
			depth++
			plain = false
		case xmlClose:
			depth--
		case xmlText:
			plain = plain && end == 0
			start, end = p.start, p.end
		default:
			plain = false
		}
	}
	url := ""
	if plain {
		for start < end && strings.IndexByte(" \t\r\n", w.text[start]) >= 0 {
			start++
		}
		url = strings.TrimRight(w.text[start:end], " \t\r\n")
	}
	top := &m.levels[len(m.levels)-1]
	around, known := top.bases, !m.disorder
	if element != "BaseURL" {
		around, known = m.levels[0].bases, true // relative to the MPD itself
	}
	if m.splicing && url != "" {
		m.url(w, start, url, false, around, known, element == "BaseURL")
	}
	if element != "BaseURL" {
		return true
	}
	places := around // an empty one leads to what is around it
	if url != "" || !plain {
		places = m.resolveAll(url, around)
	}
	top.own = append(top.own, places...)
	if len(top.own) > maxBases {
		top.own = []place{{foreign: true}}
	}
	if !m.splicing {
		m.addInner(places)
	}
	return true
}

// addInner takes note of the places that a base URL of the open element leads
// to, for the elements around that.
func (m *mpd) addInner(places []place) {
	for i := 1; i < len(m.levels)-1; i++ {
		number := m.levels[i].number
		for _, b := range places {
			switch inner := m.inner[number]; {
			case slices.Contains(inner, b):
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

// resolveAll are the places that a base URL leads to.
func (m *mpd) resolveAll(url string, around []place) []place {
	plain, _, ok := m.decode(url, false)
	if !ok || url == "" {
		return []place{{foreign: true}}
	}
	var list []place
	for _, b := range around {
		list = append(list, m.resolve(plain, b))
	}
	return list
}

func (m *mpd) resolve(url string, b place) place {
	r, ok := parseReference(url)
	switch {
	case !ok, r.authority && !m.rw.ownOrigin(&r), !r.authority && b.foreign:
		return place{foreign: true}
	}
	m.stand(b)
	path, ok := m.rw.resolve(&r)
	if !ok {
		return place{foreign: true}
	}
	query, _ := m.rw.withoutTokens(r.query)
	return place{path: path, dir: path[:strings.LastIndexByte(path, '/')+1], query: query}
}

// stand makes a place the one that relative references start from.
func (m *mpd) stand(b place) { m.rw.Path, m.rw.dir, m.rw.Query = b.path, b.dir, b.query }

// url puts the token into one URL, if it leads to this site by each of its
// base URLs. relative says whether all of those are known, and base whether it
// is itself a base URL.
func (m *mpd) url(w *writer, at int, written string, template bool, bases []place, relative, base bool) {
	plain, spans, ok := m.decode(written, template)
	if !ok {
		return
	}
	r, ok := parseReference(plain)
	if !ok || !r.authority && !relative {
		return
	}
	for _, s := range spans {
		// An identifier may be any number: part of a port, or of an escape.
		if identifier := written[s.textStart] == '$'; identifier && (s.start < r.authorityEnd || strings.Contains(plain[max(s.start-2, 0):s.start], "%")) {
			return
		}
	}
	judged := plain
	if base && m.rw.InPath && strings.HasSuffix(plain, "/") {
		// In path form others inherit from a folder what it has, so that it is
		// judged as anything inside of it.
		judged += "0"
	}
	// What is to be changed does not depend on the base, but whether does.
	var edits []edit
	for _, b := range bases {
		if b.foreign && !r.authority {
			return
		}
		m.stand(b)
		if edits = m.rw.plan(judged, judged, nil); len(edits) == 0 {
			return
		}
	}
	for _, e := range edits {
		start, end := toWritten(e.at, spans), toWritten(e.at+e.cut, spans)
		w.apply(at, edit{at: start, cut: end - start, text: strings.ReplaceAll(e.text, "&", "&amp;")})
	}
}

// decode turns the text of a URL into the URL: character references become
// what they stand for, and identifiers of templates a digit. spans tell where
// these stood.
func (m *mpd) decode(written string, template bool) (plain string, spans []span, ok bool) {
	if strings.IndexByte(written, '&') < 0 && (!template || strings.IndexByte(written, '$') < 0) {
		return written, nil, true
	}
	if len(written) > 4*maxText {
		return "", nil, false
	}
	var b strings.Builder
	for i := 0; i < len(written); {
		var replaced string
		var n int
		switch {
		case written[i] == '&':
			r, length := characterReference(written[i:])
			if length == 0 {
				return "", nil, false
			}
			replaced, n = string(r), length
		case template && written[i] == '$':
			end := strings.IndexByte(written[i+1:], '$')
			if end < 0 {
				return "", nil, false
			}
			n = end + 2
			if replaced, ok = m.identifier(written[i+1 : i+1+end]); !ok {
				return "", nil, false
			}
		default:
			b.WriteByte(written[i])
			i++
			continue
		}
		spans = append(spans, span{start: b.Len(), end: b.Len() + len(replaced), textStart: i, textEnd: i + n})
		b.WriteString(replaced)
		i += n
	}
	return b.String(), spans, true
}

// identifier is what stands for an identifier of a template while it is
// decided where the URL leads: a digit, which is what players put there, or
// the like of it.
func (m *mpd) identifier(name string) (string, bool) {
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
		return "0", m.safe
	}
	return "", false
}

// toWritten maps an offset of the decoded text to the written one.
func toWritten(at int, spans []span) int {
	n := sort.Search(len(spans), func(i int) bool { return spans[i].start > at })
	if n == 0 {
		return at
	}
	s := spans[n-1]
	if at < s.end {
		return s.textStart
	}
	return s.textEnd + at - s.end
}
