package integration_test

import (
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// A proxy may write its peer's IPv6 address in brackets, with a port or without. Caddy
// skips such an entry and takes the one before it, which the client wrote.
func TestForwardedAddressInBrackets(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{globals: behindProxy}, nil)
	for _, tc := range []struct{ name, rule, forwarded, reason string }{
		{"alone", "2001:db8::7", "[2001:db8::7]", ""},
		{"alone, with a port", "2001:db8::7", "[2001:db8::7]:4711", ""},
		{"right-most", "2001:db8::7", "203.0.113.7, [2001:db8::7]", ""},
		{"right-most, with a port", "2001:db8::7", "203.0.113.7, [2001:db8::7]:4711", ""},
		{"right-most, with a port and no blank", "2001:db8::7", "203.0.113.7,[2001:db8::7]:4711", ""},
		{"forged before it", "203.0.113.7", "203.0.113.7, [2001:db8::7]", "wrong_ip"},
		{"forged before one with a port", "203.0.113.7", "203.0.113.7, [2001:db8::7]:4711", "wrong_ip"},
		{"forged before that of a further proxy", "203.0.113.7", "203.0.113.7, [2001:db8::7], 127.0.0.1", "wrong_ip"},
		{"forged before garbage and a further proxy", "203.0.113.7", "203.0.113.7, unknown, 127.0.0.1", "wrong_ip"},
		{"before a further proxy", "2001:db8::7", "203.0.113.7, [2001:db8::7], 127.0.0.1", ""},
		{"written by the client", "2001:db8::7", "[2001:db8::7], 203.0.113.7", "wrong_ip"},
		{"with a zone", "fe80::/10", "[fe80::1%eth0]", "wrong_ip"},
		{"with garbage", "2001:db8::7", "[2001:db8::7]x", "wrong_ip"},
		{"not closed", "2001:db8::7", "[2001:db8::7", "wrong_ip"},
		{"IPv4", "203.0.113.7", "[203.0.113.7]", "wrong_ip"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			token := g.key.Sign(t, harness.Good("org1", "cam").With("ip", []string{tc.rule}))
			g.judged(t, g.get(t, target(token), "X-Forwarded-For: "+tc.forwarded), tc.reason)
		})
	}
}
