package app

import (
	"net/http"
	"strings"
)

// PublicOrigin is the origin by which the client knows this site.
func PublicOrigin(r *http.Request) (scheme, host string) {
	scheme, host = "http", r.Host
	if r.TLS != nil {
		scheme = "https"
	}
	if !TrustedProxy(r) {
		return scheme, host
	}
	if v := r.Header["X-Forwarded-Proto"]; len(v) == 1 && (v[0] == "http" || v[0] == "https") {
		scheme = v[0]
	}
	if v := r.Header["X-Forwarded-Host"]; len(v) == 1 && v[0] != "" && !strings.ContainsAny(v[0], ", /\\@?#") {
		host = v[0]
	}
	return scheme, host
}
