package sessiontoken

import (
	"errors"
	"slices"

	"github.com/playgate/playgate/module/token"
)

// Keyring is a set of session keys, of which the first signs and all verify.
// The zero value signs and verifies nothing.
type Keyring struct{ keys []Key }

// NewKeyring makes a set. Keys that are not valid are left out.
func NewKeyring(keys ...Key) Keyring {
	var r Keyring
	for _, k := range keys {
		if k.Valid() {
			r.keys = append(r.keys, k)
		}
	}
	return r
}

// Signing is the key that signs. It is the zero value when there is none.
func (r Keyring) Signing() Key {
	if len(r.keys) == 0 {
		return Key{}
	}
	return r.keys[0]
}

// Has reports whether a key is in the set, by its number.
func (r Keyring) Has(number uint64) bool {
	return slices.ContainsFunc(r.keys, func(k Key) bool { return k.number == number })
}

// Read verifies a session token with the key that it names, and returns that; see
// [Key.Read]. Keys have names of a few bits only, so that several may have to be tried.
func (r Keyring) Read(text string, s Scope) (t Token, by Key, err error) {
	err = &token.Error{Kind: token.ErrUnknownKey, Detail: "there is no session key"}
	for _, k := range r.keys {
		t, failed := k.Read(text, s)
		if failed == nil {
			return t, k, nil
		}
		if !errors.Is(err, token.ErrUnknownKey) {
			continue // one of this name has failed already
		}
		err = failed
	}
	return Token{}, Key{}, err
}
