package app

import (
	"net"
	"strings"
)

// Hostname is the name in a Host header: without its port, in small letters.
func Hostname(hostPort string) string {
	if host, _, err := net.SplitHostPort(hostPort); err == nil {
		hostPort = host
	}
	return strings.ToLower(strings.Trim(hostPort, "[]"))
}
