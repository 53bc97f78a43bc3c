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
// that the client may have written. forwarded are the lines of each header
// that carries addresses.
func ClientAddress(client string, trustedProxy bool, forwarded ...[]string) netip.Addr {
	if trustedProxy {
		for _, lines := range forwarded {
			if len(lines) > 0 && !rightMostParses(lines[len(lines)-1]) {
				return netip.Addr{}
			}
		}
	}
	a, err := netip.ParseAddr(client)
	if err != nil || a.Zone() != "" {
		return netip.Addr{}
	}
	return a.Unmap()
}

func rightMostParses(line string) bool {
	entry := strings.TrimSpace(line[strings.LastIndexByte(line, ',')+1:])
	if host, _, err := net.SplitHostPort(entry); err == nil {
		entry = host
	}
	a, err := netip.ParseAddr(entry)
	return err == nil && a.Zone() == ""
}
