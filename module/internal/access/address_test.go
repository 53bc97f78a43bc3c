package access

import (
	"net/netip"
	"testing"
)

func TestClientAddress(t *testing.T) {
	lines := func(s ...string) [][]string { return [][]string{s} }
	tests := []struct {
		name, client string
		trusted      bool
		forwarded    [][]string
		want         string // "": unknown
	}{
		{"IPv4", "203.0.113.7", false, nil, "203.0.113.7"},
		{"IPv6", "2001:db8::1", false, nil, "2001:db8::1"},
		{"v4-mapped", "::ffff:203.0.113.7", false, nil, "203.0.113.7"},
		{"v4-mapped in hexadecimal", "::ffff:cb00:7107", false, nil, "203.0.113.7"},
		{"NAT64 is no IPv4", "64:ff9b::203.0.113.7", false, nil, "64:ff9b::cb00:7107"},
		{"nothing", "", false, nil, ""},
		{"Unix socket", "@", false, nil, ""},
		{"path of a Unix socket", "/run/playgate.sock", false, nil, ""},
		{"name", "localhost", false, nil, ""},
		{"zone", "fe80::1%eth0", false, nil, ""},
		{"with port", "203.0.113.7:80", false, nil, ""},
		{"brackets", "[2001:db8::1]", false, nil, ""},
		{"leading zero", "203.0.113.07", false, nil, ""},
		{"short form", "127.1", false, nil, ""},
		{"number", "2130706433", false, nil, ""},
		{"list", "203.0.113.7, 203.0.113.8", false, nil, ""},
		{"blank", " 203.0.113.7", false, nil, ""},
		{"NUL", "203.0.113.7\x00", false, nil, ""},

		{"what an untrusted peer forwards does not matter", "203.0.113.7", false, lines("garbage"), "203.0.113.7"},
		{"trusted, nothing forwarded", "203.0.113.7", true, nil, "203.0.113.7"},
		{"trusted, no such header", "203.0.113.7", true, [][]string{nil, {}}, "203.0.113.7"},
		{"trusted, one entry", "203.0.113.7", true, lines("203.0.113.7"), "203.0.113.7"},
		{"trusted, the client wrote garbage to the left", "203.0.113.7", true, lines("garbage, 203.0.113.7"), "203.0.113.7"},
		{"trusted, right-most with port", "203.0.113.7", true, lines("1.2.3.4, 203.0.113.7:4711"), "203.0.113.7"},
		{"trusted, right-most IPv6 with port", "2001:db8::1", true, lines("[2001:db8::1]:4711"), "2001:db8::1"},
		{"trusted, blanks around it", "203.0.113.7", true, lines("1.2.3.4 ,\t203.0.113.7 "), "203.0.113.7"},
		{"trusted, several lines, the last counts", "203.0.113.7", true, lines("garbage", "203.0.113.7"), "203.0.113.7"},
		{"trusted, right-most garbage", "203.0.113.7", true, lines("203.0.113.7, garbage"), ""},
		{"trusted, right-most unknown", "203.0.113.7", true, lines("203.0.113.7, unknown"), ""},
		{"trusted, right-most empty", "203.0.113.7", true, lines("203.0.113.7,"), ""},
		{"trusted, empty line", "203.0.113.7", true, lines(""), ""},
		{"trusted, last line garbage", "203.0.113.7", true, lines("203.0.113.7", "garbage"), ""},
		{"trusted, right-most with zone", "203.0.113.7", true, lines("203.0.113.7, fe80::1%eth0"), ""},
		{"trusted, right-most with zone and port", "203.0.113.7", true, lines("203.0.113.7, [fe80::1%eth0]:1"), ""},
		{"trusted, right-most with leading zero", "203.0.113.7", true, lines("203.0.113.07"), ""},
		{"trusted, the second header's garbage", "203.0.113.7", true, [][]string{{"203.0.113.7"}, {"garbage"}}, ""},
		{"trusted, IPv6 in brackets, which the server skips", "198.51.100.1", true, lines("[2001:db8::1]"), "2001:db8::1"},
		{"trusted, the client wrote an address to the left of brackets", "198.51.100.1", true, lines("198.51.100.1, [2001:db8::1]"), "2001:db8::1"},
		{"trusted, the client wrote the same to the left of brackets", "2001:db8::1", true, lines("2001:db8::1, [2001:db8::1]"), "2001:db8::1"},
		{"trusted, brackets with a port, which the server skips behind a blank", "198.51.100.1", true, lines("198.51.100.1, [2001:db8::1]:4711"), "2001:db8::1"},
		{"trusted, brackets with a port without a blank", "2001:db8::1", true, lines("198.51.100.1,[2001:db8::1]:4711"), "2001:db8::1"},
		{"trusted, brackets left of a proxy", "198.51.100.1", true, lines("198.51.100.1, [2001:db8::1], 10.0.0.1"), "2001:db8::1"},
		{"trusted, brackets in the line before", "198.51.100.1", true, lines("198.51.100.1, [2001:db8::1]", "10.0.0.1, 10.0.0.2"), "2001:db8::1"},
		{"trusted, brackets of the client's own making", "203.0.113.7", true, lines("[2001:db8::1], 203.0.113.7"), "203.0.113.7"},
		{"trusted, garbage left of a proxy", "198.51.100.1", true, lines("198.51.100.1, unknown, 10.0.0.1"), ""},
		{"trusted, brackets in the second header", "10.0.0.9", true, [][]string{{"10.0.0.1"}, {"198.51.100.1, [2001:db8::1]"}}, "2001:db8::1"},
		{"trusted, brackets in a header that was not needed", "203.0.113.7", true, [][]string{{"203.0.113.7"}, {"198.51.100.1, [2001:db8::1]"}}, "203.0.113.7"},
		{"trusted, mapped in brackets", "198.51.100.1", true, lines("[::ffff:203.0.113.7]"), "203.0.113.7"},
		{"trusted, nothing but proxies", "10.0.0.3", true, lines("10.0.0.1, 10.0.0.2"), "10.0.0.3"},
		{"trusted, a Unix socket, brackets", "@", true, lines("[2001:db8::1]"), "2001:db8::1"},
		{"untrusted, brackets", "203.0.113.7", false, lines("[2001:db8::1]"), "203.0.113.7"},
		{"trusted, IPv4 in brackets", "203.0.113.7", true, lines("203.0.113.7, [203.0.113.8]"), ""},
		{"trusted, brackets with a zone", "203.0.113.7", true, lines("203.0.113.7, [fe80::1%eth0]"), ""},
		{"trusted, brackets and garbage", "203.0.113.7", true, lines("203.0.113.7, [2001:db8::1]x"), ""},
		{"trusted, garbage in brackets", "203.0.113.7", true, lines("203.0.113.7, [2001:db8::g]"), ""},
		{"trusted, nothing in brackets", "203.0.113.7", true, lines("203.0.113.7, []"), ""},
		{"trusted, open bracket", "203.0.113.7", true, lines("203.0.113.7, [2001:db8::1"), ""},
		{"trusted, closed bracket", "203.0.113.7", true, lines("203.0.113.7, 2001:db8::1]"), ""},
		{"trusted, brackets twice", "203.0.113.7", true, lines("203.0.113.7, [[2001:db8::1]]"), ""},
		{"trusted, obfuscated identifier", "203.0.113.7", true, lines("203.0.113.7, _hidden"), ""},
	}
	for _, tt := range tests {
		want := netip.Addr{}
		if tt.want != "" {
			want = netip.MustParseAddr(tt.want)
		}
		if got := ClientAddress(tt.client, tt.trusted, tt.forwarded...); got != want {
			t.Errorf("%s: got %v, want %v", tt.name, got, want)
		}
	}
}
