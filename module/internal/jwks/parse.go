package jwks

import (
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/playgate/playgate/module/token"
)

// What a document may hold at most.
const (
	MaxBytes = 256 << 10
	MaxKeys  = 64
)

// Ignored is a key of a document that is not used.
type Ignored struct {
	// Position is the key's place in the document, from 1.
	Position int
	// ID is its id; empty when it has none that a token could name.
	ID string
	// Why says in words what is wrong. It holds nothing of the document but
	// the id.
	Why string
}

// Parse reads a key set. A document that is not one key set within the limits
// is an error; single keys that cannot be used, for want of an id or because
// they are of another kind, are left out and listed. All keys are public ones
// with different ids, in state [token.Verify].
func Parse(document []byte) (keys []*token.Key, ignored []Ignored, err error) {
	if len(document) > MaxBytes {
		return nil, nil, errTooLarge
	}
	var set struct {
		Keys []jsontext.Value `json:"keys"`
	}
	// Duplicate members and invalid UTF-8 are refused, by json's defaults.
	if err := json.Unmarshal(document, &set); err != nil || set.Keys == nil {
		return nil, nil, errors.New("not a JSON Web Key Set (RFC 7517): it must be one JSON object with the array keys")
	}
	if len(set.Keys) > MaxKeys {
		return nil, nil, fmt.Errorf("a key set has at most %d keys, not %d", MaxKeys, len(set.Keys))
	}
	for i, text := range set.Keys {
		key, id, why := parseKey(text)
		if why == "" && slices.ContainsFunc(keys, func(k *token.Key) bool { return k.ID == id }) {
			why = "another key of the set has the same id"
		}
		if why != "" {
			ignored = append(ignored, Ignored{Position: i + 1, ID: id, Why: why})
			continue
		}
		keys = append(keys, key)
	}
	return keys, ignored, nil
}

var errTooLarge = fmt.Errorf("a key set has at most %d bytes", MaxBytes)

// parseKey reads one key of a set, or says why it is of no use.
func parseKey(text jsontext.Value) (key *token.Key, id, why string) {
	var k struct {
		Kid       string         `json:"kid"`
		Kty       string         `json:"kty"`
		Alg       string         `json:"alg"`
		Use       jsontext.Value `json:"use"`
		D         jsontext.Value `json:"d"`
		Symmetric jsontext.Value `json:"k"`
	}
	if err := json.Unmarshal(text, &k); err != nil {
		return nil, "", "it cannot be read as a key"
	}
	if token.ValidKeyID(k.Kid) {
		id = k.Kid
	}
	switch {
	case k.Kid == "":
		return nil, "", "it has no id (kid), so that no token can name it"
	case id == "":
		return nil, "", "its id (kid) is not 1 to 64 of letters, digits, dot, underscore and hyphen"
	case k.Kty == "oct" || k.Symmetric != nil:
		return nil, id, "it is a shared secret, which belongs into no key set; make a new one and keep it to yourself"
	case k.D != nil:
		return nil, id, "it is a private key, which belongs into no key set; make a new one and publish its public part"
	case k.Alg == "" && k.Kty == "RSA" && string(k.Use) == `"sig"`:
		k.Alg = token.RS256 // what identity providers mean by it
	case k.Alg != "" && !supported(k.Alg):
		return nil, id, "its algorithm (alg) is not supported"
	}
	// After these checks, what the parser says holds nothing of the document
	// but the id.
	key, err := token.ParseKey(text, id, k.Alg)
	if err != nil {
		return nil, id, err.Error()
	}
	// Whatever the document called it, only a public key gets past here.
	if key.Private() != nil {
		return nil, id, "it is not a public key"
	}
	return key, id, ""
}

func supported(algorithm string) bool {
	_, ok := token.ParseAlgorithm(algorithm)
	return ok
}
