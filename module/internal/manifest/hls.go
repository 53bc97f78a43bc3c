package manifest

import (
	"bytes"
	"slices"
	"strings"
)

// HLS appends the playlist src to dst with the token in its references, or the first
// lines of one; [Rewriter.More] goes on. What is no HLS playlist is appended unchanged.
//
// URI lines and the quoted attributes URI, SERVER-URI, X-ASSET-URI and X-ASSET-LIST of
// every tag, known or not, are looked at; EXTINF has a title in the place of attributes
// and is none of them. A line with a control character inside is left alone as a whole,
// because players would not agree on where its URI ends. References to variables stay
// as they are.
func (rw *Rewriter) HLS(dst, src []byte) []byte {
	rw.prepare()
	if !IsHLS(src) {
		return append(dst, src...)
	}
	rw.vars.reset()
	rw.kind = "hls"
	text := textOf(src)
	// Where LF ends lines, players differ in whether a CR by itself does, too.
	rw.ends = lineEnd
	if !strings.Contains(text, "\n") {
		rw.ends = anyLineEnd
	}
	return rw.lines(dst, text, rw.ends(text, 0))
}

// More appends further lines of the playlist that HLS began with. Each text is of whole
// lines, as [WholeLines] finds them.
func (rw *Rewriter) More(dst, src []byte) []byte {
	return rw.lines(dst, textOf(src), 0)
}

// WholeLines is how many bytes of a text are whole lines.
func WholeLines(text []byte) int {
	if n := bytes.LastIndexByte(text, '\n'); n >= 0 {
		return n + 1
	}
	if len(text) == 0 {
		return 0
	}
	return bytes.LastIndexByte(text[:len(text)-1], '\r') + 1 // a line feed may follow the last
}

// lines goes through the lines from an offset on.
func (rw *Rewriter) lines(dst []byte, text string, start int) []byte {
	// Definitions matter only where something refers to them.
	variables := strings.Contains(text, "{$") || strings.Contains(text, defineTag)
	if variables {
		rw.vars.lines(text)
	}
	w := writer{text: text, dst: rw.reserve(dst, text), variables: variables}
	breaks := mayBreak(text)
	for start < len(text) {
		next := rw.ends(text, start)
		line := trimLine(text[start:next])
		tag := strings.HasPrefix(line, "#")
		switch {
		case line == "":
		case tag && (!strings.HasPrefix(line, "#EXT") || strings.HasPrefix(line, "#EXTINF")):
		case breaks && breaksLine(line):
			if strings.HasPrefix(line, defineTag) {
				rw.vars.off = true
			}
			if !tag && !rw.Site.Foreign(line) || strings.Contains(line, "URI=") {
				rw.miss("hls", line)
			}
		case tag:
			rw.tag(&w, start, line)
		default:
			rw.splice(&w, start, line)
		}
		start = next
	}
	return append(w.dst, text[w.copied:]...)
}

// writer copies a text with changes.
type writer struct {
	text      string
	copied    int // how much of text is in dst, changed or not
	dst       []byte
	variables bool // text has references to variables
}

func (w *writer) apply(at int, e edit) {
	w.dst = append(w.dst, w.text[w.copied:at+e.at]...)
	w.dst = append(w.dst, e.text...)
	w.copied = at + e.at + e.cut
}

// reserve makes room for a playlist of usual size, so that dst does not grow step by
// step.
func (rw *Rewriter) reserve(dst []byte, text string) []byte {
	const usual = 256
	if rw.mute || rw.Form == Inherited {
		return slices.Grow(dst, len(text))
	}
	references := min(strings.Count(text, "\n"), usual)
	rw.room(min(len(text), usual*len(rw.asked))/2 + references*len(rw.dir))
	return slices.Grow(dst, len(text)+references*len(rw.asked))
}

// splice puts the token into the reference that stands at an offset of the text.
func (rw *Rewriter) splice(w *writer, at int, uri string) {
	for _, e := range (carrier{rw}).reference(uri) {
		w.apply(at, e)
	}
}

// tag puts the token into the attributes of the tag that stands at an offset
// of the text.
func (rw *Rewriter) tag(w *writer, at int, line string) {
	colon := strings.IndexByte(line, ':')
	if colon < 0 {
		return
	}
	list := line[colon+1:]
	if w.variables && line[:colon+1] == defineTag {
		rw.vars.define(list)
	}
	at += colon + 1
	length, copied := len(w.dst), w.copied
	for i := 0; i < len(list); {
		// NAME="value" and the comma after it, without a call.
		start := i
		for i < len(list) && classes[list[i]]&wordByte != 0 {
			i++
		}
		if i+1 < len(list) && list[i] == '=' && list[i+1] == '"' {
			name, value := list[start:i], list[i+2:]
			n := strings.IndexByte(value, '"')
			if n >= 0 && (n+1 == len(value) || value[n+1] == ',') {
				if isURIAttribute(name) {
					rw.splice(w, at+i+2, value[:n])
				}
				i += n + 4
				continue
			}
		}
		a, next, ok := nextAttribute(list, start)
		if !ok { // players go on behind it, each in its own way
			n := strings.IndexByte(list[start:], ',')
			if strings.Contains(list, "//") { // and could take what follows for a part of another site's URI
				w.dst, w.copied = w.dst[:length], copied
				if strings.Contains(list, "URI=") {
					rw.miss("hls", line)
				}
				return
			}
			if n < 0 {
				return
			}
			i = start + n + 1
			continue
		}
		if a.quoted && isURIAttribute(a.name) {
			rw.splice(w, at+a.start, list[a.start:a.end])
		}
		i = next
	}
}

