package access

import (
	"net"
	"net/netip"
	"strings"
)

// ClientAddress reads the client's address, as the server in front of us found
// it. It is not known (invalid) when it is no address, or when it came from a
// trusted proxy whose right-most forwarded entry cannot be read: then the
// server has skipped what the proxy said of its own peer and taken an entry
// that the client may have written. An IPv6 address in brackets is an entry that we
// read and the server does not: where the server has skipped that, it is the client.
// forwarded are the lines of each header that carries addresses.
func ClientAddress(client string, trustedProxy bool, forwarded ...[]string) netip.Addr {
	a, err := netip.ParseAddr(client)
	if err != nil || a.Zone() != "" {
		a = netip.Addr{}
	}
	if trustedProxy {
		for _, lines := range forwarded {
			if len(lines) > 0 && !rightMostParses(lines[len(lines)-1]) {
				return netip.Addr{}
			}
		}
		a = notSkipped(a, forwarded)
	}
	return a.Unmap()
}

func rightMostParses(line string) bool {
	_, ok := parseEntry(line[strings.LastIndexByte(line, ',')+1:])
	return ok
}

// notSkipped goes the way of the server, from the right to the entry that it took for
// the client: the entries on it are those of trusted proxies. One that the server
// could not read and skipped is not: it is what the last of these proxies said of its
// peer.
func notSkipped(client netip.Addr, forwarded [][]string) netip.Addr {
	for _, lines := range forwarded {
		for i := len(lines) - 1; i >= 0; i-- {
			for rest, more := lines[i], true; more; {
				at := strings.LastIndexByte(rest, ',')
				entry := rest[at+1:]
				if more = at >= 0; more {
					rest = rest[:at]
				}
				a, ok := parseEntry(entry)
				if !ok || !serverReads(entry) || a == client {
					return a
				}
			}
		}
	}
	return client
}

// parseEntry reads one entry: an address, maybe with a port. One of IPv6 may be in
// brackets also without a port.
func parseEntry(entry string) (netip.Addr, bool) {
	entry = strings.TrimSpace(entry)
	host, _, err := net.SplitHostPort(entry)
	switch {
	case err == nil:
	case len(entry) > 2 && entry[0] == '[' && entry[len(entry)-1] == ']':
		if host = entry[1 : len(entry)-1]; strings.IndexByte(host, ':') < 0 {
			return netip.Addr{}, false
		}
	default:
		host = entry
	}
	a, err := netip.ParseAddr(host)
	if err != nil || a.Zone() != "" {
		return netip.Addr{}, false
	}
	return a, true
}

// serverReads reports whether Caddy reads an entry: it does not know brackets without
// a port, nor those with one behind a blank.
func serverReads(entry string) bool {
	host, _, err := net.SplitHostPort(entry)
	if err != nil {
		host = entry
	}
	host, _, _ = strings.Cut(strings.TrimSpace(host), "%")
	_, err = netip.ParseAddr(host)
	return err == nil
}
