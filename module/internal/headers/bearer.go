package headers

import (
	"net/http"
	"slices"
	"strings"
)

// Bearer is the text after the Bearer scheme (RFC 6750, section 2.1).
func Bearer(line string) (text string, bearer bool) {
	scheme, text, _ := strings.Cut(line, " ")
	return strings.TrimSpace(text), strings.EqualFold(scheme, "Bearer")
}

// DropBearers removes the Authorization fields whose text after the Bearer scheme is
// to go. Other schemes stay.
func DropBearers(h http.Header, drop func(text string) bool) {
	lines := h["Authorization"]
	kept := slices.DeleteFunc(slices.Clone(lines), func(line string) bool {
		text, bearer := Bearer(line)
		return bearer && drop(text)
	})
	if len(kept) == len(lines) {
		return
	}
	if len(kept) == 0 {
		delete(h, "Authorization")
		return
	}
	h["Authorization"] = kept
}
