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

// mostSpans is how many parts of a URL may be written in another way. They are kept, and
// nobody writes so many.
const mostSpans = 1024

// readContent reads the content of the element that has just begun, up to its end.
// CDATA sections, comments and references are read as XML says. ok is false when the
// document is not well-formed.
func readContent(x *xmltext.Reader) (c content, ok bool) {
	var b strings.Builder
	c.start = -1
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
			c.decode(&b, x.Text()[p.Start:p.End], p.Start)
		case xmltext.CDATA:
			const open, end = len("<![CDATA["), len("]]>")
			c.add(&b, "", p.Start, p.Start+open)
			b.WriteString(x.Text()[p.Start+open : p.End-end])
			c.add(&b, "", p.End-end, p.End)
			c.cdata = true
		default:
			c.add(&b, "", p.Start, p.End)
		}
	}
	c.plain = b.String()
	return c, true
}

// readAttribute is what the value of an attribute says.
func readAttribute(text string, a xmltext.Attribute) (c content) {
	c.start = a.Start
	if c.plain = text[a.Start:a.End]; !strings.Contains(c.plain, "&") {
		return c
	}
	var b strings.Builder
	c.decode(&b, c.plain, a.Start)
	c.plain = b.String()
	return c
}

// decode adds a text that stands at an offset of the document, with what its references
// stand for.
func (c *content) decode(b *strings.Builder, written string, at int) {
	for !c.odd {
		i := strings.IndexByte(written, '&')
		if i < 0 {
			break
		}
		r, n := xmltext.Reference(written[i:])
		b.WriteString(written[:i])
		c.add(b, string(r), at+i, at+i+n)
		written, at = written[i+n:], at+i+n
	}
	b.WriteString(written)
}

// add adds a part of the plain text that is written in another way, between two offsets of
// the document.
func (c *content) add(b *strings.Builder, plain string, from, to int) {
	if len(c.spans) == mostSpans {
		c.odd = true
		return
	}
	c.spans = append(c.spans, span{start: b.Len(), end: b.Len() + len(plain), textStart: from - c.start, textEnd: to - c.start})
	b.WriteString(plain)
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
