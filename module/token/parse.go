package token

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"
	jsonexp "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// ParseKey reads one key in PEM or JWK form. An empty id or algorithm is taken from
// the text; one that differs from the text's is an error.
func ParseKey(data []byte, id, algorithm string) (*Key, error) {
	trimmed := bytes.TrimSpace(data)
	if bytes.HasPrefix(trimmed, []byte("{")) {
		return parseJWK(trimmed, id, algorithm)
	}
	return parsePEM(trimmed, id, algorithm)
}

func parseJWK(data []byte, id, algorithm string) (*Key, error) {
	var jwk jose.JSONWebKey
	if err := json.Unmarshal(data, &jwk); err != nil {
		return nil, errors.New("not a JSON Web Key (RFC 7517) with one key")
	}
	if err := checkPurpose(data, jwk); err != nil {
		return nil, err
	}
	id, err := agree("id", id, jwk.KeyID)
	if err != nil {
		return nil, err
	}
	if configured, ok := ParseAlgorithm(algorithm); ok {
		if inFile, _ := ParseAlgorithm(jwk.Algorithm); inFile == configured {
			algorithm = jwk.Algorithm // another name of the same
		}
	}
	if algorithm, err = agree("algorithm", algorithm, jwk.Algorithm); err != nil {
		return nil, err
	}
	material := jwk.Key
	if algorithm == "" {
		if algorithm, err = impliedAlgorithm(material); err != nil {
			return nil, err
		}
	}
	return NewKey(id, algorithm, material)
}

// checkPurpose refuses a JSON Web Key that is not for signatures (RFC 7517, sections
// 4.2 and 4.3), and one that has a member without a value. The errors hold nothing of
// the key.
func checkPurpose(data []byte, jwk jose.JSONWebKey) error {
	var members struct {
		ID         jsontext.Value `json:"kid"`
		Algorithm  jsontext.Value `json:"alg"`
		Use        jsontext.Value `json:"use"`
		Operations jsontext.Value `json:"key_ops"`
	}
	if err := jsonexp.Unmarshal(data, &members); err != nil {
		return errors.New("not a JSON Web Key (RFC 7517) with one key")
	}
	switch {
	case members.ID != nil && jwk.KeyID == "":
		return errors.New("the key has an empty id (kid); write one, or leave kid out")
	case members.Algorithm != nil && jwk.Algorithm == "":
		return errors.New("the key has an empty algorithm (alg); write one, or leave alg out")
	case members.Use != nil && jwk.Use != "sig":
		return errors.New(`the key is not for signatures: its use must be "sig" or absent`)
	case members.Operations == nil:
		return nil
	}
	var operations []string
	if err := jsonexp.Unmarshal(members.Operations, &operations); err != nil || len(operations) == 0 {
		return errors.New(`key_ops is no list of operations; write ["verify"], or leave key_ops out`)
	}
	private := !jwk.IsPublic() // a secret too
	usable := false
	for i, operation := range operations {
		if slices.Contains(operations[:i], operation) {
			return errors.New("key_ops names an operation twice; write each once")
		}
		usable = usable || operation == "verify" || private && operation == "sign"
	}
	if !usable {
		return errors.New(`the key is not for verifying: key_ops must hold "verify", or "sign" in a private key, or be absent`)
	}
	return nil
}

func agree(what, configured, inFile string) (string, error) {
	switch {
	case configured == "":
		return inFile, nil
	case inFile == "" || inFile == configured:
		return configured, nil
	}
	return "", fmt.Errorf("the configured %s %q differs from the file's, %q; write the same, or leave it out", what, configured, inFile)
}

func parsePEM(data []byte, id, algorithm string) (*Key, error) {
	block, rest := pem.Decode(data)
	if block == nil {
		return nil, errors.New("neither PEM nor a JSON Web Key")
	}
	if len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("more than one PEM block; a file holds one key")
	}
	material, err := parseBlock(block)
	if err != nil {
		return nil, err
	}
	if algorithm == "" {
		if algorithm, err = impliedAlgorithm(material); err != nil {
			return nil, err
		}
	}
	return NewKey(id, algorithm, material)
}

func parseBlock(block *pem.Block) (any, error) {
	var material any
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		material, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		material, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "PRIVATE KEY":
		material, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		material, err = x509.ParseECPrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		material, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "CERTIFICATE":
		return nil, errors.New("a certificate, not a key; extract its public key (openssl x509 -pubkey -noout)")
	default:
		return nil, fmt.Errorf("a PEM block of type %q, not a plain public or private key", block.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("the PEM block %q cannot be read as a key", block.Type)
	}
	return material, nil
}

// impliedAlgorithm is the algorithm where the kind of key leaves no choice.
func impliedAlgorithm(material any) (string, error) {
	if signer, ok := material.(crypto.Signer); ok {
		material = signer.Public()
	}
	switch p := material.(type) {
	case ed25519.PublicKey:
		return EdDSA, nil
	case *ecdsa.PublicKey:
		switch p.Curve {
		case elliptic.P256():
			return ES256, nil
		case elliptic.P384():
			return ES384, nil
		}
		return "", errors.New("an EC key must be on P-256 or P-384")
	case *rsa.PublicKey:
		return "", errors.New("an RSA key needs its algorithm written: RS256 or PS256")
	case []byte:
		return HS256, nil
	}
	return "", errors.New("this kind of key is not supported")
}

// MarshalJWK writes the key as a JSON Web Key with kid and alg: the private
// one, or, when public is set, the public one. A symmetric key has no public
// form.
func (k *Key) MarshalJWK(public bool) ([]byte, error) {
	material := k.public
	if public && k.Symmetric() {
		return nil, errors.New("an HS256 key has no public part: who can check its tokens can make them")
	}
	if !public {
		if material = k.Private(); material == nil {
			return nil, errors.New("the key has no private part")
		}
	}
	return jose.JSONWebKey{Key: material, KeyID: k.ID, Algorithm: k.Algorithm, Use: "sig"}.MarshalJSON()
}

// MarshalPEM writes the public key as a PEM block (RFC 7468, section 13).
func (k *Key) MarshalPEM() ([]byte, error) {
	if k.Symmetric() {
		return nil, errors.New("an HS256 key has no public part: who can check its tokens can make them")
	}
	der, err := x509.MarshalPKIXPublicKey(k.public)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}
