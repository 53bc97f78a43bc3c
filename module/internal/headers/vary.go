package headers

import (
	"net/http"
	"strings"
)

// AddVary adds a name to Vary, unless that has it, or is *.
func AddVary(h http.Header, name string) {
	for _, line := range h["Vary"] {
		for field := range strings.SplitSeq(line, ",") {
			if f := strings.TrimSpace(field); f == "*" || strings.EqualFold(f, name) {
				return
			}
		}
	}
	h.Add("Vary", name)
}
