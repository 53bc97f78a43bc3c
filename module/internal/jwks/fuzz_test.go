package jwks

import (
	"testing"

	"github.com/playgate/playgate/module/token"
)

// FuzzParse reads whatever a publisher may send. What is accepted is a set of
// public keys with different ids that tokens can name.
func FuzzParse(f *testing.F) {
	for _, document := range []string{
		set(), setOf(f, "a", "b", "a"), set(jwk(f, "es", token.ES256, true), jwk(f, "oct", token.HS256, false), jwk(f, "ed", token.EdDSA, false)),
		set(jwk(f, "rs", token.RS256, true)), `{"keys":[{"kty":"EC"}],"x":{}}`, `{"keys":null}`,
	} {
		f.Add([]byte(document))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		keys, ignored, err := Parse(document)
		if err != nil {
			if keys != nil || ignored != nil {
				t.Error("keys and an error")
			}
			return
		}
		if len(document) > MaxBytes || len(keys)+len(ignored) > MaxKeys {
			t.Errorf("%d bytes, %d keys, %d ignored", len(document), len(keys), len(ignored))
		}
		seen := map[string]bool{}
		for _, k := range keys {
			if seen[k.ID] || !token.ValidKeyID(k.ID) || k.Symmetric() || k.Private() != nil || k.State != token.Verify {
				t.Errorf("the key %v is accepted", k)
			}
			seen[k.ID] = true
		}
		for _, i := range ignored {
			if i.Why == "" || i.ID != "" && !token.ValidKeyID(i.ID) {
				t.Errorf("ignored: %+v", i)
			}
		}
	})
}
