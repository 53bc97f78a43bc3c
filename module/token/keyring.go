package token

import (
	"fmt"
	"slices"
)

// Keyring is a set of keys that does not change. A nil Keyring holds none.
type Keyring struct {
	byID map[string][]*Key
	keys []*Key
}

// NewKeyring makes a set. Two keys with one id that may speak for the same
// organisation are an error: which of them is meant could not be told.
func NewKeyring(keys ...*Key) (*Keyring, error) {
	r := &Keyring{byID: make(map[string][]*Key, len(keys))}
	for _, k := range keys {
		for _, other := range r.byID[k.ID] {
			if k.Orgs == nil || other.Orgs == nil || overlap(k.Orgs, other.Orgs) {
				return nil, fmt.Errorf("two keys have the id %q and may speak for the same organisation; give one of them another id", k.ID)
			}
		}
		r.byID[k.ID] = append(r.byID[k.ID], k)
		r.keys = append(r.keys, k)
	}
	return r, nil
}

// Keys lists the keys in the order given.
func (r *Keyring) Keys() []*Key {
	if r == nil {
		return nil
	}
	return slices.Clone(r.keys)
}

// Narrow is the set of those keys whose ids are named. It is an error to name
// a key that is not there.
func (r *Keyring) Narrow(ids ...string) (*Keyring, error) {
	narrow := &Keyring{byID: make(map[string][]*Key, len(ids))}
	for _, id := range ids {
		found := r.byID[id]
		if len(found) == 0 {
			return nil, fmt.Errorf("no key has the id %q", id)
		}
		if narrow.byID[id] == nil {
			narrow.byID[id] = found
			narrow.keys = append(narrow.keys, found...)
		}
	}
	return narrow, nil
}

// Lookup finds the key for a token: by kid among the keys that may speak for
// the organisation; without kid, only if exactly one such key has the
// algorithm. Retired keys are not found. The error is of kind [ErrUnknownKey].
func (r *Keyring) Lookup(org, kid, algorithm string) (*Key, error) {
	if r == nil {
		return nil, &Error{ErrUnknownKey, "there is no key"}
	}
	candidates := r.keys
	if kid != "" {
		candidates = r.byID[kid]
	}
	var found *Key
	for _, k := range candidates {
		if k.State == Retired || !k.MaySpeakFor(org) || kid == "" && k.Algorithm != algorithm {
			continue
		}
		if found != nil {
			return nil, &Error{ErrUnknownKey, "the token names no key (kid) and several would fit"}
		}
		found = k
	}
	if found == nil {
		return nil, &Error{ErrUnknownKey, "no key by this id may speak for the token's organisation"}
	}
	return found, nil
}

// Format keeps key material out of every verb: those that do not fit pointers
// would print what they point to.
func (r *Keyring) Format(s fmt.State, _ rune) { _, _ = fmt.Fprintf(s, "%v", r.Keys()) }
