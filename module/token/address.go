package token

import (
	"errors"
	"net/netip"
	"strings"
)

// AddressRule is one entry of an ip claim: an address or a prefix, v4 or v6,
// with v4-mapped v6 unmapped. The zero value matches nothing.
type AddressRule struct{ prefix netip.Prefix }

// ParseAddressRule reads "203.0.113.7", "203.0.113.0/24", "2001:db8::1" or
// "2001:db8::/64". Zones, host bits and rules that match everything are errors.
func ParseAddressRule(s string) (AddressRule, error) {
	if strings.Contains(s, "%") {
		return AddressRule{}, errors.New("an address rule cannot have a zone; leave out the part from % on")
	}
	var prefix netip.Prefix
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return AddressRule{}, errors.New("not an address prefix; write it like 203.0.113.0/24 or 2001:db8::/64")
		}
		if p.Addr().Is4In6() {
			if p.Bits() < 96 {
				return AddressRule{}, errors.New("a v4-mapped prefix must have at least 96 bits; write it as an IPv4 prefix")
			}
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		prefix = p
	} else {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return AddressRule{}, errors.New("not an IP address; write it like 203.0.113.7 or 2001:db8::1")
		}
		a = a.Unmap()
		prefix = netip.PrefixFrom(a, a.BitLen())
	}
	if prefix.Bits() == 0 || prefix.IsSingleIP() && prefix.Addr().IsUnspecified() {
		return AddressRule{}, errors.New("this matches every address or none; leave the rule out instead")
	}
	if prefix.Masked() != prefix {
		return AddressRule{}, errors.New("the prefix has host bits; write its first address, like " + prefix.Masked().String())
	}
	return AddressRule{prefix}, nil
}

// Match reports whether the rule includes the address. An invalid address
// matches nothing.
func (r AddressRule) Match(a netip.Addr) bool {
	return r.prefix.IsValid() && r.prefix.Contains(a.Unmap().WithZone(""))
}

// Bits is the length of the prefix.
func (r AddressRule) Bits() int { return r.prefix.Bits() }

// Is4 reports whether the rule is about IPv4.
func (r AddressRule) Is4() bool { return r.prefix.Addr().Is4() }

// Single reports whether the rule is about one address.
func (r AddressRule) Single() bool { return r.prefix.IsSingleIP() }

// String is the rule in its canonical spelling.
func (r AddressRule) String() string {
	if r.prefix.IsSingleIP() {
		return r.prefix.Addr().String()
	}
	return r.prefix.String()
}
