package redact

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/playgate/playgate/module/token/sessiontoken"
)

// Mark stands where a token was.
const Mark = "REDACTED"

// Text returns the text without tokens: neither anything that looks like one,
// however often percent-encoded, nor the value of a query name that tokens
// travel under. A text without tokens comes back as it is, not copied.
func Text(text []byte) []byte {
	if !suspicious(text) {
		return text
	}
	var out []byte
	copied := 0
	for at := 0; at < len(text); {
		if text[at] == '=' {
			if end := valueOfName(text, at); end > at+1 {
				out = append(append(out, text[copied:at+1]...), Mark...)
				copied, at = end, end
				continue
			}
		}
		end := at
		for end < len(text) && runByte[text[end]] {
			end++
		}
		if end == at {
			at++
			continue
		}
		if cut, found := secret(text, at, end); found {
			out = append(append(out, text[copied:at+cut]...), Mark...)
			copied = end
		}
		at = end
	}
	if copied == 0 {
		return text
	}
	return append(out, text[copied:]...)
}

// Found reports whether there is anything in a text that Text would take out.
func Found(text string) bool { return string(Text([]byte(text))) != text }

// suspicious is a quick look: most lines hold nothing that could be a token.
func suspicious(text []byte) bool {
	if bytes.Contains(text, []byte("ey")) || bytes.Contains(text, []byte("ew")) || bytes.IndexByte(text, '%') >= 0 || sessionAt(text) >= 0 || bytes.Contains(text, []byte(apiKeyMark)) || restAt(text) {
		return true
	}
	for _, name := range *names.Load() {
		if bytes.Contains(text, []byte(name)) {
			return true
		}
	}
	return false
}

// runByte are the bytes that a token may be written with, escapes included.
// A run of them ends at every delimiter of URLs, headers and JSON.
var runByte = func() (set [256]bool) {
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.%" {
		set[c] = true
	}
	return set
}()

// secret reports whether a run holds a token, and from which byte of it on.
func secret(text []byte, start, end int) (cut int, found bool) {
	run := text[start:end]
	if at := tokenAt(string(run)); at >= 0 && bytes.IndexByte(run, '%') < 0 {
		return at, true
	} else if at >= 0 {
		return 0, true
	}
	if bytes.IndexByte(run, '%') >= 0 {
		decoded := string(run)
		for range 4 {
			next := unescape(decoded)
			if next == decoded {
				break
			}
			decoded = next
			if tokenAt(decoded) >= 0 || named(decoded) {
				return 0, true
			}
		}
		// However deep the rest is nested: a token may be in there.
		if decoded = unescapeAll(decoded); tokenAt(decoded) >= 0 || named(decoded) {
			return 0, true
		}
	}
	// The value of a query pair: the byte before is "=", and before it a name.
	if start > 1 && text[start-1] == '=' {
		from := start - 1
		for from > 0 && runByte[text[from-1]] {
			from--
		}
		if isName(unescape(string(text[from : start-1]))) {
			return 0, true
		}
	}
	return 0, false
}

// tokenAt finds the start of a playback token, a session token or an API key.
// It returns -1 where there is none.
func tokenAt(s string) int {
	first := -1
	for _, at := range [...]int{playbackAt(s), sessionAt(s), apiKeyAt(s)} {
		if at >= 0 && (first < 0 || at < first) {
			first = at
		}
	}
	return first
}

// apiKeyMark begins every API key.
const apiKeyMark = "pgk_"

// apiKeyLeast is how many characters follow the mark at least: an id and the
// beginning of a secret.
const apiKeyLeast = 16

// apiKeyAt finds the start of an API key. What goes on behind it is taken for
// one as well.
func apiKeyAt(s string) int {
	for at := 0; ; {
		i := strings.Index(s[at:], apiKeyMark)
		if i < 0 {
			return -1
		}
		at += i
		end := partEnd(s, at)
		if end-at >= len(apiKeyMark)+apiKeyLeast {
			return at
		}
		at = end
	}
}

// sessionLeast is how many base64url characters follow the "s." of a session token at
// least. One that has lost its end is taken out as well: little of it is left to guess.
// The names of files have fewer, even with SHA-512 in base64.
const sessionLeast = sessiontoken.Length - len("s.") - 5

// sessionAt finds the start of a session token. What goes on behind it is taken
// for one as well: nobody knows where it ends.
func sessionAt[T string | []byte](s T) int {
	for at := 0; at+2+sessionLeast <= len(s); at++ {
		if s[at] != 's' || s[at+1] != '.' {
			continue
		}
		end := at + 2
		for end < len(s) && end < at+2+sessionLeast && isBase64(s[end]) {
			end++
		}
		if end == at+2+sessionLeast {
			return at
		}
	}
	return -1
}

