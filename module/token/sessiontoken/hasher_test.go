package sessiontoken

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/playgate/playgate/module/token"
)

func testHasher(t testing.TB, secret byte) Hasher {
	t.Helper()
	h, err := NewHasher(bytes.Repeat([]byte{secret}, token.MinSecret))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHashers(t *testing.T) {
	for n, ok := range map[int]bool{0: false, token.MinSecret - 1: false, token.MinSecret: true, 1000: true} {
		if h, err := NewHasher(make([]byte, n)); (err == nil) != ok || h.Valid() != ok {
			t.Errorf("a secret of %d bytes: %v", n, err)
		}
	}
	a, b := testHasher(t, 'a'), testHasher(t, 'b')
	if !a.Equal(testHasher(t, 'a')) || a.Equal(b) || a.Equal(Hasher{}) || !(Hasher{}).Equal(Hasher{}) {
		t.Error("hashers of one secret are equal, and no others")
	}
}

// What is hashed is kept apart by kind and organisation, wherever one text
// ends and the next begins.
func TestHash(t *testing.T) {
	k, other, zero := testHasher(t, 'a'), testHasher(t, 'b'), Hasher{}
	seen := map[uint64]string{}
	for _, kind := range []string{"token", "tag", "user", "key", "page", "", "a", "ab"} {
		for _, org := range []string{"acme", "", "a", "b", "ab"} {
			for _, value := range []string{"x", "acme", "ab", "b", "acmex"} {
				what := fmt.Sprintf("%q %q %q", kind, org, value)
				h := k.Hash(kind, org, value)
				if h == 0 || h != k.Hash(kind, org, value) {
					t.Errorf("%s: %x", what, h)
				}
				if other, ok := seen[h]; ok {
					t.Errorf("%s and %s are the same", what, other)
				}
				seen[h] = what
				if other.Hash(kind, org, value) == h || zero.Hash(kind, org, value) != 0 {
					t.Errorf("%s has the same hash under another secret, or one without", what)
				}
			}
			if k.Hash(kind, org, "") != 0 {
				t.Errorf("nothing of %q, %q has a hash", kind, org)
			}
		}
	}
}

// Issuers and audiences are apart too.
func TestShortHash(t *testing.T) {
	h := testHasher(t, 'a')
	seen := map[uint32]string{}
	for what, hash := range map[string]uint32{
		"issuer x": h.Issuer("x"), "issuer y": h.Issuer("y"), "audience x": h.Audience("x"), "audience y": h.Audience("y"),
		"issuer x, another secret": testHasher(t, 'b').Issuer("x"),
	} {
		if seen[hash] != "" || hash == 0 {
			t.Errorf("%s has the hash of %q", what, seen[hash])
		}
		seen[hash] = what
	}
	if h.Issuer("") != 0 || h.Audience("") != 0 || (Hasher{}).Issuer("x") != 0 {
		t.Error("nothing has a hash")
	}
}

// A session is named by its playback token, stream and viewer, and by nothing that
// changes from one reload to the next.
func TestSessionID(t *testing.T) {
	k := testHasher(t, 'a')
	viewer := Viewer{Org: "acme", TokenID: "t1", Address: netip.MustParseAddr("203.0.113.7"), UserAgent: "player"}
	with := func(change func(*Viewer)) Viewer {
		v := viewer
		change(&v)
		return v
	}
	id := k.SessionID(viewer, "cam")
	for what, same := range map[string]Viewer{
		"the same":       viewer,
		"in its network": with(func(v *Viewer) { v.Address = netip.MustParseAddr("203.0.113.250") }),
		"mapped":         with(func(v *Viewer) { v.Address = netip.MustParseAddr("::ffff:203.0.113.7") }),
	} {
		if k.SessionID(same, "cam") != id {
			t.Errorf("%s: another session", what)
		}
	}
	six := with(func(v *Viewer) { v.Address = netip.MustParseAddr("2001:db8:0:100::1") })
	if k.SessionID(six, "cam") != k.SessionID(with(func(v *Viewer) { v.Address = netip.MustParseAddr("2001:db8:0:1ff::2%eth0") }), "cam") {
		t.Error("in one /56 there are two sessions")
	}
	for what, other := range map[string][8]byte{
		"stream":  k.SessionID(viewer, "cam2"),
		"token":   k.SessionID(with(func(v *Viewer) { v.TokenID = "t2" }), "cam"),
		"org":     k.SessionID(with(func(v *Viewer) { v.Org = "acme2" }), "cam"),
		"network": k.SessionID(with(func(v *Viewer) { v.Address = netip.MustParseAddr("203.0.114.7") }), "cam"),
		"address": k.SessionID(with(func(v *Viewer) { v.Address = netip.Addr{} }), "cam"),
		"v6":      k.SessionID(six, "cam"),
		"player":  k.SessionID(with(func(v *Viewer) { v.UserAgent = "other" }), "cam"),
		"key":     testHasher(t, 'b').SessionID(viewer, "cam"),
		"letters": k.SessionID(with(func(v *Viewer) { v.Org, v.TokenID = "acm", "et1" }), "cam"),
	} {
		if other == id {
			t.Errorf("another %s has the same session", what)
		}
	}
}

// A page is one of the rule that it matched, whose hash is keyed: no other host has
// it, and no other key.
func TestOnPage(t *testing.T) {
	k, other := testHasher(t, 'a'), testHasher(t, 'b')
	for _, tc := range []struct {
		pattern, host, port string
		want                bool
	}{
		{"example.com", "example.com", "443", true},
		{"example.com", "example.com", "8443", true},
		{"example.com", "www.example.com", "443", false},
		{"example.com", "example.org", "443", false},
		{"example.com:8443", "example.com", "8443", true},
		{"example.com:8443", "example.com", "443", false},
		{"*.example.com", "www.example.com", "443", true},
		{"*.example.com", "a.b.c.example.com", "443", true},
		{"*.example.com", "example.com", "443", false},
		{"*.example.com", "wwwexample.com", "443", false},
		{"*.example.com:8443", "www.example.com", "8443", true},
		{"*.example.com:8443", "www.example.com", "443", false},
		{"[2001:db8::1]", "2001:db8::1", "443", true},
		{"[2001:db8::1]:8443", "2001:db8::1", "8443", true},
		{"[2001:db8::1]", "2001:db8::2", "443", false},
		{"203.0.113.7", "203.0.113.7", "80", true},
		{"203.0.113.7", "203.0.113.8", "80", false},
		{"good.example", "pzodw2bd.evil.test", "443", false},
		{"example.com", "", "443", false},
	} {
		pattern, err := token.ParseHostPattern(tc.pattern)
		if err != nil {
			t.Fatal(tc.pattern, err)
		}
		hash := k.Page(pattern)
		if got := k.OnPage(hash, tc.host, tc.port); got != tc.want || got != pattern.Match(tc.host, tc.port) {
			t.Errorf("%s for %s:%s: %v", tc.pattern, tc.host, tc.port, got)
		}
		if other.OnPage(hash, tc.host, tc.port) || k.OnPage(0, tc.host, tc.port) || (Hasher{}).OnPage(hash, tc.host, tc.port) {
			t.Errorf("%s for %s:%s is met by another key, no rule, or no key", tc.pattern, tc.host, tc.port)
		}
	}
}

// A key is named by its id, algorithm and material: with any of them another, it is
// another key.
func TestKeyHash(t *testing.T) {
	secret := func(c string) []byte { return []byte(strings.Repeat(c, token.MinSecret)) }
	key := func(id, algorithm string, material any) *token.Key {
		t.Helper()
		k, err := token.NewKey(id, algorithm, material)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	h := testHasher(t, 'a')
	first := key("main", token.HS256, secret("a"))
	if h.Key(first) != h.Key(key("main", token.HS256, secret("a"))) || h.Key(first) == 0 || h.Key(first) == testHasher(t, 'b').Key(first) {
		t.Error("the same key has two hashes, or none")
	}
	seen := map[uint64]string{h.Key(first): "first"}
	for what, k := range map[string]*token.Key{
		"another secret": key("main", token.HS256, secret("b")), "another id": key("other", token.HS256, secret("a")),
		"RS256": key("main", token.RS256, rsaKey), "PS256": key("main", token.PS256, rsaKey),
	} {
		if hash := h.Key(k); seen[hash] != "" || hash == 0 {
			t.Errorf("%s has the hash of %q", what, seen[hash])
		} else {
			seen[hash] = what
		}
	}
	if h.Key(nil) != 0 {
		t.Error("no key has a hash")
	}
}
