package integration_test

import (
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// behindProxy makes the server trust the address that a proxy on loopback
// names, as an operator behind a CDN does.
const behindProxy = `
	servers {
		trusted_proxies static 127.0.0.1/32
		trusted_proxies_strict
	}
`

// IPv4, IPv6, prefixes and v4-mapped addresses.
func TestAddress(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{globals: behindProxy}, nil)
	for _, tc := range []struct{ name, rule, client, reason string }{
		{"IPv4", "203.0.113.7", "203.0.113.7", ""},
		{"another IPv4", "203.0.113.7", "203.0.113.8", "wrong_ip"},
		{"IPv4 prefix", "203.0.113.0/24", "203.0.113.200", ""},
		{"outside the IPv4 prefix", "203.0.113.0/24", "203.0.114.1", "wrong_ip"},
		{"IPv6", "2001:db8::7", "2001:db8::7", ""},
		{"IPv6 in another spelling", "2001:db8::7", "2001:0DB8:0:0:0:0:0:7", ""},
		{"another IPv6", "2001:db8::7", "2001:db8::8", "wrong_ip"},
		{"IPv6 prefix", "2001:db8:1::/48", "2001:db8:1:2:3:4:5:6", ""},
		{"outside the IPv6 prefix", "2001:db8:1::/48", "2001:db8:2::1", "wrong_ip"},
		{"v4-mapped client", "203.0.113.7", "::ffff:203.0.113.7", ""},
		{"v4-mapped rule", "::ffff:203.0.113.7", "203.0.113.7", ""},
		{"v4-mapped client in a prefix", "203.0.113.0/24", "::ffff:203.0.113.9", ""},
		{"IPv4 is in no IPv6 prefix", "2000::/3", "203.0.113.7", "wrong_ip"},
		{"IPv6 is in no IPv4 prefix", "0.0.0.0/1", "2001:db8::7", "wrong_ip"},
		{"a proxy's entry is the right-most", "203.0.113.7", "198.51.100.9, 203.0.113.7", ""},
		{"what the client wrote is not", "203.0.113.7", "203.0.113.7, 198.51.100.9", "wrong_ip"},
		{"right-most is no address", "203.0.113.7", "203.0.113.7, unknown", "wrong_ip"},
		{"nothing is an address", "203.0.113.7", "unknown", "wrong_ip"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			token := g.key.Sign(t, harness.Good("org1", "cam").With("ip", []string{tc.rule}))
			g.judged(t, g.get(t, target(token), "X-Forwarded-For: "+tc.client), tc.reason)
		})
	}
}

// Several rules: one that fits is enough. The peer itself counts where there is
// no proxy.
func TestAddressOfThePeer(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{}, nil)
	for _, tc := range []struct {
		name   string
		args   []string
		reason string
	}{
		{"its address", []string{"--ip", "127.0.0.1"}, ""},
		{"its prefix", []string{"--ip", "127.0.0.0/8"}, ""},
		{"one of several", []string{"--ip", "203.0.113.7", "--ip", "2001:db8::/32", "--ip", "127.0.0.1"}, ""},
		{"none of several", []string{"--ip", "203.0.113.7", "--ip", "2001:db8::/32"}, "wrong_ip"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			token := g.key.Token(t, append([]string{"--org", "org1", "--stream", "cam"}, tc.args...)...)
			for _, client := range harness.Clients() {
				g.judged(t, client.Do(t, g.Server, harness.Request{Target: target(token)}), tc.reason)
			}
		})
	}
}

// What a client says of its own address counts for nothing when it is no proxy
// of ours.
func TestForgedForwardedFor(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{}, nil)
	token := g.key.Sign(t, harness.Good("org1", "cam").With("ip", []string{"203.0.113.7"}))
	for _, header := range []string{
		"X-Forwarded-For: 203.0.113.7", "X-Real-IP: 203.0.113.7", "Forwarded: for=203.0.113.7",
		"CF-Connecting-IP: 203.0.113.7", "True-Client-IP: 203.0.113.7", "X-Client-IP: 203.0.113.7",
	} {
		for _, client := range harness.Clients() {
			t.Run(header+", "+client.Name, func(t *testing.T) {
				g.refused(t, client.Do(t, g.Server, harness.Request{Target: target(token), Header: []string{header}}), 403, "wrong_ip")
			})
		}
	}
	g.origin.SawNothing(t, 0)
}
