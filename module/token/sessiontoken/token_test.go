package sessiontoken

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/playgate/playgate/module/token"
)

func testKey(t testing.TB, secret byte) Key {
	t.Helper()
	k, err := NewKey(bytes.Repeat([]byte{secret}, token.MinSecret))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// sample is a token with all its fields filled.
func sample() Token {
	return Token{
		ID: [8]byte{1, 2, 3, 4, 5, 6, 7, 8}, Expires: 1_800_000_000, IssuedAt: 1_799_990_000,
		IssuedWithin: true, TokenID: 1, Tag: 2, User: 3, Key: 4, Page: 12345, Issuer: 6, Audience: [2]uint32{7, 8}, Prefix: 24,
	}
}

func at(address string) Scope {
	s := Scope{Org: "acme", Stream: "cam"}
	if address != "" {
		s.Address = netip.MustParseAddr(address)
	}
	return s
}

func TestRoundTrip(t *testing.T) {
	k := testKey(t, 'a')
	for name, change := range map[string]func(*Token){
		"everything":     func(*Token) {},
		"nothing":        func(s *Token) { *s = Token{Prefix: -1} },
		"a whole second": func(s *Token) { s.IssuedWithin = false },
		"no page rule":   func(s *Token) { s.Page = 0 },
		"no address":     func(s *Token) { s.Prefix = -1 },
		"the least bits": func(s *Token) { s.Prefix = 0 },
		"one address":    func(s *Token) { s.Prefix = 32 },
		"one audience":   func(s *Token) { s.Audience[1] = 0 },
		"largest values": func(s *Token) {
			s.Expires, s.IssuedAt = 1<<32-1, 1<<32-1
			s.TokenID, s.Tag, s.User, s.Key, s.Page = 1<<64-1, 1<<64-1, 1<<64-1, 1<<64-1, 1<<64-1
			s.Issuer, s.Audience = 1<<24-1, [2]uint32{1<<20 - 1, 1<<20 - 1}
		},
	} {
		t.Run(name, func(t *testing.T) {
			want := sample()
			change(&want)
			text := k.Mint(want, at("203.0.113.7"))
			if len(text) != Length || Length > 120 || !HasForm(text) {
				t.Errorf("%d characters: %s", len(text), text)
			}
			got, err := k.Read(text, at("203.0.113.7"))
			if err != nil || got != want {
				t.Errorf("got %+v, %v, want %+v", got, err, want)
			}
			if again := k.Mint(want, at("203.0.113.7")); again != text {
				t.Errorf("minted anew it is another: %s, %s", text, again)
			}
		})
	}
}

// A token is good for one organisation, stream and, under an address rule,
// prefix. For anything else it is forged.
func TestScope(t *testing.T) {
	k := testKey(t, 'a')
	for name, tc := range map[string]struct {
		prefix   int
		from, to Scope
		ok       bool
	}{
		"same":                            {24, at("203.0.113.7"), at("203.0.113.7"), true},
		"neighbour in the prefix":         {24, at("203.0.113.7"), at("203.0.113.250"), true},
		"mapped":                          {24, at("203.0.113.7"), at("::ffff:203.0.113.8"), true},
		"minted mapped":                   {24, at("::ffff:203.0.113.7"), at("203.0.113.8"), true},
		"outside of the prefix":           {24, at("203.0.113.7"), at("203.0.114.7"), false},
		"one address":                     {32, at("203.0.113.7"), at("203.0.113.8"), false},
		"no address":                      {24, at("203.0.113.7"), at(""), false},
		"the other family":                {24, at("203.0.113.7"), at("2001:db8::1"), false},
		"the other family, many bits":     {64, at("2001:db8::1"), at("203.0.113.7"), false},
		"the other family, 32 bits":       {32, at("2001:db8::1"), at("32.1.13.184"), false},
		"all of the other family":         {0, at("203.0.113.7"), at("2001:db8::1"), false},
		"v6 in the prefix":                {64, at("2001:db8::1"), at("2001:db8::ffff"), true},
		"v6 with a zone":                  {64, at("fe80::1"), at("fe80::2%eth0"), true},
		"v6 outside":                      {64, at("2001:db8::1"), at("2001:db8:0:1::1"), false},
		"no rule, elsewhere":              {-1, at("203.0.113.7"), at("2001:db8::1"), true},
		"no rule, nowhere":                {-1, at("203.0.113.7"), at(""), true},
		"other stream":                    {-1, at(""), Scope{Org: "acme", Stream: "cam2"}, false},
		"other organisation":              {-1, at(""), Scope{Org: "acme2", Stream: "cam"}, false},
		"no stream":                       {-1, at(""), Scope{Org: "acme"}, false},
		"letters from one to the other":   {-1, Scope{Org: "ab", Stream: "c"}, Scope{Org: "a", Stream: "bc"}, false},
		"stream in the place of the org":  {-1, Scope{Org: "a", Stream: "b"}, Scope{Org: "b", Stream: "a"}, false},
		"stream in capitals":              {-1, at(""), Scope{Org: "acme", Stream: "Cam"}, false},
		"nowhere with a rule is no token": {24, at(""), at("203.0.113.7"), false},
	} {
		t.Run(name, func(t *testing.T) {
			s := sample()
			s.Prefix = tc.prefix
			_, err := k.Read(k.Mint(s, tc.from), tc.to)
			if tc.ok != (err == nil) || err != nil && !errors.Is(err, token.ErrBadSignature) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// Whatever byte or bit is changed, it is no token any more.
func TestForged(t *testing.T) {
	k := testKey(t, 'a')
	text := k.Mint(sample(), at("203.0.113.7"))
	raw, err := base64.RawURLEncoding.DecodeString(text[2:])
	if err != nil || len(raw) != 87 {
		t.Fatalf("%d bytes, %v", len(raw), err)
	}
	for i := range raw {
		for bit := range 8 {
			forged := bytes.Clone(raw)
			forged[i] ^= 1 << bit
			_, err := k.Read("s."+base64.RawURLEncoding.EncodeToString(forged), at("203.0.113.7"))
			want := token.ErrBadSignature
			switch {
			case i == 0, i == 2 && bit > 0, i >= 68 && i < 71: // version, flags, reserved
				want = token.ErrMalformed
			case i == 1:
				want = token.ErrUnknownKey
			}
			if !errors.Is(err, want) {
				t.Errorf("byte %d, bit %d: %v instead of %v", i, bit, err, want)
			}
		}
	}
	// One token has one spelling: the last character has bits to spare.
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	good := 0
	for i := range len(text) {
		for _, c := range alphabet + ".=~" {
			if _, err := k.Read(text[:i]+string(c)+text[i+1:], at("203.0.113.7")); err == nil {
				good++
			}
		}
	}
	// "s" and "." are of the alphabets above too, and so is each other character.
	if good != len(text) {
		t.Errorf("%d texts of one changed character are accepted, apart from the token itself", good-len(text))
	}
}

func TestOtherTexts(t *testing.T) {
	k := testKey(t, 'a')
	text := k.Mint(sample(), at("203.0.113.7"))
	for i := range text {
		if _, err := k.Read(text[:i], at("203.0.113.7")); !errors.Is(err, token.ErrMalformed) || HasForm(text[:i]) {
			t.Errorf("cut to %d characters: %v", i, err)
		}
	}
	for name, other := range map[string]string{
		"longer":             text + "A",
		"shorter in front":   text[1:],
		"capital":            "S" + text[1:],
		"other prefix":       "t" + text[1:],
		"dot inside":         text[:50] + "." + text[51:],
		"plus":               text[:50] + "+" + text[51:],
		"slash":              text[:50] + "/" + text[51:],
		"padding":            text[:Length-1] + "=",
		"blank":              text[:50] + " " + text[51:],
		"line end":           text[:50] + "\n" + text[51:],
		"line ends, decoded": text[:50] + "\r\n" + text[52:],
		"NUL":                text[:50] + "\x00" + text[51:],
		"beyond ASCII":       text[:50] + "é" + text[52:],
		"a JWT":              "s." + strings.Repeat("a", 55) + "." + strings.Repeat("b", 60),
	} {
		if _, err := k.Read(other, at("203.0.113.7")); !errors.Is(err, token.ErrMalformed) || HasForm(other) {
			t.Errorf("%s: %v, form %v", name, err, HasForm(other))
		}
	}
	if !HasForm("s.Av"+strings.Repeat("-", Length-4)) || HasForm("s.Aw"+strings.Repeat("-", Length-4)) || HasForm("s.Bg"+strings.Repeat("-", Length-4)) {
		t.Error("a text of the right form has none, or one of another version has it")
	}
}

func TestKeys(t *testing.T) {
	for n, ok := range map[int]bool{0: false, 1: false, token.MinSecret - 1: false, token.MinSecret: true, 64: true, 1000: true} {
		if k, err := NewKey(make([]byte, n)); (err == nil) != ok || k.Valid() != ok {
			t.Errorf("a secret of %d bytes: %v", n, err)
		}
	}
	one, two := testKey(t, 'a'), testKey(t, 'b')
	text := one.Mint(sample(), at("203.0.113.7"))
	if _, err := two.Read(text, at("203.0.113.7")); !errors.Is(err, token.ErrUnknownKey) {
		t.Errorf("with another key: %v", err)
	}
	// Keys whose ids happen to be the same still differ.
	raw, _ := base64.RawURLEncoding.DecodeString(text[2:])
	raw[1] = two.id
	if _, err := two.Read("s."+base64.RawURLEncoding.EncodeToString(raw), at("203.0.113.7")); !errors.Is(err, token.ErrBadSignature) {
		t.Errorf("with a key of the same id: %v", err)
	}
	var zero Key
	if zero.Valid() {
		t.Error("the zero key is valid")
	}
	for name, forged := range map[string]string{"its own": zero.Mint(sample(), at("203.0.113.7")), "another's": text} {
		if _, err := zero.Read(forged, at("203.0.113.7")); !errors.Is(err, token.ErrUnknownKey) {
			t.Errorf("the zero key reads %s token: %v", name, err)
		}
	}
	if strings.Contains(fmt.Sprint(errShort), "aaa") {
		t.Error("the error tells the secret")
	}
}

func TestExpiresAt(t *testing.T) {
	s := sample()
	if got := s.ExpiresAt().Unix(); got != s.Expires {
		t.Error(got)
	}
}

// FuzzRead reads anything at all: what is accepted is what Mint writes.
func FuzzRead(f *testing.F) {
	k := testKey(f, 'a')
	f.Add(k.Mint(sample(), at("203.0.113.7")), "acme", "cam", "203.0.113.7")
	f.Fuzz(func(t *testing.T, text, org, stream, address string) {
		s := Scope{Org: org, Stream: stream}
		s.Address, _ = netip.ParseAddr(address)
		got, err := k.Read(text, s)
		if err != nil {
			if got != (Token{}) {
				t.Errorf("a refused token says %+v", got)
			}
			var ofToken *token.Error
			if !errors.As(err, &ofToken) || strings.Contains(err.Error(), text) && len(text) > 20 {
				t.Errorf("error %v", err)
			}
			return
		}
		if again := k.Mint(got, s); again != text {
			t.Errorf("%q is accepted, but %q is how it is written", text, again)
		}
		other := s
		other.Stream += "x"
		if _, err := k.Read(text, other); err == nil {
			t.Error("it is good for another stream too")
		}
	})
}

func BenchmarkRead(b *testing.B) {
	k := testKey(b, 'a')
	text := k.Mint(sample(), at("203.0.113.7"))
	scope := at("203.0.113.7")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Read(text, scope); err != nil {
			b.Fatal(err)
		}
	}
}
