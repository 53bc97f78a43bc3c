// Package weborigin reads and compares web origins: scheme, host and port.
package weborigin

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// Origin is a web origin: lower-case scheme and host, effective port. An IPv6
// address is in brackets and in its shortest spelling.
type Origin struct {
	Scheme, Host, Port string
}

// Parse reads an origin such as "https://cdn.example.com" or
// "http://[::1]:8080". Anything but scheme, host and port is an error that
// says what to change.
func Parse(s string) (Origin, error) {
	scheme, rest, ok := strings.Cut(s, "://")
	switch {
	case s == "":
		return Origin{}, errors.New(`origin is empty: write a scheme and a host, as in "https://cdn.example.com"`)
	case strings.Contains(s, "@"):
		// The text is not repeated: it may hold a password.
		return Origin{}, errors.New(`origin has user information: remove everything up to and including the "@"`)
	case !ok:
		return Origin{}, fmt.Errorf(`origin %q has no scheme: write "https://" or "http://" before the host`, s)
	case !EqualFold(scheme, "https") && !EqualFold(scheme, "http"):
		return Origin{}, fmt.Errorf("origin %q: the scheme must be https or http, not %q", s, scheme)
	}
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		return Origin{}, fmt.Errorf("origin %q: remove %q, an origin ends after host and port", s, rest[i:])
	}
	host, port, ok := SplitPort(rest)
	switch {
	case strings.Contains(host, "*"):
		return Origin{}, fmt.Errorf("origin %q: wildcards are not possible, write one origin for each host", s)
	case !ok || strings.HasSuffix(rest, ":"):
		return Origin{}, fmt.Errorf("origin %q: the port must be a number from 1 to 65535 without leading zeros, and an IPv6 address must be in brackets", s)
	case host == "":
		return Origin{}, fmt.Errorf(`origin %q has no host: write one, as in "https://cdn.example.com"`, s)
	}
	if host, ok = canonicalHost(host); !ok {
		return Origin{}, fmt.Errorf(`origin %q: the host must be a name in ASCII letters, digits, "-", "_" and dots (an international name in its "xn--" form) without a dot at the end, an IPv4 address, or an IPv6 address in brackets without zone`, s)
	}
	return newOrigin(scheme, host, port), nil
}

// String returns the origin as a browser writes it, without a default port.
func (o Origin) String() string {
	s := o.Scheme + "://" + o.Host
	if o.Port != "" && o.Port != defaultPort(o.Scheme) {
		s += ":" + o.Port
	}
	return s
}

// Address is host and port.
func (o Origin) Address() string { return o.Host + ":" + o.Port }

// Of makes the origin of a scheme and a host with or without port.
func Of(scheme, hostport string) (Origin, bool) {
	host, port, ok := SplitPort(hostport)
	if !ok || defaultPort(strings.ToLower(scheme)) == "" {
		return Origin{}, false
	}
	if host, ok = canonicalHost(host); !ok {
		return Origin{}, false
	}
	return newOrigin(scheme, host, port), true
}

func newOrigin(scheme, host, port string) Origin {
	scheme = strings.ToLower(scheme)
	if port == "" {
		port = defaultPort(scheme)
	}
	return Origin{Scheme: scheme, Host: host, Port: port}
}

// Is tells whether o is the origin of a scheme, host and port as they are
// written in a URI; the port may be missing.
func (o Origin) Is(scheme, host, port string) bool {
	want := o.Port
	if want == "" {
		want = defaultPort(o.Scheme)
	}
	if port == "" {
		port = defaultPort(o.Scheme)
	}
	return o.Host != "" && port != "" && port == want && EqualFold(o.Scheme, scheme) && EqualFold(o.Host, host)
}

func defaultPort(scheme string) string {
	switch scheme {
	case "https":
		return "443"
	case "http":
		return "80"
	default:
		return ""
	}
}

// SplitPort splits an authority without user information. A port with a
// leading zero is refused, because only some readers drop it.
func SplitPort(s string) (host, port string, ok bool) {
	end := len(s)
	if strings.HasPrefix(s, "[") {
		end = strings.IndexByte(s, ']') + 1
		if end == 0 {
			return s, "", false
		}
	} else if i := strings.IndexByte(s, ':'); i >= 0 {
		end = i
	}
	host, rest := s[:end], s[end:]
	if rest == "" || rest == ":" {
		return host, "", true
	}
	port = rest[1:]
	if rest[0] != ':' || len(port) > 5 || port[0] == '0' {
		return host, "", false
	}
	n := 0
	for i := 0; i < len(port); i++ {
		if port[i] < '0' || port[i] > '9' {
			return host, "", false
		}
		n = n*10 + int(port[i]-'0')
	}
	return host, port, n <= 65535
}

// canonicalHost returns a host in the one spelling in which it is compared,
// and false for a host that URI readers do not agree on.
func canonicalHost(host string) (string, bool) {
	if strings.HasPrefix(host, "[") {
		addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
		if err != nil || !addr.Is6() || addr.Is4In6() || addr.Zone() != "" {
			return "", false
		}
		return "[" + addr.String() + "]", true
	}
	host = strings.ToLower(host)
	if len(host) > 253 {
		return "", false
	}
	last := ""
	for last = range strings.SplitSeq(host, ".") {
		if len(last) > 63 || !isLabel(last) {
			return "", false
		}
	}
	if numeric(last) {
		addr, err := netip.ParseAddr(host)
		return host, err == nil && addr.Is4()
	}
	return host, true
}

// numeric tells whether browsers read a host with this last label as an IPv4
// address.
func numeric(label string) bool {
	if digits, ok := strings.CutPrefix(label, "0x"); ok {
		return digits == "" || strings.Trim(digits, "0123456789abcdef") == ""
	}
	return strings.Trim(label, "0123456789") == ""
}

// isLabel tells whether s can be a part of a host's name.
func isLabel(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '-', c == '_':
		default:
			return false
		}
	}
	return s != ""
}

// EqualFold compares without regard to the case of ASCII letters, and of no
// others: the long s folds to s in Unicode, but not in a host name.
func EqualFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
