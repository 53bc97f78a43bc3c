package headers

import (
	"net/http"
	"strings"
)

// DropHopByHop removes the headers that the client's Connection header names
// (RFC 9110, section 7.6.1), and their names. Left to the proxy, a client could
// name the headers that the gate is about to set.
func DropHopByHop(h http.Header) {
	lines := h["Connection"]
	if len(lines) == 0 {
		return
	}
	var kept []string
	for _, line := range lines {
		for name := range strings.SplitSeq(line, ",") {
			switch name = strings.TrimSpace(name); strings.ToLower(name) {
			case "":
			case "upgrade", "close", "keep-alive":
				kept = append(kept, name)
			default:
				h.Del(name)
			}
		}
	}
	if len(kept) == 0 {
		delete(h, "Connection")
		return
	}
	h["Connection"] = []string{strings.Join(kept, ", ")}
}
