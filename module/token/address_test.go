package token

import (
	"net/netip"
	"strings"
	"testing"
)

func TestAddressRulesMatchWhatTheyName(t *testing.T) {
	tests := []struct{ rule, address string }{
		{"203.0.113.7", "203.0.113.7"},
		{"203.0.113.7", "::ffff:203.0.113.7"},
		{"::ffff:203.0.113.7", "203.0.113.7"},
		{"::ffff:cb00:7107", "203.0.113.7"},
		{"203.0.113.0/24", "203.0.113.0"},
		{"203.0.113.0/24", "203.0.113.255"},
		{"203.0.113.0/24", "::ffff:203.0.113.9"},
		{"::ffff:203.0.113.0/120", "203.0.113.9"},
		{"203.0.113.6/31", "203.0.113.7"},
		{"2001:db8::1", "2001:db8:0:0:0:0:0:1"},
		{"2001:DB8::/64", "2001:db8::ffff:1"},
		{"128.0.0.0/1", "203.0.113.7"},
		{"8000::/1", "fe80::1"},
	}
	for _, tt := range tests {
		r, err := ParseAddressRule(tt.rule)
		if err != nil {
			t.Errorf("%s: %v", tt.rule, err)
			continue
		}
		if !r.Match(netip.MustParseAddr(tt.address)) {
			t.Errorf("%s does not match %s", tt.rule, tt.address)
		}
		if again, err := ParseAddressRule(r.String()); err != nil || again != r {
			t.Errorf("%s is written as %s: %v", tt.rule, r, err)
		}
	}
}

func TestAddressRulesMatchNothingElse(t *testing.T) {
	tests := []struct{ rule, address string }{
		{"203.0.113.7", "203.0.113.8"},
		{"203.0.113.7", "2001:db8::cb00:7107"},
		{"203.0.113.7", "::203.0.113.7"},          // v4-compatible, not v4-mapped
		{"203.0.113.7", "64:ff9b::203.0.113.7"},   // NAT64
		{"203.0.113.7", "2002:cb00:7107::1"},      // 6to4
		{"203.0.113.7", "::ffff:0:203.0.113.7"},   // SIIT
		{"203.0.113.7", "::fffe:203.0.113.7"},     // look-alike
		{"203.0.113.0/24", "203.0.114.0"},         // the next network
		{"203.0.113.0/24", "203.0.112.255"},       // the one before
		{"::ffff:203.0.113.0/120", "203.0.114.1"}, //
		{"2001:db8::/64", "2001:db8:0:1::1"},
		{"8000::/1", "203.0.113.7"},
		{"128.0.0.0/1", "8000::1"},
	}
	for _, tt := range tests {
		r, err := ParseAddressRule(tt.rule)
		if err != nil {
			t.Errorf("%s: %v", tt.rule, err)
			continue
		}
		if r.Match(netip.MustParseAddr(tt.address)) {
			t.Errorf("%s matches %s", tt.rule, tt.address)
		}
		if r.Match(netip.Addr{}) {
			t.Errorf("%s matches an unknown address", tt.rule)
		}
	}
	var zero AddressRule
	for _, a := range []string{"0.0.0.0", "::", "203.0.113.7"} {
		if zero.Match(netip.MustParseAddr(a)) {
			t.Errorf("the zero rule matches %s", a)
		}
	}
	if zero.Match(netip.Addr{}) {
		t.Error("the zero rule matches an unknown address")
	}
}

func TestOddAddressRulesAreErrors(t *testing.T) {
	for _, s := range []string{
		"", " ", "*", "all", "localhost", "127.1", "1", "0x7f.0.0.1", "127.0.0.01", "0177.0.0.1", "203.0.113", "203.0.113.7.", "203.0.113.256",
		" 203.0.113.7", "203.0.113.7 ", "203.0.113.7\n", "203.0.113.7\x00", "203.0.113.7:80", "[2001:db8::1]", "2001:db8::1::", "2001:db8", ":::",
		"203.0.113.7/24", "203.0.113.1/31", "2001:db8::1/64", "::ffff:203.0.113.7/120", "203.0.113.0/33", "2001:db8::/129", "203.0.113.0/-1", "203.0.113.0/+24",
		"203.0.113.0/024", "203.0.113.0/", "/24", "203.0.113.0/24/24", "203.0.113.0/255.255.255.0", "203.0.113.*", "203.0.113.7-9", "203.0.113.7,203.0.113.8",
		"0.0.0.0/0", "::/0", "::ffff:0.0.0.0/96", "::ffff:0:0/95", "::ffff:203.0.113.0/24", "0.0.0.0", "::", "::ffff:0.0.0.0", "0.0.0.0/32", "::/128",
		"fe80::1%eth0", "fe80::%eth0/64", "fe80::1%", "203.0.113.7%eth0", "%",
	} {
		if r, err := ParseAddressRule(s); err == nil {
			t.Errorf("%q is the rule %s", s, r)
		}
	}
}

func TestAHostBitErrorSaysWhatToWrite(t *testing.T) {
	_, err := ParseAddressRule("203.0.113.7/24")
	if err == nil || !strings.Contains(err.Error(), "203.0.113.0/24") {
		t.Errorf("got %v", err)
	}
}

func TestAddressRulesKnowTheirFamilyAndSize(t *testing.T) {
	for s, want := range map[string][2]bool{
		"203.0.113.7": {true, true}, "203.0.113.7/32": {true, true}, "203.0.113.0/24": {true, false}, "::ffff:203.0.113.7": {true, true},
		"2001:db8::1": {false, true}, "2001:db8::/64": {false, false}, "2001:db8::1/128": {false, true},
	} {
		r, err := ParseAddressRule(s)
		if err != nil || r.Is4() != want[0] || r.Single() != want[1] {
			t.Errorf("%s: %v, IPv4 %v, single %v", s, err, r.Is4(), r.Single())
		}
	}
}
