package jwks

import (
	"crypto/rand"
	"crypto/rsa"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/playgate/playgate/module/token"
)

var (
	generated sync.Map // by id and algorithm: RSA takes its time
	weakRSA   = sync.OnceValue(func() *rsa.PrivateKey {
		key, err := rsa.GenerateKey(rand.Reader, 1024)
		if err != nil {
			panic(err)
		}
		return key
	})
)

// jwk is the key of an id as JSON: the public one, or the private one.
func jwk(tb testing.TB, id, algorithm string, public bool) string {
	tb.Helper()
	key, ok := generated.Load(id + algorithm)
	if !ok {
		made, err := token.GenerateKey(id, algorithm)
		if err != nil {
			tb.Fatal(err)
		}
		key, _ = generated.LoadOrStore(id+algorithm, made)
	}
	text, err := key.(*token.Key).MarshalJWK(public)
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

// weak is an RSA key of 1024 bits.
func weak(tb testing.TB) string {
	tb.Helper()
	text, err := jose.JSONWebKey{Key: weakRSA().Public(), KeyID: "weak", Algorithm: token.RS256}.MarshalJSON()
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

func set(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }

// setOf is a set of EdDSA keys with these ids.
func setOf(tb testing.TB, ids ...string) string {
	tb.Helper()
	var keys []string
	for _, id := range ids {
		keys = append(keys, jwk(tb, id, token.EdDSA, true))
	}
	return set(keys...)
}

// ids are the ids of keys, in their order.
func ids(keys []*token.Key) string {
	var list []string
	for _, k := range keys {
		list = append(list, k.ID)
	}
	return strings.Join(list, " ")
}
