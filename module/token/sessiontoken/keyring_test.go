package sessiontoken

import (
	"errors"
	"testing"

	"github.com/playgate/playgate/module/token"
)

// The first key signs, all verify, and what none has signed is refused as a
// forgery where a key has its name, else as one of an unknown key.
func TestKeyring(t *testing.T) {
	a, b, other := testKey(t, 'a'), testKey(t, 'b'), testKey(t, 'c')
	ring := NewKeyring(Key{}, a, b)
	if got := ring.Signing().Mint(sample(), at("")); got != a.Mint(sample(), at("")) {
		t.Error("the first key does not sign")
	}
	for name, k := range map[string]Key{"first": a, "second": b} {
		if _, _, err := ring.Read(k.Mint(sample(), at("203.0.113.7")), at("203.0.113.7")); err != nil {
			t.Errorf("the %s key: %v", name, err)
		}
	}
	if _, _, err := ring.Read(other.Mint(sample(), at("")), at("")); !errors.Is(err, token.ErrUnknownKey) {
		t.Errorf("another key: %v", err)
	}
	namesake := other
	namesake.id = b.id
	if _, _, err := ring.Read(namesake.Mint(sample(), at("203.0.113.7")), at("203.0.113.7")); !errors.Is(err, token.ErrBadSignature) {
		t.Errorf("another key by the name of one that is there: %v", err)
	}
	if _, _, err := (Keyring{}).Read(a.Mint(sample(), at("")), at("")); !errors.Is(err, token.ErrUnknownKey) {
		t.Errorf("no key: %v", err)
	}
	if (Keyring{}).Signing().Valid() {
		t.Error("an empty set signs")
	}
	// Of two keys with one name, both verify.
	twin := b
	twin.id = a.id
	if _, _, err := NewKeyring(a, twin).Read(twin.Mint(sample(), at("203.0.113.7")), at("203.0.113.7")); err != nil {
		t.Errorf("the second of a name: %v", err)
	}
}
