package manifest

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// The XML reader here gives offsets and nothing else: splicing needs to know
// where a value stands, and no reader of the standard library tells. It takes
// well-formed documents without a DOCTYPE; on anything odd it gives up, and
// the manifest goes out as it came.

// xmlKind is the kind of a piece of an XML document.
type xmlKind uint8

const (
	xmlEnd   xmlKind = iota // of the document
	xmlOpen                 // <name ...>
	xmlEmpty                // <name .../>
	xmlClose                // </name>
	xmlText                 // character data
	xmlOther                // comment, CDATA section or processing instruction
)

// xmlPiece is one piece. The offsets are those in the document.
type xmlPiece struct {
	kind       xmlKind
	name       string // qualified
	start, end int
	attributes []xmlAttribute
}

// xmlAttribute is one attribute; start and end are those of its value,
// without quotes.
type xmlAttribute struct {
	name       string
	start, end int
}

// local is a name without its prefix.
func local(name string) string {
	return name[strings.IndexByte(name, ':')+1:]
}

// maxAttributes bounds the attributes of an element, which are compared with
// one another, and maxDepth the elements inside one another.
const (
	maxAttributes = 256
	maxDepth      = 64
)

// xmlReader reads a document piece by piece.
type xmlReader struct {
	text       string
	at         int
	open       []string // elements that are open
	seen       bool     // the root element has begun
	attributes []xmlAttribute
}

// next returns the next piece, which is valid until the call after it. ok is
// false when the document is not well-formed, or not plain.
func (x *xmlReader) next() (p xmlPiece, ok bool) {
	if x.at == len(x.text) {
		return xmlPiece{kind: xmlEnd}, x.seen && len(x.open) == 0
	}
	p.start = x.at
	rest := x.text[x.at:]
	switch {
	case rest[0] != '<':
		p.kind = xmlText
		p.end = len(x.text)
		if n := strings.IndexByte(rest, '<'); n >= 0 {
			p.end = x.at + n
		}
		content := x.text[p.start:p.end]
		ok = plainXML(content) && (len(x.open) > 0 || strings.Trim(content, " \t\r\n\ufeff") == "")
	case strings.HasPrefix(rest, "<!--"):
		p, ok = x.other(4, "-->")
	case strings.HasPrefix(rest, "<![CDATA["):
		p, ok = x.other(9, "]]>")
		ok = ok && len(x.open) > 0
	case strings.HasPrefix(rest, "<?"):
		p, ok = x.other(2, "?>")
		ok = ok && knownEncoding(x.text[p.start:p.end])
	case strings.HasPrefix(rest, "</"):
		p, ok = x.closing()
	case strings.HasPrefix(rest, "<!"):
		return p, false // DOCTYPE: entities could stand for anything
	default:
		p, ok = x.opening()
	}
	x.at = p.end
	return p, ok
}

// other reads a piece that ends with a certain text.
func (x *xmlReader) other(skip int, end string) (xmlPiece, bool) {
	n := strings.Index(x.text[x.at+skip:], end)
	return xmlPiece{kind: xmlOther, start: x.at, end: x.at + skip + n + len(end)}, n >= 0
}

// knownEncoding tells whether an XML declaration names an encoding in which
// the bytes mean what they seem to.
func knownEncoding(instruction string) bool {
	rest, ok := strings.CutPrefix(instruction, "<?xml")
	if !ok || strings.IndexByte(" \t\r\n", rest[0]) < 0 {
		return true // another instruction; it ends with ?> at least
	}
	_, after, found := strings.Cut(instruction, "encoding")
	if !found {
		return true
	}
	name := strings.TrimLeft(after, " \t\r\n=\"'")
	if i := strings.IndexAny(name, "\"'"); i >= 0 {
		name = name[:i]
	}
	return equalFold(name, "utf-8") || equalFold(name, "us-ascii")
}

