package manifest

import (
	"bytes"
	"slices"
	"strings"
	"unicode"

	"github.com/playgate/playgate/module/internal/xmltext"
)

var (
	byteOrderMark = []byte("\xef\xbb\xbf")
	hlsHead       = []byte("#EXTM3U")
)

// IsHLS tells whether head, the first bytes of a body, begins what players take for an HLS
// playlist: #EXTM3U, behind blanks and byte order marks.
func IsHLS(head []byte) bool { return bytes.HasPrefix(TrimHead(head), hlsHead) }

// IsXML tells whether head, the first bytes of a body, may begin an XML document.
func IsXML(head []byte) bool { return bytes.HasPrefix(TrimHead(head), []byte("<")) }

// TrimHead is the beginning of a text without blanks and byte order marks in front of it.
func TrimHead(head []byte) []byte {
	return bytes.TrimLeftFunc(head, func(r rune) bool { return unicode.IsSpace(r) || r == '\ufeff' })
}

// IsDASH tells whether head begins an MPD, a patch or a remote element, as its first
// element has it. Only its name is read: players read what is not well-formed. sure is
// false as long as it has not come.
func IsDASH(head []byte) (is, sure bool) {
	text := string(TrimHead(head))
	for {
		text = strings.TrimLeft(text, " \t\r\n")
		end := ""
		switch {
		case !strings.HasPrefix(text, "<"):
			return false, text != ""
		case strings.HasPrefix(text, "<!--"):
			end = "-->"
		case strings.HasPrefix(text, "<?"):
			end = "?>"
		case strings.HasPrefix(text, "<!"): // entities stand in brackets
			end = ">"
			if at := strings.IndexAny(text, "[>"); at >= 0 && text[at] == '[' {
				end = "]>"
			}
		default:
			at := strings.IndexAny(text[1:], " \t\r\n/>")
			if at < 0 {
				return false, false
			}
			return isRoot(xmltext.Local(text[1 : 1+at])), true
		}
		_, rest, ok := strings.Cut(text, end)
		if !ok {
			return false, false
		}
		text = rest
	}
}

// Write appends the manifest src to dst with the token in it.
func (rw *Rewriter) Write(dst []byte, f Format, src []byte) []byte {
	switch f {
	case HLS:
		rw.Settle(src)
		return rw.HLS(dst, src)
	case DASH:
		return rw.DASH(dst, src)
	case JSON:
		return rw.JSON(dst, src)
	case VTT:
		return rw.VTT(dst, src)
	}
	return append(dst, src...)
}

// Inherits tells, soon, whether all references of a playlist can only inherit the token as
// they are: none climbs, begins at a root, has a token or a variable, or looks odd. Where
// it is false that may be so, too.
func (rw *Rewriter) Inherits(playlist []byte) bool {
	if rw.Form != Inherited {
		return false
	}
	for _, c := range []byte("~%\\\t") {
		if bytes.IndexByte(playlist, c) >= 0 {
			return false
		}
	}
	if n := bytes.Count(playlist, []byte("\r")); n > 0 && n != bytes.Count(playlist, []byte("\r\n")) {
		return false
	}
	for _, text := range [...]string{"..", "//", "{$", "\n/", "\n ", `="/`, `=" `} {
		if bytes.Contains(playlist, []byte(text)) {
			return false
		}
	}
	return !rw.namesToken(playlist)
}

// namesToken tells whether a text has the name of a parameter that may carry a token.
func (rw *Rewriter) namesToken(text []byte) bool {
	has := func(name string) bool { return name != "" && bytes.Contains(text, []byte(name+"=")) }
	return has(rw.Name) || slices.ContainsFunc(rw.Names, has)
}

// Settle settles, by its first lines, in which form a playlist carries the token: one that
// names a steering server has the query form where there is one. Its clones carry a path to
// another host, where a query can be emptied.
func (rw *Rewriter) Settle(lines []byte) {
	if rw.Form == InBase && rw.Name != "" && bytes.Contains(lines, []byte(steeringTag)) {
		rw.Form = InQuery
	}
}