// playbackAt finds the start of three joined base64url parts of which the first
// begins as a JSON object does. Two do if the last is as long as a signature: that is
// left of a token that has lost its header or a character. It returns -1 where there is
// none. Each part is looked at twice at most: log lines hold what strangers send.
func playbackAt(s string) int {
	for start := 0; start < len(s); {
		end := partEnd(s, start)
		if end < len(s) && s[end] == '.' {
			second := partEnd(s, end+1)
			long := second-end-1 >= longPart
			if long || second-end-1 >= least[1] && second < len(s) && s[second] == '.' {
				if at := objectAt(s, start, end); at >= 0 {
					return at
				}
			}
			if isRest(end-start, second-end-1) {
				return start
			}
		}
		start = end + 1
	}
	return -1
}

// partEnd is where the base64url characters from a place on end.
func partEnd(s string, at int) int {
	for at < len(s) && isBase64(s[at]) {
		at++
	}
	return at
}

// objectAt finds what may be a JSON object in base64 and goes up to end.
func objectAt(s string, start, end int) int {
	for at := start; at+least[0] <= end; at++ {
		if !beginsObject(s[at], s[at+1], s[at+2]) {
			continue
		}
		// In the middle of a word it is a token still if enough follows.
		if at == start || s[at-1] == '-' || s[at-1] == '_' || len(s)-at >= 40 {
			return at
		}
	}
	return -1
}

// least is how long the parts of a token are at least: the shortest header
// names an algorithm. Host names such as eyes.example.com are shorter.
var least = [2]int{12, 4}

// beginsObject reports whether three characters are "{" in base64url with what a JSON
// object goes on with: a quotation mark, a blank, a tab or the end of a line.
func beginsObject(a, b, c byte) bool {
	if a != 'e' {
		return false
	}
	switch b {
	case 'y': // 0010 and what the third byte begins with
		return c >= 'I' && c <= 'L' || c >= 'A' && c <= 'D'
	case 'w': // 1001, 1010, 1101
		return c >= 'k' && c <= 'r' || c >= '0' && c <= '3'
	}
	return false
}

// longPart is how long what looks like claims or a signature is behind a header.
const longPart = 40

// signatures are the lengths that signatures have in base64url: HMAC with SHA-256; Ed25519
// and P-256; P-384; RSA of 2048, 3072 and 4096 bits.
var signatures = [...]int{43, 86, 128, 342, 512, 683}

// isRest reports whether two joined parts of these lengths are what is left of claims, and
// their signature. Claims that have lost more of their beginning have a long one, behind
// the header.
func isRest(claims, signature int) bool {
	return claims >= longPart/2 && slices.Contains(signatures[:], signature)
}

// restAt reports whether there may be one in a text.
func restAt(text []byte) bool {
	for at := 0; ; {
		dot := bytes.IndexByte(text[at:], '.')
		if dot < 0 {
			return false
		}
		at += dot + 1
		end := at
		for end < len(text) && isBase64(text[end]) {
			end++
		}
		if isRest(longPart, end-at) {
			return true
		}
		at = end
	}
}

func isBase64(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

// named reports whether a decoded text holds a query pair of a secret name.
func named(s string) bool {
	for _, name := range *names.Load() {
		for rest := s; ; {
			_, after, ok := strings.Cut(rest, name+"=")
			if !ok {
				break
			}
			if before := rest[:len(rest)-len(after)-len(name)-1]; (before == "" || strings.ContainsAny(before[len(before)-1:], "?&;")) && after != "" {
				return true
			}
			rest = after
		}
	}
	return false
}

func isName(s string) bool { return slices.Contains(*names.Load(), s) }

// unescape replaces percent-escapes once.
func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if d, err := hex.DecodeString(s[i+1 : i+3]); err == nil {
				b = append(b, d[0])
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}

// unescapeAll replaces percent-escapes until there is none, those that others become
// included: %2565 is %65, which is e. It does so in one pass: what it replaces is
// always at the end of what it has written.
func unescapeAll(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := range len(s) {
		b = append(b, s[i])
		for n := len(b) - 3; n >= 0 && b[n] == '%'; n = len(b) - 3 {
			if _, err := hex.Decode(b[n:n+1], b[n+1:]); err != nil {
				break
			}
			b = b[:n+1]
		}
	}
	return string(b)
}

// valueOfName is where the value of a secret name ends, whose equals sign is
// at a place; or 0.
func valueOfName(text []byte, at int) int {
	from := at
	for from > 0 && runByte[text[from-1]] {
		from--
	}
	name := unescape(string(text[from:at]))
	if from > 0 && text[from-1] == '\\' {
		name = strings.TrimPrefix(name, "u0026")
	}
	if !isName(name) {
		return 0
	}
	end := at + 1
	for end < len(text) && text[end] > ' ' && strings.IndexByte("&;#\"\\<>", text[end]) < 0 {
		end++
	}
	return end
}
