package jwt

import (
	"crypto/elliptic"
	"math/big"
	"strings"
	"testing"

	"github.com/playgate/playgate/module/token"
)

// allChars are the characters of tokens, and a few that lenient readers skip.
const allChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n\r\t\x00~%"

func TestNoOtherSpellingOfATokenVerifies(t *testing.T) {
	ring := mustRing(t, edKey)
	good := forge(t, goodHeader, goodClaims, edKey)
	if _, err := Read(good, ring); err != nil {
		t.Fatal(err)
	}
	refused := func(text, how string, at int) {
		if _, err := Read(text, ring); err == nil {
			t.Errorf("%s at byte %d: %q verifies too", how, at, text)
		}
	}
	for i := range len(good) {
		for j := range len(allChars) {
			if c := allChars[j : j+1]; c != good[i:i+1] {
				refused(good[:i]+c+good[i+1:], "another character", i)
			}
		}
		for bit := range 8 {
			b := []byte(good)
			b[i] ^= 1 << bit
			refused(string(b), "another bit", i)
		}
		refused(good[:i]+good[i+1:], "a character less", i)
		refused(good[:i], "cut", i)
		for _, c := range []string{"A", "=", "\n", "\r\n", " ", ".", "\x00"} {
			refused(good[:i]+c+good[i:], "a character more", i)
		}
	}
	for _, c := range []string{"A", "=", "==", "\n", "\r\n", " ", ".", "\x00", "&", "#"} {
		refused(good+c, "a character more", len(good))
	}
}

func TestAnIDMadeFromTheTextIsTheSameForBothECDSASignatures(t *testing.T) {
	for _, tt := range []struct {
		key   *token.Key
		curve elliptic.Curve
	}{{es256, elliptic.P256()}, {es384, elliptic.P384()}} {
		ring := mustRing(t, tt.key)
		text := forge(t, `{"alg":"`+tt.key.Algorithm+`"}`, with("jti", ""), tt.key)
		end := strings.LastIndexByte(text, '.') + 1
		raw, err := strict.DecodeString(text[end:])
		if err != nil {
			t.Fatal(err)
		}
		half := len(raw) / 2
		s := new(big.Int).SetBytes(raw[half:])
		s.Sub(tt.curve.Params().N, s).FillBytes(raw[half:])
		twin := text[:end] + encode(string(raw))
		first, err := Read(text, ring)
		if err != nil {
			t.Fatal(err)
		}
		second, err := Read(twin, ring)
		if err != nil {
			continue // refused altogether: then there is one spelling
		}
		if twin == text || first.ID != second.ID {
			t.Errorf("%s: ids %s and %s", tt.key.Algorithm, first.ID, second.ID)
		}
		if !strings.HasPrefix(first.ID, "sha256:") || !token.ValidID(first.ID) {
			t.Errorf("%s: id %q", tt.key.Algorithm, first.ID)
		}
	}
}

func TestAnIDMadeFromTheTextDiffersFromTokenToToken(t *testing.T) {
	ring := mustRing(t, edKey)
	seen := map[string]bool{}
	for _, claims := range []string{with("jti", ""), with("jti", "") + " ", `{"org":"org1","streams":["cam2"],"exp":1900000000}`} {
		g, err := Read(forge(t, goodHeader, claims, edKey), ring)
		if err != nil {
			t.Fatal(err)
		}
		if seen[g.ID] {
			t.Errorf("id %s twice", g.ID)
		}
		seen[g.ID] = true
	}
}

// A restriction more never lets in what was refused before: whatever a token
// says, it says for whoever reads it, and an odd restriction refuses.
func TestARestrictionMoreNeverWidens(t *testing.T) {
	ring := mustRing(t, edKey)
	for _, claims := range []string{with("streams", "[]"), with("exp", "null"), with("org", `""`)} {
		for _, more := range []string{`"ip":["203.0.113.7"]`, `"referer":["example.com"]`, `"tag":"x"`, `"nbf":1`} {
			if _, err := Read(forge(t, goodHeader, strings.TrimSuffix(claims, "}")+","+more+"}", edKey), ring); err == nil {
				t.Errorf("%s with %s verifies", claims, more)
			}
		}
	}
}
