package jwt

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"strings"
	"sync"
	"testing"

	golang "github.com/golang-jwt/jwt/v5"

	"github.com/playgate/playgate/module/token"
)

// Keys that are the same in every run, so that the seeds of the fuzz targets
// stay good. Their ids are the algorithms in small letters.
var (
	edKey   = mustKey("eddsa", token.EdDSA, ed25519.NewKeyFromSeed([]byte(strings.Repeat("e", 32))))
	es256   = mustKey("es256", token.ES256, mustScalar(elliptic.P256(), 32))
	es384   = mustKey("es384", token.ES384, mustScalar(elliptic.P384(), 48))
	hs256   = mustKey("hs256", token.HS256, []byte(strings.Repeat("h", 32)))
	rsaPair = sync.OnceValue(func() *rsa.PrivateKey {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		return key
	})
)

func rs256() *token.Key { return mustKey("rs256", token.RS256, rsaPair()) }
func ps256() *token.Key { return mustKey("ps256", token.PS256, rsaPair()) }

// allKeys is one key of each algorithm.
func allKeys() []*token.Key {
	return []*token.Key{edKey, es256, es384, rs256(), ps256(), hs256}
}

func mustKey(id, algorithm string, material any) *token.Key {
	k, err := token.NewKey(id, algorithm, material)
	if err != nil {
		panic(err)
	}
	return k
}

func mustScalar(curve elliptic.Curve, size int) *ecdsa.PrivateKey {
	key, err := ecdsa.ParseRawPrivateKey(curve, []byte(strings.Repeat("s", size)))
	if err != nil {
		panic(err)
	}
	return key
}

func mustRing(tb testing.TB, keys ...*token.Key) *token.Keyring {
	tb.Helper()
	r, err := token.NewKeyring(keys...)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// A header and a claims set that are in order.
const (
	goodHeader = `{"alg":"EdDSA","kid":"eddsa"}`
	goodClaims = `{"org":"org1","streams":["cam1"],"exp":1900000000,"iat":1890000000,"jti":"t1"}`
)

func encode(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// forge signs whatever header and claims it is given, as the key's owner
// could: only the text is odd, never the signature.
func forge(tb testing.TB, header, claims string, key *token.Key) string {
	tb.Helper()
	return forgeParts(tb, encode(header), encode(claims), key)
}

// forgeParts signs two parts as they are, base64url or not.
func forgeParts(tb testing.TB, header, claims string, key *token.Key) string {
	tb.Helper()
	return forgeWith(tb, header, claims, golang.GetSigningMethod(key.Algorithm), key.Private())
}

func forgeWith(tb testing.TB, header, claims string, method golang.SigningMethod, material any) string {
	tb.Helper()
	signed := header + "." + claims
	signature, err := method.Sign(signed, material)
	if err != nil {
		tb.Fatal(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// with is goodClaims with one more member, or with the member of that name
// replaced, or, when value is empty, left out.
func with(name, value string) string {
	members := []struct{ name, value string }{
		{"org", `"org1"`}, {"streams", `["cam1"]`}, {"exp", "1900000000"}, {"iat", "1890000000"}, {"jti", `"t1"`},
	}
	var parts []string
	found := false
	for _, m := range members {
		if m.name == name {
			found = true
			m.value = value
		}
		if m.value != "" {
			parts = append(parts, `"`+m.name+`":`+m.value)
		}
	}
	if !found && value != "" {
		parts = append(parts, `"`+name+`":`+value)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func quoted(s string) string { return `"` + s + `"` }

// publicBytes are the bytes that a careless verifier might take for a secret.
func publicBytes(tb testing.TB, key *token.Key) map[string][]byte {
	tb.Helper()
	pem, err := key.MarshalPEM()
	if err != nil {
		tb.Fatal(err)
	}
	jwk, err := key.MarshalJWK(true)
	if err != nil {
		tb.Fatal(err)
	}
	forms := map[string][]byte{"PEM": pem, "PEM without the last line break": []byte(strings.TrimSpace(string(pem))), "JWK": jwk}
	switch p := key.Public().(type) {
	case ed25519.PublicKey:
		forms["raw"] = p
	case *ecdsa.PublicKey:
		if forms["point"], err = p.Bytes(); err != nil {
			tb.Fatal(err)
		}
	case *rsa.PublicKey:
		forms["modulus"] = p.N.Bytes()
	}
	return forms
}

func mustGenerate(tb testing.TB) ed25519.PrivateKey {
	tb.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return private
}
