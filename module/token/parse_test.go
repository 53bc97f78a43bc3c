package token

import (
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
)

// jwkWith is a JSON Web Key with the members use, kid and alg as given, each of them
// left out where it is "-".
func jwkWith(t *testing.T, material any, public bool, members map[string]string) []byte {
	t.Helper()
	algorithm := EdDSA
	switch {
	case strings.Contains(members["kind"], "RSA"):
		algorithm = PS256
	case strings.Contains(members["kind"], "secret"):
		algorithm = HS256
	}
	k, err := NewKey("main", algorithm, material)
	if err != nil {
		t.Fatal(err)
	}
	text, err := k.MarshalJWK(public)
	if err != nil {
		t.Fatal(err)
	}
	jwk := string(text)
	for name, was := range map[string]string{"use": `"sig"`, "kid": `"main"`, "alg": `"` + algorithm + `"`} {
		value, ok := members[name]
		if !ok {
			continue
		}
		old := `"` + name + `":` + was
		if !strings.Contains(jwk, old) {
			t.Fatalf("no %s in %s", old, jwk)
		}
		if value == "-" {
			jwk = strings.Replace(strings.Replace(jwk, old+",", "", 1), ","+old, "", 1)
		} else {
			jwk = strings.Replace(jwk, old, `"`+name+`":`+value, 1)
		}
	}
	if ops, ok := members["key_ops"]; ok {
		jwk = strings.Replace(jwk, "{", `{"key_ops":`+ops+`,`, 1)
	}
	return []byte(jwk)
}

// A key that is for something else is refused, and so is one of which nobody knows
// what it is for.
func TestParseKeyReadsWhatAKeyIsFor(t *testing.T) {
	private := mustEd()
	secret := []byte(strings.Repeat("s", 32))
	for _, tt := range []struct {
		use, ops                string // "-": absent
		public, private, secret string // what the error says; "" for none
	}{
		{"-", "-", "", "", ""},
		{`"sig"`, "-", "", "", ""},
		{"-", `["verify"]`, "", "", ""},
		{"-", `["sign","verify"]`, "", "", ""},
		{`"sig"`, `["verify"]`, "", "", ""},
		{"-", `["verify","deriveKey"]`, "", "", ""},
		{"-", `["sign"]`, "not for verifying", "", ""},
		{`"sig"`, `["sign"]`, "not for verifying", "", ""},
		{"-", `["encrypt"]`, "not for verifying", "not for verifying", "not for verifying"},
		{"-", `["Verify"]`, "not for verifying", "not for verifying", "not for verifying"},
		{`"enc"`, "-", "use", "use", "use"},
		{`"enc"`, `["verify"]`, "use", "use", "use"},
		{`"SIG"`, "-", "use", "use", "use"},
		{`""`, "-", "use", "use", "use"},
		{`null`, "-", "use", "use", "use"},
		{`5`, "-", "JSON Web Key", "JSON Web Key", "JSON Web Key"},
		{`["sig"]`, "-", "JSON Web Key", "JSON Web Key", "JSON Web Key"},
		{"-", `[]`, "key_ops", "key_ops", "key_ops"},
		{"-", `null`, "key_ops", "key_ops", "key_ops"},
		{"-", `"verify"`, "key_ops", "key_ops", "key_ops"},
		{"-", `{}`, "key_ops", "key_ops", "key_ops"},
		{"-", `[""]`, "key_ops", "key_ops", "key_ops"},
		{"-", `[null]`, "key_ops", "key_ops", "key_ops"},
		{"-", `[1,"verify"]`, "key_ops", "key_ops", "key_ops"},
		{"-", `["verify","verify"]`, "twice", "twice", "twice"},
		{"-", `["sign","verify","sign"]`, "twice", "twice", "twice"},
	} {
		for kind, want := range map[string]string{"public": tt.public, "private": tt.private, "secret": tt.secret} {
			members := map[string]string{"use": tt.use, "kind": kind}
			if tt.ops != "-" {
				members["key_ops"] = tt.ops
			}
			material := any(private)
			if kind == "secret" {
				material = secret
			}
			text := jwkWith(t, material, kind == "public", members)
			_, err := ParseKey(text, "", "")
			switch {
			case want == "" && err != nil:
				t.Errorf("%s, use %s, key_ops %s: %v", kind, tt.use, tt.ops, err)
			case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
				t.Errorf("%s, use %s, key_ops %s: %v does not say %q", kind, tt.use, tt.ops, err, want)
			}
		}
	}
}

