package jwt

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	golang "github.com/golang-jwt/jwt/v5"

	"github.com/playgate/playgate/module/token"
)

func TestReadAcceptsEveryAlgorithm(t *testing.T) {
	ring := mustRing(t, allKeys()...)
	for _, key := range allKeys() {
		for _, kid := range []string{`,"kid":"` + key.ID + `"`, ""} {
			header := `{"alg":"` + key.Algorithm + `"` + kid + `}`
			g, err := Read(forge(t, header, goodClaims, key), ring)
			if err != nil {
				t.Errorf("%s: %v", header, err)
				continue
			}
			want := &token.Grant{ID: "t1", Org: "org1", Streams: []string{"cam1"}, Expires: 1900000000, IssuedAt: 1890000000, KeyID: key.ID, Key: key}
			if !reflect.DeepEqual(g, want) {
				t.Errorf("%s: got %+v, want %+v", header, g, want)
			}
		}
	}
}

func TestReadAcceptsWhatTheProfileAllows(t *testing.T) {
	base := token.Grant{ID: "t1", Org: "org1", Streams: []string{"cam1"}, Expires: 1900000000, IssuedAt: 1890000000, KeyID: "eddsa", Key: edKey}
	orgwide := strings.Replace(with("streams", ""), `"exp"`, `"orgwide":true,"exp"`, 1)
	wide, long := strings.Repeat("é", 128), strings.Repeat("a", 128)
	tests := []struct {
		name, claims string
		change       func(g *token.Grant)
	}{
		{"one stream as a string", with("streams", `"cam1"`), nil},
		{"several streams", with("streams", `["cam1","c.a_m-2"]`), func(g *token.Grant) { g.Streams = []string{"cam1", "c.a_m-2"} }},
		{
			"the longest names", `{"org":"` + long[:64] + `","streams":["` + long + `"],"exp":1900000000,"iat":1890000000,"jti":"` + long + `"}`,
			func(g *token.Grant) { g.Org, g.Streams, g.ID = long[:64], []string{long}, long },
		},
		{"the whole organisation", orgwide, func(g *token.Grant) { g.Streams, g.OrgWide = nil, true }},
		{"not before", with("nbf", "1899999999"), func(g *token.Grant) { g.NotBefore = 1899999999 }},
		{"without iat", with("iat", ""), func(g *token.Grant) { g.IssuedAt = 0 }},
		{"the latest time that is in seconds", with("exp", "100000000000"), func(g *token.Grant) { g.Expires = 100000000000 }},
		{"an id of all its characters", with("jti", `"aZ0._:-"`), func(g *token.Grant) { g.ID = "aZ0._:-" }},
		{"an ID with an escape", with("jti", `"t\u0031"`), nil},
		{"tag and user", with("tag", `"front door","sub":"Zoë"`), func(g *token.Grant) { g.Tag, g.Subject = "front door", "Zoë" }},
		{"128 characters of two bytes", with("tag", quoted(wide)), func(g *token.Grant) { g.Tag = wide }},
		{"issuer and one audience", with("iss", `"us","aud":"edge"`), func(g *token.Grant) { g.Issuer, g.Audience = "us", []string{"edge"} }},
		{"several audiences", with("aud", `["a","b"]`), func(g *token.Grant) { g.Audience = []string{"a", "b"} }},
		{"unknown claims", with("x", `{"exp":1,"org":[{"a":null},1e300]},"prefixed_ips":["x"],"expires":1`), nil},
		{"white space", strings.NewReplacer(":", " :\n", ",", " ,\t").Replace(goodClaims) + " \r\n", nil},
	}
	ring := mustRing(t, allKeys()...)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := base
			if tt.change != nil {
				tt.change(&want)
			}
			g, err := Read(forge(t, goodHeader, tt.claims, edKey), ring)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(*g, want) {
				t.Errorf("got %+v, want %+v", *g, want)
			}
		})
	}
	for _, header := range []string{
		`{"alg":"EdDSA"}`, `{"typ":"JWT","alg":"EdDSA","kid":"eddsa"}`, `{"alg":"EdDSA","kid":"eddsa","cty":"x","x":{"crit":1}}`,
		"{\n\"alg\" : \"EdDSA\" } ", `{"alg":"\u0045dDSA","kid":"\u0065ddsa"}`,
	} {
		if _, err := Read(forge(t, header, goodClaims, edKey), ring); err != nil {
			t.Errorf("%s: %v", header, err)
		}
	}
}

