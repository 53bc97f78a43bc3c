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
		if r.clashes(k) {
			return nil, fmt.Errorf("two keys have the id %q and may speak for the same organisation; give one of them another id", k.ID)
		}
		r.add(k)
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

// Len is how many keys there are.
func (r *Keyring) Len() int {
	if r == nil {
		return 0
	}
	return len(r.keys)
}

// With is the set with further keys in it, and those that were left out: what
// is in the set already wins over a newcomer of the same id that may speak for
// the same organisation.
func (r *Keyring) With(keys ...*Key) (all *Keyring, left []*Key) {
	all = &Keyring{byID: make(map[string][]*Key)}
	for _, k := range r.Keys() {
		all.add(k)
	}
	for _, k := range keys {
		if all.clashes(k) {
			left = append(left, k)
			continue
		}
		all.add(k)
	}
	return all, left
}

func (r *Keyring) add(k *Key) {
	r.byID[k.ID] = append(r.byID[k.ID], k)
	r.keys = append(r.keys, k)
}

func (r *Keyring) clashes(k *Key) bool {
	return slices.ContainsFunc(r.byID[k.ID], func(other *Key) bool {
		return k.Orgs == nil || other.Orgs == nil || slices.ContainsFunc(k.Orgs, func(org string) bool { return slices.Contains(other.Orgs, org) })
	})
}

// Named is the set of those keys whose ids are named; an id that no key has is
// passed over.
func (r *Keyring) Named(ids ...string) *Keyring {
	named := &Keyring{byID: make(map[string][]*Key, len(ids))}
	for _, k := range r.Keys() {
		if slices.Contains(ids, k.ID) {
			named.add(k)
		}
	}
	return named
}

// Narrow is the set of those keys whose ids are named. It is an error to name
// a key that is not there.
func (r *Keyring) Narrow(ids ...string) (*Keyring, error) {
	for _, id := range ids {
		if len(r.byID[id]) == 0 {
			return nil, fmt.Errorf("no key has the id %q", id)
		}
	}
	return r.Named(ids...), nil
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