func (x *xmlReader) closing() (p xmlPiece, ok bool) {
	n := strings.IndexByte(x.text[x.at:], '>')
	if n < 0 || len(x.open) == 0 {
		return p, false
	}
	p = xmlPiece{kind: xmlClose, start: x.at, end: x.at + n + 1}
	p.name = strings.TrimRight(x.text[x.at+2:x.at+n], " \t\r\n")
	top := len(x.open) - 1
	ok = x.open[top] == p.name
	x.open = x.open[:top]
	return p, ok
}

func (x *xmlReader) opening() (p xmlPiece, ok bool) {
	p = xmlPiece{kind: xmlOpen, start: x.at}
	i := x.at + 1
	p.name, i = x.word(i)
	if p.name == "" || len(x.open) == 0 && x.seen || len(x.open) > maxDepth {
		return p, false
	}
	x.attributes = x.attributes[:0]
	for {
		blank := x.blanks(i)
		switch {
		case blank == len(x.text):
			return p, false
		case x.text[blank] == '>':
			p.end, p.attributes = blank+1, x.attributes
			x.open, x.seen = append(x.open, p.name), true
			return p, true
		case strings.HasPrefix(x.text[blank:], "/>"):
			p.kind, p.end, p.attributes = xmlEmpty, blank+2, x.attributes
			x.seen = true
			return p, true
		case blank == i:
			return p, false // no blank before an attribute
		}
		var a xmlAttribute
		if a, i, ok = x.attribute(blank); !ok {
			return p, false
		}
		if len(x.attributes) == maxAttributes {
			return p, false
		}
		for _, other := range x.attributes {
			if other.name == a.name {
				return p, false
			}
		}
		x.attributes = append(x.attributes, a)
	}
}

func (x *xmlReader) attribute(i int) (a xmlAttribute, next int, ok bool) {
	a.name, i = x.word(i)
	i = x.blanks(i)
	if a.name == "" || i == len(x.text) || x.text[i] != '=' {
		return a, i, false
	}
	i = x.blanks(i + 1)
	if i == len(x.text) || x.text[i] != '"' && x.text[i] != '\'' {
		return a, i, false
	}
	n := strings.IndexByte(x.text[i+1:], x.text[i])
	if n < 0 {
		return a, i, false
	}
	a.start, a.end = i+1, i+1+n
	value := x.text[a.start:a.end]
	return a, a.end + 1, strings.IndexByte(value, '<') < 0 && plainXML(value)
}

// word reads a name. It takes more than XML does, and nothing that ends one.
func (x *xmlReader) word(i int) (string, int) {
	start := i
	for i < len(x.text) && strings.IndexByte(" \t\r\n=/<>\"'&?", x.text[i]) < 0 {
		i++
	}
	return x.text[start:i], i
}

func (x *xmlReader) blanks(i int) int {
	for i < len(x.text) && strings.IndexByte(" \t\r\n", x.text[i]) >= 0 {
		i++
	}
	return i
}

// plainXML tells whether each & of a text begins a reference that needs no
// DOCTYPE.
func plainXML(text string) bool {
	for {
		i := strings.IndexByte(text, '&')
		if i < 0 {
			return true
		}
		_, n := characterReference(text[i:])
		if n == 0 {
			return false
		}
		text = text[i+n:]
	}
}

// characterReference reads the character reference at the beginning of a text and
// returns what it stands for and its length, or 0.
func characterReference(text string) (r rune, length int) {
	end := strings.IndexByte(text[:min(len(text), 12)], ';')
	if end < 2 {
		return 0, 0
	}
	switch name := text[1:end]; name {
	case "amp":
		r = '&'
	case "lt":
		r = '<'
	case "gt":
		r = '>'
	case "quot":
		r = '"'
	case "apos":
		r = '\''
	default:
		if name[0] != '#' {
			return 0, 0
		}
		digits, base := name[1:], 10
		if strings.HasPrefix(digits, "x") {
			digits, base = digits[1:], 16
		}
		n, err := strconv.ParseUint(digits, base, 32)
		if err != nil || n == 0 || n > utf8.MaxRune || !utf8.ValidRune(rune(n)) {
			return 0, 0
		}
		r = rune(n)
	}
	return r, end + 1
}
