package headers

import (
	"fmt"
	"strings"
)

// Text keeps a header value readable for every origin: what is not printable ASCII is
// percent-encoded, and so is the percent sign.
func Text(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c >= 0x20 && c < 0x7f && c != '%' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// URI escapes what is not ASCII in a URI, as a header has to (RFC 9110, section
// 10.2.2). All else stays as it is.
func URI(s string) string {
	const hex = "0123456789ABCDEF"
	var b []byte
	for i := range len(s) {
		if c := s[i]; c < 0x80 {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(b)
}
