package jwt

import (
	"reflect"
	"strings"
	"testing"

	"github.com/playgate/playgate/module/token"
)

func fullGrant(t *testing.T) *token.Grant {
	t.Helper()
	g := &token.Grant{
		ID: "t1", Org: "org1", Streams: []string{"cam1", "cam-2"}, Expires: 1900000000, NotBefore: 1890000001, IssuedAt: 1890000000,
		Tag: "front <door> & \"gate\"", Subject: "Zoë", Issuer: "us", Audience: []string{"edge", "console"},
	}
	for _, s := range []string{"203.0.113.7", "2001:db8::/64"} {
		rule, err := token.ParseAddressRule(s)
		if err != nil {
			t.Fatal(err)
		}
		g.IPs = append(g.IPs, rule)
	}
	for _, s := range []string{"*.example.com:8443", "[2001:db8::1]", "example.com"} {
		pattern, err := token.ParseHostPattern(s)
		if err != nil {
			t.Fatal(err)
		}
		g.Referers = append(g.Referers, pattern)
	}
	return g
}

func TestWhatWasSignedIsWhatIsRead(t *testing.T) {
	orgwide := fullGrant(t)
	orgwide.Streams, orgwide.OrgWide = nil, true
	plain := &token.Grant{ID: "t2", Org: "org1", Streams: []string{"cam1"}, Expires: 1}
	ring := mustRing(t, allKeys()...)
	for _, key := range allKeys() {
		for _, g := range []*token.Grant{fullGrant(t), orgwide, plain} {
			text, err := Sign(g, key)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Read(text, ring)
			if err != nil {
				t.Fatal(err)
			}
			want := *g
			want.KeyID, want.Key = key.ID, key
			if !reflect.DeepEqual(*got, want) {
				t.Errorf("%s: got %+v, want %+v", key.ID, *got, want)
			}
		}
	}
}

func TestADefaultTokenIsAtMost320Characters(t *testing.T) {
	name := strings.Repeat("n", 16)
	g := &token.Grant{ID: token.NewID(16), Org: name, Streams: []string{name}, Expires: 1900000000, IssuedAt: 1898790400}
	text, err := Sign(g, mustKey("k2345678", token.EdDSA, edKey.Private()))
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > 320 {
		t.Errorf("%d characters: %s", len(text), text)
	}
}

func TestSignRefusesWhatTheGateWouldNotRead(t *testing.T) {
	good := token.Grant{ID: "t1", Org: "org1", Streams: []string{"cam1"}, Expires: 1900000000}
	tests := map[string]func(g *token.Grant){
		"no organisation":     func(g *token.Grant) { g.Org = "" },
		"odd organisation":    func(g *token.Grant) { g.Org = "org-1" },
		"no scope":            func(g *token.Grant) { g.Streams = nil },
		"both scopes":         func(g *token.Grant) { g.OrgWide = true },
		"odd stream":          func(g *token.Grant) { g.Streams = []string{"cam/1"} },
		"expiry before issue": func(g *token.Grant) { g.IssuedAt = g.Expires },
		"negative time":       func(g *token.Grant) { g.Expires = -1 },
		"milliseconds":        func(g *token.Grant) { g.Expires *= 1000 },
		"odd id":              func(g *token.Grant) { g.ID = "t 1" },
		"control character":   func(g *token.Grant) { g.Tag = "a\nb" },
		"invalid UTF-8":       func(g *token.Grant) { g.Tag = "\xff" },
		"empty address rule":  func(g *token.Grant) { g.IPs = make([]token.AddressRule, 1) },
		"empty page rule":     func(g *token.Grant) { g.Referers = make([]token.HostPattern, 1) },
		"too long":            func(g *token.Grant) { g.Audience = []string{strings.Repeat("x", 4000)} },
	}
	for name, change := range tests {
		g := good
		change(&g)
		if text, err := Sign(&g, edKey); err == nil || text != "" {
			t.Errorf("%s: signed %q", name, text)
		}
	}
}

func TestSignNeedsAPrivatePart(t *testing.T) {
	for _, key := range []*token.Key{edKey, es256, es384, rs256(), ps256()} {
		public := mustKey(key.ID, key.Algorithm, key.Public())
		if _, err := Sign(fullGrant(t), public); err == nil || !strings.Contains(err.Error(), "no private part") {
			t.Errorf("%s: got %v", key.ID, err)
		}
	}
}