func TestReadAcceptsRestrictions(t *testing.T) {
	ips := map[string]string{
		`["203.0.113.7"]`: "203.0.113.7", `["203.0.113.0/24"]`: "203.0.113.0/24", `["203.0.113.7/32"]`: "203.0.113.7",
		`["2001:db8::1"]`: "2001:db8::1", `["2001:DB8:0::/64"]`: "2001:db8::/64",
		`["::ffff:203.0.113.7"]`: "203.0.113.7", `["::ffff:203.0.113.0/120"]`: "203.0.113.0/24", `["::ffff:cb00:7107"]`: "203.0.113.7",
		`["0.0.0.0/1","128.0.0.0/1"]`: "0.0.0.0/1 128.0.0.0/1",
	}
	referers := map[string]string{
		`["example.com"]`: "example.com", `["*.example.com"]`: "*.example.com", `["Example.COM:8443"]`: "example.com:8443",
		`["*.example.com:443","localhost"]`: "*.example.com:443 localhost", `["xn--bcher-kva.example"]`: "xn--bcher-kva.example",
		`["203.0.113.7"]`: "203.0.113.7", `["[2001:db8::1]:8443"]`: "[2001:db8::1]:8443", `["a_b.example"]`: "a_b.example",
	}
	ring := mustRing(t, edKey)
	read := func(claim, value string) *token.Grant {
		t.Helper()
		g, err := Read(forge(t, goodHeader, with(claim, value), edKey), ring)
		if err != nil {
			t.Fatalf("%s %s: %v", claim, value, err)
		}
		return g
	}
	for value, want := range ips {
		var got []string
		for _, rule := range read("ip", value).IPs {
			got = append(got, rule.String())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("ip %s: got %s, want %s", value, got, want)
		}
	}
	for value, want := range referers {
		var got []string
		for _, pattern := range read("referer", value).Referers {
			got = append(got, pattern.String())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("referer %s: got %s, want %s", value, got, want)
		}
	}
}

