package body

import (
	"net/http"
	"strconv"
	"strings"
)

// TakesGzip reports whether Accept-Encoding names gzip, and not with a weight of
// zero.
func TakesGzip(h http.Header) bool {
	for _, line := range h["Accept-Encoding"] {
		for item := range strings.SplitSeq(line, ",") {
			name, weight, _ := strings.Cut(item, ";")
			if strings.EqualFold(strings.TrimSpace(name), "gzip") && !zero(weight) {
				return true
			}
		}
	}
	return false
}

// zero reports whether a weight says "not this" (RFC 9110, section 12.4.2).
func zero(weight string) bool {
	name, value, found := strings.Cut(strings.TrimSpace(weight), "=")
	if !found || !strings.EqualFold(strings.TrimSpace(name), "q") {
		return false
	}
	q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	return err != nil || q == 0
}
