package manifest

import (
	"bytes"
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
