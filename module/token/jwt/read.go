package jwt

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"github.com/playgate/playgate/module/token"
)

// Unverified is a token that can be read, but whose signature nobody has
// checked yet. Nothing in it may be believed.
type Unverified struct {
	// Grant is what the token would grant. Its KeyID and Key are not set.
	Grant *token.Grant
	// Algorithm and KeyID are what the header says, the algorithm as a key has it
	// ([token.ParseAlgorithm]); KeyID may be empty.
	Algorithm, KeyID string

	signed    string
	signature []byte
}

// Parse checks size and shape of a token. Errors are [token.Error] values of
// kind ErrMalformed.
func Parse(text string) (*Unverified, error) {
	if len(text) > token.MaxToken {
		return nil, token.Malformed("a token has at most 4096 bytes")
	}
	if !HasForm(text) {
		return nil, token.Malformed("a token is three base64url parts joined by dots")
	}
	end := strings.LastIndexByte(text, '.')
	signed, signature := text[:end], text[end+1:]
	headerPart, claimsPart, _ := strings.Cut(signed, ".")

	headerText, err := decode(headerPart)
	if err != nil {
		return nil, err
	}
	claimsText, err := decode(claimsPart)
	if err != nil {
		return nil, err
	}
	sig, err := decode(signature)
	if err != nil {
		return nil, err
	}
	h, err := readHeader(headerText)
	if err != nil {
		return nil, err
	}
	grant, err := readClaims(claimsText)
	if err != nil {
		return nil, err
	}
	if grant.ID == "" {
		// Of what was signed, not of the whole text: an ECDSA signature has
		// two spellings, and revocation must meet both.
		sum := sha256.Sum256([]byte(signed))
		grant.ID = "sha256:" + base64.RawURLEncoding.EncodeToString(sum[:16])
	}
	return &Unverified{Grant: grant, Algorithm: h.alg, KeyID: h.kid, signed: signed, signature: sig}, nil
}

// ErrSignature is the error of a signature that does not hold.
var ErrSignature = &token.Error{Kind: token.ErrBadSignature, Detail: "the signature does not belong to this token and key"}

// Verify checks key and signature, and returns the grant. Errors are
// [token.Error] values of kind ErrUnknownKey or ErrBadSignature.
func (u *Unverified) Verify(keys *token.Keyring) (*token.Grant, error) {
	key, err := keys.Lookup(u.Grant.Org, u.KeyID, u.Algorithm)
	if err != nil {
		return nil, err
	}
	// The algorithm is the key's. A header that says otherwise was not
	// written by whoever has the key (RFC 8725, section 3.1).
	if u.Algorithm != key.Algorithm || methods[key.Algorithm].Verify(u.signed, u.signature, key.Public()) != nil {
		return nil, ErrSignature
	}
	u.Grant.KeyID, u.Grant.Key = key.ID, key
	return u.Grant, nil
}

// Read checks size, shape, key and signature of a token, in this order, and
// returns what it grants. Times, lifetime, issuer and scope are not judged
// here, because they depend on the request and its time: see [token.Terms].
func Read(text string, keys *token.Keyring) (*token.Grant, error) {
	u, err := Parse(text)
	if err != nil {
		return nil, err
	}
	return u.Verify(keys)
}

// strict refuses the trailing bits that a lenient decoder ignores. Line breaks
// cannot reach it: HasForm has seen every byte.
var strict = base64.RawURLEncoding.Strict()

func decode(part string) ([]byte, error) {
	b, err := strict.DecodeString(part)
	if err != nil {
		return nil, token.Malformed("a part of the token is not canonical base64url")
	}
	return b, nil
}
