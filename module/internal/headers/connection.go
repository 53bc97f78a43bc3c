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

// SocketAsked reports whether the request asks for a WebSocket (RFC 6455; RFC
// 8441 and 9220 over HTTP/2 and 3). Any other upgrade could carry a second
// request that nobody judges. It is not taken (RFC 9110, section 7.8): what asks
// for it is dropped, and the request is a plain one.
func SocketAsked(r *http.Request) bool {
	upgrade, asked := r.Header["Upgrade"]
	if asked && r.Method == http.MethodGet && r.ProtoMajor == 1 && r.ProtoMinor >= 1 && len(upgrade) == 1 && strings.EqualFold(upgrade[0], "websocket") {
		return true
	}
	if asked {
		DropUpgrade(r.Header)
	}
	return r.Method == http.MethodConnect && (r.ProtoMajor == 2 && r.Header.Get(":protocol") == "websocket" || r.ProtoMajor == 3 && r.Proto == "websocket")
}