func TestTheAlgorithmIsTheKeys(t *testing.T) {
	ring := mustRing(t, allKeys()...)
	rsaOnly := mustRing(t, rs256())
	ps := golang.SigningMethodPS256
	rs := golang.SigningMethodRS256
	header := func(alg, kid string) string { return encode(`{"alg":"` + alg + `","kid":"` + kid + `"}`) }
	claims := encode(goodClaims)
	tests := []struct {
		name, text string
		ring       *token.Keyring
		want       error
	}{
		// One RSA key pair serves for both, so that the signature alone would hold.
		{"PS256 by an RS256 key", forgeWith(t, header("PS256", "rs256"), claims, ps, rsaPair()), ring, token.ErrBadSignature},
		{"RS256 that calls itself PS256", forgeWith(t, header("PS256", "rs256"), claims, rs, rsaPair()), ring, token.ErrBadSignature},
		{"PS256 that calls itself RS256", forgeWith(t, header("RS256", "rs256"), claims, ps, rsaPair()), ring, token.ErrBadSignature},
		{"RS256 by a PS256 key", forgeWith(t, header("RS256", "ps256"), claims, rs, rsaPair()), ring, token.ErrBadSignature},
		{"PS256 without kid where there is only RS256", forgeWith(t, encode(`{"alg":"PS256"}`), claims, ps, rsaPair()), rsaOnly, token.ErrUnknownKey},
		{"EdDSA that calls itself ES256", forgeParts(t, header("ES256", "eddsa"), claims, edKey), ring, token.ErrBadSignature},
		{"EdDSA with the id of another key", forgeParts(t, header("EdDSA", "es256"), claims, edKey), ring, token.ErrBadSignature},
		{"HS256 that calls itself EdDSA", forgeParts(t, header("EdDSA", "hs256"), claims, hs256), ring, token.ErrBadSignature},
		{"HS512 by an HS256 key", forgeWith(t, header("HS256", "hs256"), claims, golang.SigningMethodHS512, hs256.Private()), ring, token.ErrBadSignature},
	}
	for _, tt := range tests {
		if _, err := Read(tt.text, tt.ring); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
}

func TestAPublicKeyIsNoSecret(t *testing.T) {
	for _, key := range []*token.Key{edKey, es256, es384, rs256(), ps256()} {
		for form, secret := range publicBytes(t, key) {
			for header, want := range map[string]error{
				`{"alg":"HS256","kid":"` + key.ID + `"}`:           token.ErrBadSignature,
				`{"alg":"HS256"}`:                                  token.ErrUnknownKey,
				`{"alg":"` + key.Algorithm + `"}`:                  token.ErrBadSignature,
				`{"alg":"HS512","kid":"` + key.ID + `"}`:           token.ErrMalformed,
				`{"alg":"HS256","kid":"` + key.ID + `","typ":"x"}`: token.ErrMalformed,
			} {
				text := forgeWith(t, encode(header), encode(goodClaims), golang.SigningMethodHS256, secret)
				if _, err := Read(text, mustRing(t, key)); !errors.Is(err, want) {
					t.Errorf("%s of %s, %s: got %v, want %v", form, key.ID, header, err, want)
				}
			}
		}
	}
}

func TestReadRefusesSignaturesThatAreNone(t *testing.T) {
	ring := mustRing(t, allKeys()...)
	for _, key := range allKeys() {
		good := forge(t, `{"alg":"`+key.Algorithm+`","kid":"`+key.ID+`"}`, goodClaims, key)
		end := strings.LastIndexByte(good, '.') + 1
		signed, signature := good[:end], good[end:]
		raw, err := strict.DecodeString(signature)
		if err != nil {
			t.Fatal(err)
		}
		tests := map[string][]byte{
			"empty": nil, "zero": make([]byte, len(raw)), "one byte": {1}, "one byte less": raw[:len(raw)-1], "half": raw[:len(raw)/2],
			"a zero more": append(slices.Clip(raw), 0), "a zero before": append([]byte{0}, raw...), "twice": append(slices.Clip(raw), raw...),
			"DER": {0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01}, "ones": []byte(strings.Repeat("\xff", len(raw))),
		}
		for name, b := range tests {
			if _, err := Read(signed+encode(string(b)), ring); !errors.Is(err, token.ErrBadSignature) {
				t.Errorf("%s, %s: got %v, want bad_signature", key.ID, name, err)
			}
		}
	}
}

func TestKeysSpeakForTheirOrganisationsOnly(t *testing.T) {
	other := mustKey("eddsa", token.EdDSA, edKey.Private())
	other.Orgs = []string{"org2"}
	retired := mustKey("eddsa", token.EdDSA, edKey.Private())
	retired.State = token.Retired
	text := forge(t, goodHeader, goodClaims, edKey)
	for name, ring := range map[string]*token.Keyring{
		"another organisation's": mustRing(t, other), "retired": mustRing(t, retired), "none": mustRing(t), "nil": nil,
	} {
		if _, err := Read(text, ring); !errors.Is(err, token.ErrUnknownKey) {
			t.Errorf("%s: got %v, want unknown_key", name, err)
		}
	}
}

func TestChecksComeInTheirOrder(t *testing.T) {
	ring := mustRing(t, edKey)
	bad := func(header, claims string) string {
		return encode(header) + "." + encode(claims) + "." + encode(strings.Repeat("x", 64))
	}
	tests := []struct {
		name, text string
		want       error
	}{
		{"shape before key", bad(`{"alg":"EdDSA","kid":"other"}`, `{}`), token.ErrMalformed},
		{"key before signature", bad(`{"alg":"EdDSA","kid":"other"}`, goodClaims), token.ErrUnknownKey},
		{"signature of what expired long ago", bad(goodHeader, `{"org":"org1","streams":"cam1","exp":1}`), token.ErrBadSignature},
	}
	for _, tt := range tests {
		if _, err := Read(tt.text, ring); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
}
