// Package xmltext reads XML documents for those who want to change them: it says where
// names and values stand, which no reader of the standard library tells. It takes
// well-formed documents without a DOCTYPE; on anything odd it gives up.
package xmltext

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Kind is the kind of a piece of an XML document.
type Kind uint8

const (
	End   Kind = iota // of the document
	Open              // <name ...>
	Empty             // <name .../>
	Close             // </name>
	Text              // character data
	CDATA             // a section of it that is read as it stands
	Other             // comment or processing instruction
)

// Piece is one piece. The offsets are those in the document.
type Piece struct {
	Kind       Kind
	Name       string // qualified
	Start, End int
	Attributes []Attribute
}

// Attribute is one attribute; Start and End are those of its value, without quotes.
type Attribute struct {
	Name       string
	Start, End int
}

// Local is a name without its prefix.
func Local(name string) string {
	return name[strings.IndexByte(name, ':')+1:]
}

// MaxAttributes bounds the attributes of an element, which are compared with
// one another, and MaxDepth the elements inside one another.
const (
	MaxAttributes = 256
	MaxDepth      = 64
)

// Reader reads a document piece by piece.
type Reader struct {
	text       string
	at         int
	open       []string // elements that are open
	seen       bool     // the root element has begun
	attributes []Attribute
}

// NewReader reads a text from its beginning.
func NewReader(text string) *Reader { return &Reader{text: text} }

// Text is the document.
func (x *Reader) Text() string { return x.text }

// Next returns the next piece, which is valid until the call after it. ok is
// false when the document is not well-formed, or not plain.
func (x *Reader) Next() (p Piece, ok bool) {
	if x.at == len(x.text) {
		return Piece{Kind: End}, x.seen && len(x.open) == 0
	}
	p.Start = x.at
	rest := x.text[x.at:]
	switch {
	case rest[0] != '<':
		p.Kind = Text
		p.End = len(x.text)
		if n := strings.IndexByte(rest, '<'); n >= 0 {
			p.End = x.at + n
		}
		content := x.text[p.Start:p.End]
		ok = plain(content) && (len(x.open) > 0 || strings.Trim(content, " \t\r\n\ufeff") == "")
	case strings.HasPrefix(rest, "<!--"):
		p, ok = x.other(Other, 4, "-->")
	case strings.HasPrefix(rest, "<![CDATA["):
		p, ok = x.other(CDATA, 9, "]]>")
		ok = ok && len(x.open) > 0
	case strings.HasPrefix(rest, "<?"):
		p, ok = x.other(Other, 2, "?>")
		ok = ok && knownEncoding(x.text[p.Start:p.End])
	case strings.HasPrefix(rest, "</"):
		p, ok = x.closing()
	case strings.HasPrefix(rest, "<!"):
		return p, false // DOCTYPE: entities could stand for anything
	default:
		p, ok = x.opening()
	}
	x.at = p.End
	return p, ok
}

// other reads a piece that ends with a certain text.
func (x *Reader) other(kind Kind, skip int, end string) (Piece, bool) {
	n := strings.Index(x.text[x.at+skip:], end)
	return Piece{Kind: kind, Start: x.at, End: x.at + skip + n + len(end)}, n >= 0
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
	name = strings.ToLower(name)
	switch name {
	case "utf-8", "utf8", "us-ascii", "ascii", "latin1":
		return true
	}
	// In these what is ASCII is what it seems to be, too.
	return strings.HasPrefix(name, "iso-8859-") || strings.HasPrefix(name, "windows-125")
}

func (x *Reader) closing() (p Piece, ok bool) {
	n := strings.IndexByte(x.text[x.at:], '>')
	if n < 0 || len(x.open) == 0 {
		return p, false
	}
	p = Piece{Kind: Close, Start: x.at, End: x.at + n + 1}
	p.Name = strings.TrimRight(x.text[x.at+2:x.at+n], " \t\r\n")
	top := len(x.open) - 1
	ok = x.open[top] == p.Name
	x.open = x.open[:top]
	return p, ok
}

func (x *Reader) opening() (p Piece, ok bool) {
	p = Piece{Kind: Open, Start: x.at}
	i := x.at + 1
	p.Name, i = x.word(i)
	if p.Name == "" || len(x.open) == 0 && x.seen || len(x.open) > MaxDepth {
		return p, false
	}
	x.attributes = x.attributes[:0]
	for {
		blank := x.blanks(i)
		switch {
		case blank == len(x.text):
			return p, false
		case x.text[blank] == '>':
			p.End, p.Attributes = blank+1, x.attributes
			x.open, x.seen = append(x.open, p.Name), true
			return p, true
		case strings.HasPrefix(x.text[blank:], "/>"):
			p.Kind, p.End, p.Attributes = Empty, blank+2, x.attributes
			x.seen = true
			return p, true
		case blank == i:
			return p, false // no blank before an attribute
		}
		var a Attribute
		if a, i, ok = x.attribute(blank); !ok {
			return p, false
		}
		if len(x.attributes) == MaxAttributes {
			return p, false
		}
		for _, other := range x.attributes {
			if other.Name == a.Name {
				return p, false
			}
		}
		x.attributes = append(x.attributes, a)
	}
}

func (x *Reader) attribute(i int) (a Attribute, next int, ok bool) {
	a.Name, i = x.word(i)
	i = x.blanks(i)
	if a.Name == "" || i == len(x.text) || x.text[i] != '=' {
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
	a.Start, a.End = i+1, i+1+n
	value := x.text[a.Start:a.End]
	return a, a.End + 1, strings.IndexByte(value, '<') < 0 && plain(value)
}

// word reads a name. It takes more than XML does, and nothing that ends one.
func (x *Reader) word(i int) (string, int) {
	start := i
	for i < len(x.text) && strings.IndexByte(" \t\r\n=/<>\"'&?", x.text[i]) < 0 {
		i++
	}
	return x.text[start:i], i
}

func (x *Reader) blanks(i int) int {
	for i < len(x.text) && strings.IndexByte(" \t\r\n", x.text[i]) >= 0 {
		i++
	}
	return i
}

// plain tells whether each & of a text begins a reference that needs no
// DOCTYPE.
func plain(text string) bool {
	for {
		i := strings.IndexByte(text, '&')
		if i < 0 {
			return true
		}
		_, n := Reference(text[i:])
		if n == 0 {
			return false
		}
		text = text[i+n:]
	}
}

// Reference reads the character reference at the beginning of a text and
// returns what it stands for and its length, or 0.
func Reference(text string) (r rune, length int) {
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

// Unescape is a text with what its references stand for. What is no reference stays.
func Unescape(text string) string {
	if !strings.Contains(text, "&") {
		return text
	}
	var b strings.Builder
	for {
		i := strings.IndexByte(text, '&')
		if i < 0 {
			return b.String() + text
		}
		b.WriteString(text[:i])
		r, n := Reference(text[i:])
		if n == 0 {
			r, n = '&', 1
		}
		b.WriteRune(r)
		text = text[i+n:]
	}
}