// An id or algorithm that is there and empty is not one that is absent.
func TestParseKeyRefusesEmptyMembers(t *testing.T) {
	for _, name := range []string{"kid", "alg"} {
		for _, value := range []string{`""`, `null`, `7`} {
			text := jwkWith(t, mustEd(), true, map[string]string{name: value})
			if k, err := ParseKey(text, "main", EdDSA); err == nil {
				t.Errorf("%s %s: read as %v", name, value, k)
			}
		}
	}
}

// Ed25519 (RFC 9864) is EdDSA, wherever it is written.
func TestParseKeyTakesEd25519ForEdDSA(t *testing.T) {
	block := func(kind string, der []byte, err error) []byte {
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	}
	der, err := x509.MarshalPKIXPublicKey(mustEd().Public())
	edPEM := block("PUBLIC KEY", der, err)
	der, err = x509.MarshalPKIXPublicKey(mustEC(elliptic.P256()).Public())
	ecPEM := block("PUBLIC KEY", der, err)
	jwk := func(alg string) []byte { return jwkWith(t, mustEd(), true, map[string]string{"alg": alg}) }
	rsa := jwkWith(t, rsaKey(), true, map[string]string{"kind": "RSA", "alg": `"Ed25519"`})
	for _, tt := range []struct {
		name       string
		data       []byte
		configured string
		good       bool
	}{
		{"in the file", jwk(`"Ed25519"`), "", true},
		{"in both", jwk(`"Ed25519"`), "Ed25519", true},
		{"in the file, EdDSA configured", jwk(`"Ed25519"`), "EdDSA", true},
		{"configured, EdDSA in the file", jwk(`"EdDSA"`), "Ed25519", true},
		{"configured, nothing in the file", jwk("-"), "Ed25519", true},
		{"configured, PEM", edPEM, "Ed25519", true},
		{"configured, PEM of another curve", ecPEM, "Ed25519", false},
		{"in the file, ES256 configured", jwk(`"Ed25519"`), "ES256", false},
		{"in small letters", jwk(`"ed25519"`), "", false},
		{"in small letters, configured", jwk("-"), "ed25519", false},
		{"Ed448", jwk(`"Ed448"`), "", false},
		{"Ed448 configured", jwk("-"), "Ed448", false},
		{"an RSA key", rsa, "", false},
	} {
		k, err := ParseKey(tt.data, "main", tt.configured)
		if (err == nil) != tt.good {
			t.Errorf("%s: %v", tt.name, err)
		}
		if err == nil && k.Algorithm != EdDSA {
			t.Errorf("%s: the algorithm is %q", tt.name, k.Algorithm)
		}
	}
	k, err := GenerateKey("main", "Ed25519")
	if err != nil || k.Algorithm != EdDSA {
		t.Errorf("a new key: %v, %v", k, err)
	}
	// The id of a key is no algorithm.
	if _, err := ParseKey(jwkWith(t, mustEd(), true, map[string]string{"kid": `"Ed25519"`}), "EdDSA", ""); err == nil {
		t.Error("two ids are taken for one")
	}
}

// An RSA key in a file needs its algorithm, whatever else it says.
func TestParseKeyWantsTheAlgorithmOfRSA(t *testing.T) {
	text := jwkWith(t, rsaKey(), true, map[string]string{"kind": "RSA", "alg": "-"})
	if _, err := ParseKey(text, "", ""); err == nil || !strings.Contains(err.Error(), "RS256 or PS256") {
		t.Error(err)
	}
}
