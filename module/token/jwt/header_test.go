package jwt

import (
	"errors"
	"strings"
	"testing"

	"github.com/playgate/playgate/module/token"
)

func TestReadRefusesAHeaderThatIsNotPlain(t *testing.T) {
	tests := []struct{ name, header string }{
		{"alg none", `{"alg":"none","kid":"eddsa"}`},
		{"alg None", `{"alg":"None","kid":"eddsa"}`},
		{"alg NONE", `{"alg":"NONE","kid":"eddsa"}`},
		{"alg empty", `{"alg":"","kid":"eddsa"}`},
		{"alg missing", `{"kid":"eddsa"}`},
		{"alg null", `{"alg":null,"kid":"eddsa"}`},
		{"alg in an array", `{"alg":["EdDSA"],"kid":"eddsa"}`},
		{"alg a number", `{"alg":1,"kid":"eddsa"}`},
		{"alg an object", `{"alg":{"EdDSA":1},"kid":"eddsa"}`},
		{"alg true", `{"alg":true,"kid":"eddsa"}`},
		{"alg in small letters", `{"alg":"eddsa","kid":"eddsa"}`},
		{"alg with a blank", `{"alg":"EdDSA ","kid":"eddsa"}`},
		{"alg with a NUL", `{"alg":"EdDSA\u0000","kid":"eddsa"}`},
		{"alg ed25519", `{"alg":"ed25519","kid":"eddsa"}`},
		{"alg Ed448", `{"alg":"Ed448","kid":"eddsa"}`},
		{"alg Ed25519 with a blank", `{"alg":"Ed25519 ","kid":"eddsa"}`},
		{"alg HS512", `{"alg":"HS512","kid":"eddsa"}`},
		{"alg HS384", `{"alg":"HS384","kid":"eddsa"}`},
		{"alg ES512", `{"alg":"ES512","kid":"eddsa"}`},
		{"alg RS384", `{"alg":"RS384","kid":"eddsa"}`},
		{"alg PS512", `{"alg":"PS512","kid":"eddsa"}`},
		{"alg of an encryption", `{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","kid":"eddsa"}`},

		{"crit unknown", `{"alg":"EdDSA","kid":"eddsa","crit":["x"],"x":1}`},
		{"crit of something known", `{"alg":"EdDSA","kid":"eddsa","crit":["exp"],"exp":1}`},
		{"crit empty", `{"alg":"EdDSA","kid":"eddsa","crit":[]}`},
		{"crit null", `{"alg":"EdDSA","kid":"eddsa","crit":null}`},
		{"crit in other case", `{"alg":"EdDSA","kid":"eddsa","CRIT":["x"],"x":1}`},
		{"b64 false", `{"alg":"EdDSA","kid":"eddsa","b64":false}`},
		{"b64 false and critical", `{"alg":"EdDSA","kid":"eddsa","b64":false,"crit":["b64"]}`},
		{"b64 true", `{"alg":"EdDSA","kid":"eddsa","b64":true}`},
		{"zip", `{"alg":"EdDSA","kid":"eddsa","zip":"DEF"}`},
		{"zip null", `{"alg":"EdDSA","kid":"eddsa","zip":null}`},
		{"Zip", `{"alg":"EdDSA","kid":"eddsa","Zip":"DEF"}`},

		{"typ of another token", `{"alg":"EdDSA","kid":"eddsa","typ":"at+jwt"}`},
		{"typ with a blank", `{"alg":"EdDSA","kid":"eddsa","typ":"JWT "}`},
		{"typ of a media type", `{"alg":"EdDSA","kid":"eddsa","typ":"application/jwt"}`},
		{"typ empty", `{"alg":"EdDSA","kid":"eddsa","typ":""}`},
		{"typ null", `{"alg":"EdDSA","kid":"eddsa","typ":null}`},
		{"typ in an array", `{"alg":"EdDSA","kid":"eddsa","typ":["JWT"]}`},

		{"kid a number", `{"alg":"EdDSA","kid":1}`},
		{"kid null", `{"alg":"EdDSA","kid":null}`},
		{"kid in an array", `{"alg":"EdDSA","kid":["eddsa"]}`},
		{"kid an object", `{"alg":"EdDSA","kid":{"eddsa":1}}`},
		{"kid empty", `{"alg":"EdDSA","kid":""}`},
		{"kid very long", `{"alg":"EdDSA","kid":"` + strings.Repeat("k", 257) + `"}`},

		{"alg twice", `{"alg":"EdDSA","alg":"EdDSA","kid":"eddsa"}`},
		{"alg twice, once none", `{"alg":"none","alg":"EdDSA","kid":"eddsa"}`},
		{"kid twice", `{"alg":"EdDSA","kid":"other","kid":"eddsa"}`},
		{"an unknown member twice", `{"alg":"EdDSA","kid":"eddsa","x":1,"x":2}`},
		{"a member twice further down", `{"alg":"EdDSA","kid":"eddsa","jwk":{"kty":"OKP","kty":"EC"}}`},
		{"ALG", `{"ALG":"EdDSA","kid":"eddsa"}`},
		{"alg and Alg", `{"alg":"EdDSA","Alg":"none","kid":"eddsa"}`},
		{"Kid", `{"alg":"EdDSA","Kid":"eddsa"}`},
		{"kid with the Kelvin sign", `{"alg":"EdDSA","` + "\u212a" + `id":"eddsa"}`},
		{"alg with an escape", `{"\u0061lg":"EdDSA","kid":"eddsa"}`},
		{"crit with an escape", `{"alg":"EdDSA","kid":"eddsa","\u0063rit":["x"]}`},

		{"no object", `["EdDSA"]`},
		{"a string", `"EdDSA"`},
		{"null", `null`},
		{"nothing", ``},
		{"blank", ` `},
		{"an empty object", `{}`},
		{"not closed", `{"alg":"EdDSA","kid":"eddsa"`},
		{"a second object", goodHeader + `{}`},
		{"something behind it", goodHeader + ` x`},
		{"a NUL behind it", goodHeader + "\x00"},
		{"a comma too many", `{"alg":"EdDSA","kid":"eddsa",}`},
		{"a comment", `{"alg":"EdDSA",/**/"kid":"eddsa"}`},
		{"single quotes", `{'alg':'EdDSA','kid':'eddsa'}`},
		{"a byte order mark", "\ufeff" + goodHeader},
		{"UTF-16", "\xff\xfe{\x00}\x00"},
		{"invalid UTF-8 in a value", `{"alg":"EdDSA","kid":"eddsa","x":"` + "\xff" + `"}`},
		{"invalid UTF-8 in a name", `{"alg":"EdDSA","kid":"eddsa","` + "\xc0\xaf" + `":1}`},
	}
	ring := mustRing(t, allKeys()...)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Read(forge(t, tt.header, goodClaims, edKey), ring); !errors.Is(err, token.ErrMalformed) {
				t.Errorf("got %v, want malformed_token", err)
			}
		})
	}
}

