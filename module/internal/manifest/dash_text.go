package manifest

import (
	"sort"
	"strings"

	"github.com/playgate/playgate/module/internal/xmltext"
)

// content is what an element or attribute says, and where that is written.
type content struct {
	plain string
	spans []span // of plain that are written in another way
	start int    // where it begins in the document; offsets of what is written are from there
	odd   bool   // it cannot be changed
	cdata bool   // some of it stands in CDATA sections, where an ampersand is one
	named bool   // identifiers of a template stand in it
}

// readContent reads the content of the element that has just begun, up to its end.
// CDATA sections, comments and references are read as XML says. ok is false when the
// document is not well-formed.
func readContent(x *xmltext.Reader) (c content, ok bool) {
	var b strings.Builder
	c.start = -1
	add := func(from, to int, plain string) {
		c.spans = append(c.spans, span{start: b.Len(), end: b.Len() + len(plain), textStart: from - c.start, textEnd: to - c.start})
		b.WriteString(plain)
	}
	for depth := 1; depth > 0; {
		p, ok := x.Next()
		if !ok {
			return c, false
		}
		if c.start < 0 {
			c.start = p.Start
		}
		switch p.Kind {
		case xmltext.Open:
			c.odd = true
			depth++
		case xmltext.Empty:
			c.odd = true
		case xmltext.Close:
			depth--
		case xmltext.Text:
			b.WriteString(decode(x.Text()[p.Start:p.End], p.Start-c.start, b.Len(), &c.spans))
		case xmltext.CDATA:
			const open, end = len("<![CDATA["), len("]]>")
			add(p.Start, p.Start+open, "")
			b.WriteString(x.Text()[p.Start+open : p.End-end])
			add(p.End-end, p.End, "")
			c.cdata = true
		default:
			add(p.Start, p.End, "")
		}
	}
	c.plain = b.String()
	return c, true
}

// readAttribute is what the value of an attribute says.
func readAttribute(text string, a xmltext.Attribute) (c content) {
	c.start = a.Start
	c.plain = decode(text[a.Start:a.End], 0, 0, &c.spans)
	return c
}

// decode is a text with what its references stand for. It is written at an offset of the
// content, and has a place in its plain text.
func decode(written string, at, place int, spans *[]span) string {
	if !strings.Contains(written, "&") || len(written) > 8*maxReference { // no URL is that long
		return written
	}
	var b strings.Builder
	for i := 0; i < len(written); {
		if written[i] == '&' {
			if r, n := xmltext.Reference(written[i:]); n > 0 {
				from := place + b.Len()
				b.WriteRune(r)
				*spans = append(*spans, span{start: from, end: place + b.Len(), textStart: at + i, textEnd: at + i + n})
				i += n
				continue
			}
		}
		b.WriteByte(written[i])
		i++
	}
	return b.String()
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
