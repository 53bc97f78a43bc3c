package keyfile

import (
	"bytes"
	"crypto/ecdh"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/playgate/playgate/module/token"
)

func writeFile(t *testing.T, data []byte, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // not subject to the umask
		t.Fatal(err)
	}
	return path
}

func pemOf(kind string, der []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func privatePEM(key any) []byte {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return pemOf("PRIVATE KEY", der, err)
}

func publicPEM(key any) []byte {
	der, err := x509.MarshalPKIXPublicKey(key)
	return pemOf("PUBLIC KEY", der, err)
}

func jwkOf(t *testing.T, id, algorithm string, material any, public bool) []byte {
	t.Helper()
	k, err := token.NewKey(id, algorithm, material)
	if err != nil {
		t.Fatal(err)
	}
	b, err := k.MarshalJWK(public)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAKeyFileComesBackAsItWasWritten(t *testing.T) {
	for _, algorithm := range token.Algorithms {
		k, err := token.GenerateKey("main", algorithm)
		if err != nil {
			t.Fatal(err)
		}
		private, err := k.MarshalJWK(false)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Read(writeFile(t, private, 0o600), "", "")
		if err != nil {
			t.Fatal(err)
		}
		if got.ID != "main" || got.Algorithm != algorithm || got.Private() == nil || got.State != token.Verify {
			t.Errorf("%s: %v", algorithm, got)
		}
		again, err := got.MarshalJWK(false)
		if err != nil || !bytes.Equal(again, private) {
			t.Errorf("%s: %v, %s", algorithm, err, again)
		}
		if algorithm == token.HS256 {
			if b, err := k.MarshalJWK(true); err == nil {
				t.Errorf("a public form of a secret: %s", b)
			}
			if b, err := k.MarshalPEM(); err == nil {
				t.Errorf("a PEM form of a secret: %s", b)
			}
			continue
		}
		public, err := k.MarshalJWK(true)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(public, []byte(`"d"`)) {
			t.Errorf("%s: the public form is %s", algorithm, public)
		}
		if got, err = Read(writeFile(t, public, 0o644), "main", algorithm); err != nil || got.Private() != nil {
			t.Errorf("%s, public: %v, %v", algorithm, got, err)
		}
		if _, err := got.MarshalJWK(false); err == nil {
			t.Errorf("%s: a public key has a private form", algorithm)
		}
		block, err := k.MarshalPEM()
		if err != nil {
			t.Fatal(err)
		}
		if got, err = Read(writeFile(t, block, 0o644), "main", algorithm); err != nil || got.Private() != nil {
			t.Errorf("%s in PEM: %v, %v", algorithm, got, err)
		}
	}
}

func TestReadTakesPEMOfEveryKind(t *testing.T) {
	p256, p384 := mustEC(elliptic.P256()), mustEC(elliptic.P384())
	sec1, err := x509.MarshalECPrivateKey(p256)
	ec := pemOf("EC PRIVATE KEY", sec1, err)
	tests := []struct {
		name      string
		data      []byte
		algorithm string // configured
		want      string
		private   bool
	}{
		{"Ed25519", privatePEM(mustEd()), "", token.EdDSA, true},
		{"Ed25519 public", publicPEM(mustEd().Public()), "", token.EdDSA, false},
		{"P-256", privatePEM(p256), "", token.ES256, true},
		{"P-256 in SEC 1", ec, "", token.ES256, true},
		{"P-384 public", publicPEM(p384.Public()), "", token.ES384, false},
		{"P-384, algorithm written", privatePEM(p384), token.ES384, token.ES384, true},
		{"RSA", privatePEM(rsaKey()), token.PS256, token.PS256, true},
		{"RSA in PKCS #1", pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey()), nil), token.RS256, token.RS256, true},
		{"RSA public in PKCS #1", pemOf("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsaKey().PublicKey), nil), token.RS256, token.RS256, false},
		{"RSA public", publicPEM(rsaKey().Public()), token.RS256, token.RS256, false},
		{"with text around it", append([]byte("\n\n"), append(publicPEM(mustEd().Public()), "\n \n"...)...), "", token.EdDSA, false},
	}
	for _, tt := range tests {
		k, err := Read(writeFile(t, tt.data, 0o600), "main", tt.algorithm)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if k.Algorithm != tt.want || k.ID != "main" || (k.Private() != nil) != tt.private {
			t.Errorf("%s: %v", tt.name, k)
		}
	}
}

func TestReadRefusesWhatIsNoSuitableKey(t *testing.T) {
	ed := mustEd()
	certificate, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}},
		&x509.Certificate{SerialNumber: big.NewInt(1)}, ed.Public(), ed)
	if err != nil {
		t.Fatal(err)
	}
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	jwk := jwkOf(t, "main", token.EdDSA, ed, false)
	encrypted := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: []byte("x"), Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,00"}})
	tests := []struct {
		name, id, algorithm string
		data                []byte
		says                string
	}{
		{"nothing", "main", "", nil, "0 bytes"},
		{"too much", "main", "", bytes.Repeat([]byte("x"), 64<<10+1), "65537 bytes"},
		{"blanks", "main", "", []byte(" \n"), "neither PEM nor a JSON Web Key"},
		{"text", "main", "", []byte("s3cret"), "neither PEM nor a JSON Web Key"},
		{"RSA without algorithm", "main", "", publicPEM(rsaKey().Public()), "RS256 or PS256"},
		{"RSA for EdDSA", "main", token.EdDSA, publicPEM(rsaKey().Public()), "EdDSA"},
		{"RSA of 1024 bits", "main", token.RS256, publicPEM(smallRSA()), "2048"},
		{"P-521", "main", "", privatePEM(mustEC(elliptic.P521())), "P-256 or P-384"},
		{"P-521 for ES256", "main", token.ES256, privatePEM(mustEC(elliptic.P521())), "ES256"},
		{"P-384 for ES256", "main", token.ES256, privatePEM(mustEC(elliptic.P384())), "ES256"},
		{"Ed25519 for HS256", "main", token.HS256, publicPEM(ed.Public()), "HS256"},
		{"X25519", "main", "", privatePEM(x25519), "not supported"},
		{"a certificate", "main", "", pemOf("CERTIFICATE", certificate, nil), "openssl x509 -pubkey"},
		{"encrypted PKCS #8", "main", "", pemOf("ENCRYPTED PRIVATE KEY", []byte("x"), nil), "ENCRYPTED PRIVATE KEY"},
		{"encrypted in the old way", "main", token.RS256, encrypted, "cannot be read"},
		{"OpenSSH", "main", "", pemOf("OPENSSH PRIVATE KEY", []byte("x"), nil), "OPENSSH PRIVATE KEY"},
		{"parameters", "main", "", pemOf("EC PARAMETERS", []byte("x"), nil), "EC PARAMETERS"},
		{"two keys", "main", "", append(publicPEM(ed.Public()), publicPEM(mustEd().Public())...), "more than one"},
		{"rubbish in a block", "main", "", pemOf("PUBLIC KEY", []byte("x"), nil), "cannot be read"},
		{"PEM without id", "", "", publicPEM(ed.Public()), "key id"},
		{"another id than the file's", "other", "", jwk, `"main"`},
		{"another algorithm than the file's", "main", token.ES256, jwk, `"EdDSA"`},
		{"an algorithm that is none", "main", "HS512", publicPEM(ed.Public()), "HS512"},
		{"a JWK of the other algorithm", "", "", bytes.Replace(jwk, []byte("EdDSA"), []byte("HS256"), 1), "HS256"},
		{"a JWK for encryption", "", "", bytes.Replace(jwk, []byte(`"sig"`), []byte(`"enc"`), 1), `"sig"`},
		{"a JWK without id", "", "", bytes.Replace(jwk, []byte(`"kid":"main",`), nil, 1), "key id"},
		{"a JWK set", "main", "", []byte(`{"keys":[` + string(jwk) + `]}`), "one key"},
		{"a JWK of no kind", "main", "", []byte(`{"kid":"main"}`), "JSON Web Key"},
		{"a JWK with a short secret", "", "", []byte(`{"kty":"oct","kid":"main","alg":"HS256","k":"c2VjcmV0"}`), "32"},
		{"a JWK with an empty secret", "", "", []byte(`{"kty":"oct","kid":"main","alg":"HS256","k":""}`), ""},
		{"a JWK on P-521", "", "", []byte(`{"kty":"EC","crv":"P-521","kid":"main","x":"AA","y":"AA"}`), ""},
		{"two JWKs", "main", "", append(append([]byte{}, jwk...), jwk...), "one key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := writeFile(t, tt.data, 0o600)
			k, err := Read(path, tt.id, tt.algorithm)
			if err == nil {
				t.Fatalf("got %v", k)
			}
			if !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%q does not say %q", err, tt.says)
			}
			if strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "c2VjcmV0") {
				t.Errorf("%q shows the file", err)
			}
			if !strings.Contains(err.Error(), path) {
				t.Errorf("%q does not name the file", err)
			}
		})
	}
}