func TestReadTakesTypInAnyCase(t *testing.T) {
	ring := mustRing(t, edKey)
	for _, typ := range []string{"JWT", "jwt", "Jwt", "jWT"} {
		if _, err := Read(forge(t, `{"alg":"EdDSA","kid":"eddsa","typ":"`+typ+`"}`, goodClaims, edKey), ring); err != nil {
			t.Errorf("%s: %v", typ, err)
		}
	}
}

// Ed25519 (RFC 9864) and EdDSA are one algorithm, of keys of that curve alone.
func TestReadTakesEd25519ForEdDSA(t *testing.T) {
	ring := mustRing(t, allKeys()...)
	for header, want := range map[string]error{
		`{"alg":"Ed25519","kid":"eddsa"}`: nil,
		`{"alg":"Ed25519"}`:               nil, // the one key of the algorithm
		`{"alg":"Ed25519","kid":"es256"}`: token.ErrBadSignature,
		`{"alg":"Ed25519","kid":"hs256"}`: token.ErrBadSignature,
		`{"alg":"Ed25519","kid":"other"}`: token.ErrUnknownKey,
	} {
		g, err := Read(forge(t, header, goodClaims, edKey), ring)
		if !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%s: got %v, want %v", header, err, want)
		}
		if err == nil && g.Key.Algorithm != token.EdDSA {
			t.Errorf("%s: the key is for %s", header, g.Key.Algorithm)
		}
	}
	if _, err := Read(forge(t, `{"alg":"Ed25519","kid":"es256"}`, goodClaims, es256), ring); !errors.Is(err, token.ErrBadSignature) {
		t.Errorf("signed by ES256: %v", err)
	}
}

func TestReadTakesAKeyIDForNothingButAName(t *testing.T) {
	ring := mustRing(t, allKeys()...)
	for _, kid := range []string{
		"../../../../dev/null", "/etc/passwd", "eddsa' OR '1'='1", "https://evil.example/jwks.json", "eddsa\u0000",
		"eddsa\nINFO forged", "EDDSA", "eddsa ", " eddsa", "*", strings.Repeat("k", 65), strings.Repeat("k", 256),
	} {
		header := `{"alg":"EdDSA","kid":` + jsonString(t, kid) + `}`
		_, err := Read(forge(t, header, goodClaims, edKey), ring)
		if !errors.Is(err, token.ErrUnknownKey) && !errors.Is(err, token.ErrMalformed) {
			t.Errorf("kid %q: got %v, want unknown_key or malformed_token", kid, err)
		}
	}
}

func TestReadIgnoresKeysThatTheTokenBrings(t *testing.T) {
	attacker, err := token.GenerateKey("attacker", token.EdDSA)
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := attacker.MarshalJWK(true)
	if err != nil {
		t.Fatal(err)
	}
	ring := mustRing(t, allKeys()...)
	for _, extra := range []string{
		`"jwk":` + string(jwk),
		`"jku":"https://evil.example/jwks.json"`,
		`"x5u":"https://evil.example/cert.pem"`,
		`"x5c":["MIIB"]`,
		`"x5t":"abc","x5t#S256":"abc"`,
	} {
		header := `{"alg":"EdDSA","kid":"eddsa",` + extra + `}`
		if _, err := Read(forge(t, header, goodClaims, attacker), ring); !errors.Is(err, token.ErrBadSignature) {
			t.Errorf("%s, signed by the attacker: got %v, want bad_signature", extra, err)
		}
		if _, err := Read(forge(t, header, goodClaims, edKey), ring); err != nil {
			t.Errorf("%s, signed by us: %v", extra, err)
		}
	}
}
