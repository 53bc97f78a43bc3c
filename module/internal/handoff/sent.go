package handoff

import (
	"net/http"
	"strings"
	"unsafe"
)

// Sent is the text of all header fields of a request as its client has sent them, and of
// its Host. The request has parts of this very text in their place, so that matchers below
// find them. What a handler of the site sets there is other memory, and is known by that,
// also where the client has sent the same value. The zero value is that of a request of
// which nothing is known: everything is the client's.
type Sent struct{ text string }

// Keep makes the header and the Host of a request parts of one text.
func Keep(r *http.Request) Sent {
	size := len(r.Host)
	for _, values := range r.Header {
		for _, v := range values {
			size += len(v)
		}
	}
	var b strings.Builder
	b.Grow(size + 1)
	part := func(s string) string {
		from := b.Len()
		b.WriteString(s)
		return b.String()[from:]
	}
	r.Host = part(r.Host)
	for _, values := range r.Header {
		for i := range values {
			values[i] = part(values[i])
		}
	}
	b.WriteByte(0) // so that there is a text if everything is empty
	return Sent{b.String()}
}

// Has reports whether a value is the client's, or a part of one. Empty values have no
// memory, and are taken for the client's.
func (s Sent) Has(value string) bool {
	if value == "" || s.text == "" {
		return true
	}
	offset := uintptr(unsafe.Pointer(unsafe.StringData(value))) - uintptr(unsafe.Pointer(unsafe.StringData(s.text)))
	return offset < uintptr(len(s.text))
}
