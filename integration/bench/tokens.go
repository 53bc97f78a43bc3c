package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// algorithms are those that are measured.
var algorithms = []string{"HS256", "EdDSA", "ES256"}

// key signs the tokens of one algorithm.
type key struct {
	algorithm       string
	method          jwt.SigningMethod
	private, public any
	file            string // what the gate reads
}

func (k *key) id() string { return strings.ToLower(k.algorithm) }

func newKey(algorithm, dir string) (*key, error) {
	k := &key{algorithm: algorithm, method: jwt.GetSigningMethod(algorithm), file: filepath.Join(dir, algorithm)}
	var signer crypto.Signer
	var err error
	switch algorithm {
	case "HS256":
		secret := []byte(rand.Text() + rand.Text())
		k.private, k.public = secret, secret
		return k, os.WriteFile(k.file, secret, 0o600)
	case "EdDSA":
		_, signer, err = ed25519.GenerateKey(rand.Reader)
	case "ES256":
		signer, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	default:
		return nil, fmt.Errorf("no key of algorithm %s is made here", algorithm)
	}
	if err != nil {
		return nil, err
	}
	k.private, k.public = signer, signer.Public()
	der, err := x509.MarshalPKIXPublicKey(k.public)
	if err != nil {
		return nil, err
	}
	return k, os.WriteFile(k.file, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600)
}

func encode(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// token is one for stream s1 with this id.
func (k *key) token(id string) string {
	signed := k.unsigned(id)
	signature, err := k.method.Sign(signed, k.private)
	if err != nil {
		panic(err) // the key is of this method
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func (k *key) unsigned(id string) string {
	now := time.Now()
	header := fmt.Sprintf(`{"alg":%q,"kid":%q,"typ":"JWT"}`, k.algorithm, k.id())
	claims := fmt.Sprintf(`{"iss":"bench","aud":"playback","org":"bench","streams":["s1"],"sub":"viewer","jti":%q,"iat":%d,"exp":%d}`,
		id, now.Unix(), now.Add(14*24*time.Hour).Unix())
	return encode(header) + "." + encode(claims)
}

// tokens are n of them, each another.
func (k *key) tokens(kind string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = k.token(fmt.Sprintf("%s-%08d", kind, i))
	}
	return list
}

// forged are n tokens, each with the signature of another one.
func (k *key) forged(n int) []string {
	good := k.token("forged")
	signature := good[strings.LastIndexByte(good, '.'):]
	list := make([]string, n)
	for i := range list {
		list[i] = k.unsigned(fmt.Sprintf("forged-%08d", i)) + signature
	}
	return list
}

// bare is the time that one check of a signature takes, nothing else.
func (k *key) bare() time.Duration {
	const enough = 200 * time.Millisecond
	text := k.token("bare")
	at := strings.LastIndexByte(text, '.')
	signature, err := base64.RawURLEncoding.DecodeString(text[at+1:])
	if err != nil {
		panic(err)
	}
	n, start := 0, time.Now()
	for ; time.Since(start) < enough; n++ {
		if k.method.Verify(text[:at], signature, k.public) != nil {
			panic("a good signature does not hold")
		}
	}
	return time.Since(start) / time.Duration(n)
}
