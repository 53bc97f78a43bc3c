package token

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

// HostPattern is one entry of a referer claim: "example.com",
// "*.example.com" (any depth, not the apex) or either with ":port". Without a
// port it matches every port. The zero value matches nothing.
type HostPattern struct {
	host     string // lower case; without the "*." of a wildcard
	port     string // "" matches every port
	wildcard bool
}

// ParseHostPattern reads a pattern. Schemes, paths, wildcards elsewhere and
// names that are not in their ASCII form are errors that say what to change.
func ParseHostPattern(s string) (HostPattern, error) {
	switch {
	case strings.Contains(s, "://"):
		return HostPattern{}, errors.New("write the host alone, without http:// or https://")
	case strings.ContainsAny(s, "/?#"):
		return HostPattern{}, errors.New("write the host alone, without a path: browsers send other sites only the origin")
	}
	host, port, ok := SplitHost(lower(s))
	if !ok {
		return HostPattern{}, errors.New("not a host; write it like example.com, *.example.com or example.com:8443")
	}
	p := HostPattern{host: host, port: port}
	if rest, ok := strings.CutPrefix(host, "*."); ok {
		p.host, p.wildcard = rest, true
	}
	if strings.HasSuffix(p.host, ".") || !validHost(p.host) || p.wildcard && isAddress(p.host) {
		return HostPattern{}, errors.New("not a host; write it like example.com, *.example.com or example.com:8443 (other alphabets in their xn-- form)")
	}
	return p, nil
}

// Match reports whether the pattern includes a host as [ParseHost] returns it,
// with its effective port.
func (p HostPattern) Match(host, port string) bool {
	if p.host == "" || p.port != "" && p.port != port {
		return false
	}
	if !p.wildcard {
		return host == p.host
	}
	n := len(host) - len(p.host)
	return n > 1 && host[n-1] == '.' && host[n:] == p.host
}

// String is the pattern in its canonical spelling.
func (p HostPattern) String() string {
	s := p.host
	if strings.Contains(s, ":") {
		s = "[" + s + "]"
	}
	if p.wildcard {
		s = "*." + s
	}
	if p.port != "" {
		s += ":" + p.port
	}
	return s
}

// SplitHost splits host[:port], brackets of an IPv6 address removed. It
// reports false when the port is not a number from 1 to 65535 in its shortest
// form, or the brackets are odd.
func SplitHost(s string) (host, port string, ok bool) {
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 || !strings.Contains(s[:end], ":") {
			return "", "", false
		}
		host, port = s[1:end], s[end+1:]
		if port == "" {
			return host, "", true
		}
		if port[0] != ':' {
			return "", "", false
		}
		port = port[1:]
	} else {
		var hasPort bool
		host, port, hasPort = strings.Cut(s, ":")
		if !hasPort {
			return host, "", host != ""
		}
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || strconv.FormatUint(n, 10) != port || host == "" {
		return "", "", false
	}
	return host, port, true
}

// ParseHost reads the host[:port] of a web origin: lower case, one trailing
// dot removed. It reports false for anything that a browser would not send.
func ParseHost(s string) (host, port string, ok bool) {
	host, port, ok = SplitHost(lower(s))
	if !ok {
		return "", "", false
	}
	if s[0] != '[' {
		host = strings.TrimSuffix(host, ".")
	}
	if !validHost(host) {
		return "", "", false
	}
	return host, port, true
}

// validHost accepts an IP address, or a name of LDH labels (RFC 5890, section
// 2.3.1; underscores occur in the wild) with a last label that is no number.
func validHost(s string) bool {
	if isAddress(s) {
		return true
	}
	if s == "" || len(s) > 253 {
		return false
	}
	label := ""
	for rest, more := s, true; more; {
		label, rest, more = strings.Cut(rest, ".")
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			c := label[i]
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return false
			}
		}
	}
	return label[0] < '0' || label[0] > '9' || strings.Trim(label, "0123456789") != ""
}

func isAddress(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Zone() == ""
}

// lower is strings.ToLower for ASCII alone: that one makes a k of the Kelvin sign.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, s)
}
