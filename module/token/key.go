package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// Algorithms that a key may have (RFC 7518, RFC 8037). A key has exactly one;
// what a token's header says never chooses it.
const (
	EdDSA = "EdDSA"
	ES256 = "ES256"
	ES384 = "ES384"
	RS256 = "RS256"
	PS256 = "PS256"
	HS256 = "HS256"
)

// Algorithms lists them, the one for new keys first.
var Algorithms = []string{EdDSA, ES256, ES384, RS256, PS256, HS256}

// ParseAlgorithm reads the name of an algorithm, as a token's header, a JSON Web Key
// or the configuration has it. "Ed25519" (RFC 9864) is [EdDSA], whose keys are all of
// that curve here. ok is false where the name is none of [Algorithms].
func ParseAlgorithm(name string) (algorithm string, ok bool) {
	if name == "Ed25519" {
		return EdDSA, true
	}
	return name, slices.Contains(Algorithms, name)
}

// MinSecret is the least length of an HS256 secret, in bytes (RFC 7518, section 3.2).
const MinSecret = 32

// State says what a key is used for. All but [Retired] verify.
type State string

// The life of a key.
const (
	Next    State = "next"    // published, not signing yet
	Active  State = "active"  // signs
	Verify  State = "verify"  // signs no more
	Retired State = "retired" // its tokens are refused
)

// States lists them in the order of a key's life.
var States = []State{Next, Active, Verify, Retired}

// Key is one key: an id, one algorithm, a state, the organisations that it may
// speak for, and maybe terms of its own. Private material is in unexported fields, so that printing or
// encoding a Key never shows it.
type Key struct {
	ID        string
	Algorithm string
	State     State
	Orgs      []string // nil: all

	// Issuer and Audience, where not empty, are asked of the tokens of this key
	// in the place of what [Terms] asks of all.
	Issuer   string
	Audience []string

	public     any // ed25519.PublicKey, *ecdsa.PublicKey, *rsa.PublicKey, or []byte for HS256
	private    crypto.Signer
	thumbprint [sha256.Size]byte
}

// NewKey binds key material to an id and an algorithm, in state [Verify]. The
// material is a public key, a private key, or a []byte secret; it must be of
// the algorithm's kind and strong enough for it. The algorithm is read by
// [ParseAlgorithm].
func NewKey(id, algorithm string, material any) (*Key, error) {
	if !ValidKeyID(id) {
		return nil, fmt.Errorf("key id %q: use 1 to 64 of letters, digits, dot, underscore and hyphen", id)
	}
	name := algorithm
	algorithm, ok := ParseAlgorithm(name)
	if !ok {
		return nil, fmt.Errorf("key %s: unknown algorithm %q; use one of %s", id, name, strings.Join(Algorithms, ", "))
	}
	k := &Key{ID: id, Algorithm: algorithm, State: Verify, public: material}
	if signer, ok := material.(crypto.Signer); ok {
		k.private, k.public = signer, signer.Public()
	}
	if err := fits(algorithm, k.public); err != nil {
		return nil, fmt.Errorf("key %s: %w", id, err)
	}
	var err error
	if k.thumbprint, err = thumbprintOf(k.public); err != nil {
		return nil, fmt.Errorf("key %s: %w", id, err)
	}
	return k, nil
}

// thumbprintOf is that of RFC 7638. That of a secret is keyed by the secret itself,
// so that whoever sees it can try no secrets against a plain hash.
func thumbprintOf(public any) (thumbprint [sha256.Size]byte, err error) {
	if secret, ok := public.([]byte); ok {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte("playgate key thumbprint"))
		return [sha256.Size]byte(mac.Sum(nil)), nil
	}
	sum, err := (&jose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	if err != nil {
		return thumbprint, err
	}
	return [sha256.Size]byte(sum), nil
}