func isURIAttribute(name string) bool {
	switch name {
	case "URI", "SERVER-URI", "X-ASSET-URI", "X-ASSET-LIST":
		return true
	default:
		return false
	}
}

// attribute is one item of an attribute list. The offsets are those of its
// value, without quotes.
type attribute struct {
	name       string
	start, end int
	quoted     bool
}

// nextAttribute reads the item at an offset of the list and returns the offset
// of the one after it. ok is false when quotes stand where they do not belong.
func nextAttribute(list string, at int) (a attribute, next int, ok bool) {
	i := at
	for i < len(list) && classes[list[i]]&wordByte != 0 {
		i++
	}
	for i < len(list) && list[i] != '=' && list[i] != ',' {
		if list[i] == '"' {
			return a, 0, false
		}
		i++
	}
	for at < i && isBlank(list[at]) {
		at++
	}
	end := i
	for end > at && isBlank(list[end-1]) {
		end--
	}
	a.name = list[at:end]
	if i == len(list) || list[i] == ',' {
		return a, i + 1, true
	}
	a.start = i + 1
	if strings.HasPrefix(list[a.start:], `"`) {
		a.start++
		n := strings.IndexByte(list[a.start:], '"')
		if n < 0 {
			return a, 0, false
		}
		a.quoted, a.end = true, a.start+n
		next = a.end + 1
		for next < len(list) && isBlank(list[next]) {
			next++
		}
		return a, next + 1, next >= len(list) || list[next] == ','
	}
	for a.end = a.start; a.end < len(list) && list[a.end] != ','; a.end++ {
		if list[a.end] == '"' {
			return a, 0, false
		}
	}
	return a, a.end + 1, true
}

// lineEnd returns where the line after the one at start begins.
func lineEnd(text string, start int) int {
	if n := strings.IndexByte(text[start:], '\n'); n >= 0 {
		return start + n + 1
	}
	return len(text)
}

// anyLineEnd is the same where a CR by itself ends a line, too.
func anyLineEnd(text string, start int) int {
	n := strings.IndexAny(text[start:], "\r\n")
	if n < 0 {
		return len(text)
	}
	if strings.HasPrefix(text[start+n:], "\r\n") {
		n++
	}
	return start + n + 1
}

// trimLine returns a line without its end and the blanks before it.
func trimLine(line string) string {
	n := len(line)
	for n > 0 && (isBlank(line[n-1]) || line[n-1] == '\n' || line[n-1] == '\r') {
		n--
	}
	return line[:n]
}

func isBlank(c byte) bool {
	return c == ' ' || c == '\t'
}

// mayBreak is the quick look at a whole playlist: false means that breaksLine
// is false for each of its lines.
func mayBreak(text string) bool {
	var seen uint8
	i := 0
	// Sixteen bytes at a time as long as they are ASCII without controls but for
	// tab and line feed.
	const ones = 0x0101010101010101
	for ; i+16 <= len(text); i += 16 {
		v, w := word(text[i:i+8]), word(text[i+8:i+16])
		// The upper bit of each byte says whether the byte is one of a kind.
		control := ^(v+0x60*ones)&((v^'\t'*ones)+0x7f*ones)&((v^'\n'*ones)+0x7f*ones) |
			^(w+0x60*ones)&((w^'\t'*ones)+0x7f*ones)&((w^'\n'*ones)+0x7f*ones)
		if (v|w|control|(v+ones)|(w+ones))&(0x80*ones) == 0 {
			continue
		}
		for j := i; j < i+16; j++ {
			seen |= classes[text[j]]
		}
	}
	for ; i < len(text); i++ {
		seen |= classes[text[i]]
	}
	return seen&breakByte != 0 ||
		seen&returnByte != 0 && strings.Count(text, "\r") != strings.Count(text, "\r\n")
}

// word is eight bytes at once.
func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// breaksLine tells whether some player would see more than one line here: at
// a lone CR, at other controls, or at the line separators of Unicode.
func breaksLine(line string) bool {
	for i := 0; i < len(line); i++ {
		if classes[line[i]]&(breakByte|returnByte) == 0 {
			continue
		}
		switch rest := line[i:]; rest[0] {
		case 0xc2:
			if strings.HasPrefix(rest, "\u0085") {
				return true
			}
		case 0xe2:
			if strings.HasPrefix(rest, "\u2028") || strings.HasPrefix(rest, "\u2029") {
				return true
			}
		default:
			return true
		}
	}
	return false
}
