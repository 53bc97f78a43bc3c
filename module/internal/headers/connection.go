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
	setConnection(h, kept)
}

// DropUpgrade removes what asks for another protocol on the same connection: Upgrade,
// HTTP2-Settings, which belongs to h2c (RFC 7540, section 3.2.1), and their names in
// Connection.
func DropUpgrade(h http.Header) {
	delete(h, "Upgrade")
	delete(h, "Http2-Settings")
	lines := h["Connection"]
	if len(lines) == 0 {
		return
	}
	var kept []string
	for _, line := range lines {
		for name := range strings.SplitSeq(line, ",") {
			switch name = strings.TrimSpace(name); strings.ToLower(name) {
			case "", "upgrade", "http2-settings":
			default:
				kept = append(kept, name)
			}
		}
	}
	setConnection(h, kept)
}

func setConnection(h http.Header, names []string) {
	if len(names) == 0 {
		delete(h, "Connection")
		return
	}
	h["Connection"] = []string{strings.Join(names, ", ")}
}
