package app

import (
	"net/http"
	"strings"
)

// PublicOrigin is the origin by which the client knows this site. It is clear unless a
// trusted proxy says what cannot be read in one way; then that does not count.
func PublicOrigin(r *http.Request) (scheme, host string, clear bool) {
	scheme, host, clear = "http", r.Host, true
	if r.TLS != nil {
		scheme = "https"
	}
	if !TrustedProxy(r) {
		return scheme, host, true
	}
	if v := r.Header["X-Forwarded-Proto"]; len(v) == 1 && (v[0] == "http" || v[0] == "https") {
		scheme = v[0]
	} else if len(v) > 0 {
		clear = false
	}
	if v := r.Header["X-Forwarded-Host"]; len(v) == 1 && v[0] != "" && !strings.ContainsFunc(v[0], notInHost) {
		host = v[0]
	} else if len(v) > 0 {
		clear = false
	}
	return scheme, host, clear
}

// notInHost reports whether a character cannot be in a host with a port.
func notInHost(c rune) bool {
	return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("-._~:[]", c)
}