// Thumbprint tells the key's material from any other (RFC 7638, SHA-256; keyed for
// secrets). It is no secret.
func (k *Key) Thumbprint() [sha256.Size]byte { return k.thumbprint }

// fits keeps the kind of a key and its algorithm together, so that a public
// key can never serve as an HMAC secret (RFC 8725, section 3.1).
func fits(algorithm string, public any) error {
	switch p := public.(type) {
	case ed25519.PublicKey:
		if algorithm == EdDSA && len(p) == ed25519.PublicKeySize {
			return nil
		}
	case *ecdsa.PublicKey:
		if algorithm == ES256 && p.Curve == elliptic.P256() || algorithm == ES384 && p.Curve == elliptic.P384() {
			return nil
		}
	case *rsa.PublicKey:
		if algorithm != RS256 && algorithm != PS256 {
			break
		}
		if p.N.BitLen() < 2048 {
			return errors.New("an RSA key needs at least 2048 bits")
		}
		return nil
	case []byte:
		if algorithm != HS256 {
			break
		}
		if len(p) < MinSecret {
			return fmt.Errorf("the secret has %d bytes; HS256 needs at least %d random ones (openssl rand -base64 48)", len(p), MinSecret)
		}
		return nil
	}
	return fmt.Errorf("the key material is not of the kind that %s needs", algorithm)
}

// GenerateKey makes a new key with private material, in state [Active].
func GenerateKey(id, algorithm string) (*Key, error) {
	var material any
	var err error
	algorithm, _ = ParseAlgorithm(algorithm)
	switch algorithm {
	case EdDSA:
		_, material, err = ed25519.GenerateKey(rand.Reader)
	case ES256:
		material, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case ES384:
		material, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case RS256, PS256:
		material, err = rsa.GenerateKey(rand.Reader, 3072)
	case HS256:
		secret := make([]byte, 2*MinSecret)
		_, err = rand.Read(secret)
		material = secret
	}
	if err != nil {
		return nil, fmt.Errorf("generating a key: %w", err)
	}
	k, err := NewKey(id, algorithm, material)
	if err != nil {
		return nil, err
	}
	k.State = Active
	return k, nil
}

// NewID returns n random letters and digits, for ids of tokens and keys. No id
// begins with a hyphen, which a command line would take for an option.
func NewID(n int) string {
	id := make([]byte, 0, n)
	for raw := make([]byte, n); len(id) < n; {
		_, _ = rand.Read(raw) // never fails (crypto/rand)
		for _, b := range raw {
			// Of 256 values, 248 are spread evenly over the 62 characters.
			if b < 248 && len(id) < n {
				id = append(id, alnum[b%62])
			}
		}
	}
	return string(id)
}

// MaySpeakFor reports whether the key may sign tokens of an organisation.
func (k *Key) MaySpeakFor(org string) bool {
	return k.Orgs == nil || slices.Contains(k.Orgs, org)
}

// Same reports whether another key is the same one: its id, algorithm and thumbprint
// are. New material under an old id is another key. Its state and organisations are
// not asked.
func (k *Key) Same(other *Key) bool {
	return k.ID == other.ID && k.Algorithm == other.Algorithm && k.thumbprint == other.thumbprint
}

// Public is the material for checking a signature. For HS256 it is the secret.
func (k *Key) Public() any { return k.public }

// Private is the material for making a signature, nil when there is none.
func (k *Key) Private() any {
	if k.private != nil {
		return k.private
	}
	if secret, ok := k.public.([]byte); ok {
		return secret
	}
	return nil
}

// Symmetric reports whether whoever can check a signature can also make one.
func (k *Key) Symmetric() bool { return k.Algorithm == HS256 }

// String names the key without its material.
func (k Key) String() string { return k.ID + " (" + k.Algorithm + ", " + string(k.State) + ")" }

// Format keeps material out of every verb, %#v included.
func (k Key) Format(s fmt.State, _ rune) { _, _ = fmt.Fprint(s, k.String()) }
