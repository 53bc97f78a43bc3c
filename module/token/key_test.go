package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// rsaKey is the one RSA key of the tests, which takes a while to make.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey { return mustRSA(2048) })

func mustRSA(bits int) *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return k
}

// smallRSA is a public key of 1024 bits, which today's crypto/rsa makes no more.
func smallRSA() *rsa.PublicKey {
	n := new(big.Int).Lsh(big.NewInt(1), 1023)
	return &rsa.PublicKey{N: n.Add(n, big.NewInt(1)), E: 65537}
}

func mustEC(curve elliptic.Curve) *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
}

func mustEd() ed25519.PrivateKey {
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
}

func TestAKeyHasTheAlgorithmOfItsKind(t *testing.T) {
	materials := map[string]any{
		"Ed25519": mustEd(), "Ed25519 public": mustEd().Public(),
		"P-256": mustEC(elliptic.P256()), "P-384": mustEC(elliptic.P384()), "P-521": mustEC(elliptic.P521()), "P-224": mustEC(elliptic.P224()),
		"RSA": rsaKey(), "RSA public": rsaKey().Public(), "RSA 1024": smallRSA(),
		"secret of 32": []byte(strings.Repeat("s", 32)), "secret of 31": []byte(strings.Repeat("s", 31)), "empty secret": []byte{},
		"short Ed25519": ed25519.PublicKey(strings.Repeat("p", 31)), "string": strings.Repeat("s", 32), "nothing": nil,
		"Ed25519 as bytes": []byte(mustEd().Public().(ed25519.PublicKey)),
	}
	fitting := map[string]string{
		"Ed25519": EdDSA, "Ed25519 public": EdDSA, "P-256": ES256, "P-384": ES384, "RSA": RS256 + PS256, "RSA public": RS256 + PS256,
		"secret of 32": HS256, "Ed25519 as bytes": HS256, // 32 bytes are 32 bytes; files and JWKs never give a public key as such
	}
	for name, material := range materials {
		for _, algorithm := range append([]string{"none", "", "HS512", "ES512", "eddsa"}, Algorithms...) {
			want := algorithm != "" && strings.Contains(fitting[name], algorithm)
			k, err := NewKey("k", algorithm, material)
			if (err == nil) != want {
				t.Errorf("%s for %q: %v", name, algorithm, err)
			}
			if err == nil && (k.State != Verify || k.Orgs != nil) {
				t.Errorf("%s for %q: %+v", name, algorithm, k)
			}
		}
	}
}

func TestKeyIDsAreShortAndPlain(t *testing.T) {
	for id, want := range map[string]bool{
		"a": true, "A-z_0.9": true, strings.Repeat("k", 64): true,
		"": false, strings.Repeat("k", 65): false, "a b": false, "a/b": false, "../k": false, "k\n": false, "k\x00": false, "é": false, "a:b": false,
	} {
		if _, err := NewKey(id, EdDSA, mustEd()); (err == nil) != want {
			t.Errorf("id %q: %v", id, err)
		}
	}
}

func TestGenerateKeyMakesAKeyOfEachAlgorithm(t *testing.T) {
	for _, algorithm := range Algorithms {
		k, err := GenerateKey("k", algorithm)
		if err != nil {
			t.Fatal(err)
		}
		if k.State != Active || k.Private() == nil || k.Public() == nil || k.Symmetric() != (algorithm == HS256) {
			t.Errorf("%s: %v", algorithm, k)
		}
	}
	if _, err := GenerateKey("k", "none"); err == nil {
		t.Error("a key for none")
	}
	if _, err := GenerateKey("k/k", EdDSA); err == nil {
		t.Error("a key with an odd id")
	}
}

func TestNewIDIsNeverTheSameAndNeverAnOption(t *testing.T) {
	plain := regexp.MustCompile(`^[A-Za-z0-9]+$`)
	seen := map[string]bool{}
	for range 1000 {
		id := NewID(16)
		if len(id) != 16 || !plain.MatchString(id) || !ValidID(id) || !ValidKeyID(id) || seen[id] {
			t.Fatalf("id %q", id)
		}
		seen[id] = true
	}
}

// holder is what a key is stored in: configuration, app, issuer.
type holder struct {
	Key  *Key
	Keys []*Key
	Ring *Keyring
}

func TestPrintingAKeyNeverShowsItsMaterial(t *testing.T) {
	seed := []byte(strings.Repeat("\xa5", 32))
	ed, err := NewKey("main", EdDSA, ed25519.NewKeyFromSeed(seed))
	if err != nil {
		t.Fatal(err)
	}
	hs, err := NewKey("secret", HS256, seed)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), seed)
	if err != nil {
		t.Fatal(err)
	}
	es, err := NewKey("curve", ES256, ec)
	if err != nil {
		t.Fatal(err)
	}
	number := new(big.Int).SetBytes(seed).String()
	for _, k := range []*Key{ed, hs, es} {
		ring, err := NewKeyring(k)
		if err != nil {
			t.Fatal(err)
		}
		for what, v := range map[string]any{
			"pointer": k, "value": *k, "slice": []*Key{k}, "values": []Key{*k}, "holder": holder{k, []*Key{k}, ring}, "holder pointer": &holder{k, []*Key{k}, ring},
			"keyring": ring, "map": map[string]Key{"k": *k},
		} {
			texts := map[string]string{}
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
				texts[verb] = fmt.Sprintf(verb, v)
			}
			b, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			texts["json"] = string(b)
			for how, text := range texts {
				for form, private := range map[string]string{
					"raw": string(seed[:8]), "hex": hex.EncodeToString(seed[:8]), "capitals": strings.ToUpper(hex.EncodeToString(seed[:8])),
					"decimal": "165 165 165 165", "decimal Go": "165, 165, 165, 165", "hex Go": "0xa5, 0xa5, 0xa5", "escaped": `\xa5\xa5\xa5`,
					"base64": base64.StdEncoding.EncodeToString(seed[:9]), "number": number,
				} {
					if strings.Contains(text, private) {
						t.Errorf("%s as %s by %s shows the key (%s)", k.ID, what, how, form)
					}
				}
			}
		}
		if got := fmt.Sprint(k); !strings.Contains(got, k.ID) || !strings.Contains(got, k.Algorithm) {
			t.Errorf("%q does not say which key", got)
		}
	}
}
