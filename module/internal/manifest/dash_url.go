package manifest

import (
	"slices"
	"sort"
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

func (m *mpd) attributes(w *writer, p xmltext.Piece) {
	if !m.splicing {
		return
	}
	element := xmltext.Local(p.Name)
	for _, a := range p.Attributes {
		url, template := isURLAttribute(element, a.Name)
		if !url {
			continue
		}
		bases := m.base()
		if inner := m.inherited(); inner != nil {
			bases = slices.Concat(bases, inner)
		}
		m.url(w, a.Start, w.text[a.Start:a.End], template, bases, !m.disorder, false)
	}
}

// text handles an element that holds a URL, up to its end. One that holds
// anything but a plain text is left alone. ok is false when the document turns
// out to be no plain MPD.
func (m *mpd) text(w *writer, element string) (ok bool) {
	depth, plain := 1, true
	start, end := 0, 0
	for depth > 0 {
		p, ok := m.x.Next()
		if !ok {
			return false
		}
		switch p.Kind {
		case xmltext.Open:
			depth++
			plain = false
		case xmltext.Close:
			depth--
		case xmltext.Text:
			plain = plain && end == 0
			start, end = p.Start, p.End
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
			r, length := xmltext.Reference(written[i:])
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
