package access

import (
	"strings"

	"github.com/playgate/playgate/module/token"
)

// PageState says what is known of the page that a request comes from.
type PageState uint8

// States of a page. The zero value is the one that no rule lets pass.
const (
	PageMalformed PageState = iota // a doubled or odd header
	PageAbsent                     // neither header, or Origin: null
	PageKnown
)

// Page is the page that embeds the stream: its host and effective port.
type Page struct {
	State      PageState
	Host, Port string
}

// ReadPage reads the page from the Origin header, or else from Referer, each
// with all its lines. Only the host counts: the default policy of browsers
// sends other sites no more (Referrer Policy, strict-origin-when-cross-origin).
func ReadPage(origin, referer []string) Page {
	if len(origin) > 1 {
		return Page{}
	}
	if len(origin) == 1 && origin[0] != "null" {
		scheme, host, ok := strings.Cut(origin[0], "://")
		if !ok || strings.ContainsAny(host, "/?#@\\") {
			return Page{}
		}
		return knownPage(scheme, host)
	}
	switch len(referer) {
	case 0:
		return Page{State: PageAbsent}
	case 1:
	default:
		return Page{}
	}
	scheme, rest, ok := strings.Cut(referer[0], "://")
	if !ok || strings.ContainsFunc(referer[0], func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\\' }) {
		return Page{}
	}
	host := rest
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		host = rest[:end]
	}
	if strings.Contains(host, "@") {
		return Page{}
	}
	return knownPage(scheme, host)
}

func knownPage(scheme, hostPort string) Page {
	host, port, ok := token.ParseHost(hostPort)
	if !ok {
		return Page{}
	}
	switch strings.ToLower(scheme) {
	case "https":
		if port == "" {
			port = "443"
		}
	case "http":
		if port == "" {
			port = "80"
		}
	default:
		return Page{}
	}
	return Page{State: PageKnown, Host: host, Port: port}
}