func TestAnEmptyWordIsTakenFromTheFile(t *testing.T) {
	jwk := jwkOf(t, "main", token.PS256, rsaKey(), true)
	withoutAlg := bytes.Replace(jwk, []byte(`"alg":"PS256",`), nil, 1)
	if bytes.Equal(jwk, withoutAlg) {
		t.Fatalf("no alg in %s", jwk)
	}
	for _, tt := range []struct {
		data          []byte
		id, algorithm string
		want          bool
	}{
		{jwk, "", "", true},
		{jwk, "main", "", true},
		{jwk, "", token.PS256, true},
		{jwk, "main", token.PS256, true},
		{jwk, "", token.RS256, false},
		{withoutAlg, "", "", false},
		{withoutAlg, "", token.RS256, true},
	} {
		if _, err := token.ParseKey(tt.data, tt.id, tt.algorithm); (err == nil) != tt.want {
			t.Errorf("id %q, algorithm %q: %v", tt.id, tt.algorithm, err)
		}
	}
}

func TestReadRefusesAPrivateKeyThatEverybodyMayRead(t *testing.T) {
	private, public := privatePEM(mustEd()), publicPEM(mustEd().Public())
	secret := []byte(`{"kty":"oct","kid":"main","alg":"HS256","k":"` + strings.Repeat("A", 43) + `"}`)
	for _, mode := range []os.FileMode{0o604, 0o644, 0o602, 0o601, 0o666, 0o777} {
		for name, data := range map[string][]byte{"private": private, "secret": secret} {
			if _, err := Read(writeFile(t, data, mode), "main", ""); err == nil || !strings.Contains(err.Error(), "chmod 600") {
				t.Errorf("%s, %o: %v", name, mode, err)
			}
		}
		if _, err := Read(writeFile(t, public, mode), "main", ""); err != nil {
			t.Errorf("public, %o: %v", mode, err)
		}
	}
	for _, mode := range []os.FileMode{0o600, 0o400, 0o640} {
		if _, err := Read(writeFile(t, private, mode), "main", ""); err != nil {
			t.Errorf("private, %o: %v", mode, err)
		}
	}
}

func TestReadReadsRegularFilesOnly(t *testing.T) {
	dir := t.TempDir()
	link := func(name, to string) string {
		path := filepath.Join(dir, name)
		if err := os.Symlink(to, path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := writeFile(t, publicPEM(mustEd().Public()), 0o644)
	if _, err := Read(link("to-key", good), "main", ""); err != nil {
		t.Errorf("link to a key, as secret stores mount them: %v", err)
	}
	for name, path := range map[string]string{
		"directory": dir, "link to a directory": link("to-dir", dir), "link to nothing": link("to-nothing", filepath.Join(dir, "nothing")),
		"link to itself": link("loop", filepath.Join(dir, "loop")), "missing": filepath.Join(dir, "missing"), "device": "/dev/null", "endless device": "/dev/zero", "empty": "",
	} {
		if _, err := Read(path, "main", ""); err == nil {
			t.Errorf("%s: read", name)
		}
	}
}
