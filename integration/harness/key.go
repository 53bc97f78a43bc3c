package harness

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"testing"
)

// Key is a key pair that `playgate key new` made.
type Key struct {
	ID, Algorithm string
	// File holds the private key, PublicFile what a gate needs to verify.
	// They are the same for HS256.
	File, PublicFile string

	private crypto.PrivateKey
}

// NewKey makes a key through the command line, as an operator does.
func NewKey(t testing.TB, id, algorithm string) *Key {
	t.Helper()
	dir := t.TempDir()
	k := &Key{ID: id, Algorithm: algorithm, File: filepath.Join(dir, id+".jwk")}
	MustPlaygate(t, "key", "new", "--id", id, "--algorithm", algorithm, "--out", k.File)
	k.PublicFile = k.File
	if algorithm != "HS256" {
		k.PublicFile = filepath.Join(dir, id+".public.jwk")
		public := MustPlaygate(t, "key", "public", "--key-file", k.File)
		if err := os.WriteFile(k.PublicFile, []byte(public+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	private, err := readJWK(k.File)
	if err != nil {
		t.Fatalf("%s: %v", k.File, err)
	}
	k.private = private
	return k
}

// jwk is RFC 7517 as far as these tests need it.
type jwk struct {
	Kty, Crv, X, Y, D, N, E, P, Q, K string
}

func readJWK(path string) (crypto.PrivateKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var k jwk
	if err := json.Unmarshal(text, &k); err != nil {
		return nil, err
	}
	switch k.Kty {
	case "OKP":
		return ed25519.NewKeyFromSeed(bytesOf(k.D)), nil
	case "oct":
		return bytesOf(k.K), nil
	case "EC":
		curve := elliptic.P256()
		if k.Crv == "P-384" {
			curve = elliptic.P384()
		}
		return ecdsa.ParseRawPrivateKey(curve, bytesOf(k.D))
	case "RSA":
		key := &rsa.PrivateKey{
			PublicKey: rsa.PublicKey{N: numberOf(k.N), E: int(numberOf(k.E).Int64())},
			D:         numberOf(k.D),
			Primes:    []*big.Int{numberOf(k.P), numberOf(k.Q)},
		}
		key.Precompute()
		return key, key.Validate()
	default:
		return nil, fmt.Errorf("key type %q", k.Kty)
	}
}

func bytesOf(text string) []byte {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		panic(err) // the file was written by the binary under test a moment ago
	}
	return b
}

func numberOf(text string) *big.Int { return new(big.Int).SetBytes(bytesOf(text)) }
