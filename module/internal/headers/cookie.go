package headers

import (
	"net/http"
	"strings"
)

// CookieValues are the values of one cookie (RFC 6265, section 4.2).
func CookieValues(lines []string, name string) []string {
	var values []string
	for _, line := range lines {
		for pair := range strings.SplitSeq(line, ";") {
			if value, ok := cookieValue(pair, name); ok {
				values = append(values, value)
			}
		}
	}
	return values
}

func cookieValue(pair, name string) (string, bool) {
	n, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
	return strings.Trim(strings.TrimSpace(value), `"`), strings.TrimSpace(n) == name
}

// DropCookies removes the cookies of one name whose values are to go. All others stay
// as they are.
func DropCookies(h http.Header, name string, drop func(value string) bool) {
	lines := h["Cookie"]
	if len(lines) == 0 {
		return
	}
	var kept []string
	for _, line := range lines {
		if !strings.Contains(line, name) {
			kept = append(kept, line)
			continue
		}
		var pairs []string
		for pair := range strings.SplitSeq(line, ";") {
			if value, ok := cookieValue(pair, name); ok && drop(value) {
				continue
			}
			pairs = append(pairs, pair)
		}
		if line := strings.TrimSpace(strings.Join(pairs, ";")); line != "" {
			kept = append(kept, line)
		}
	}
	if len(kept) == 0 {
		delete(h, "Cookie")
		return
	}
	h["Cookie"] = kept
}
