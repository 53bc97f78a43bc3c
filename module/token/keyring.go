package token

import (
	"fmt"
	"slices"
)

// Keyring is a set of keys that does not change, in the order of their precedence. A nil
// Keyring holds none.
type Keyring struct {
	byID map[string][]*Key
	keys []*Key
}

// NewKeyring makes a set of one source. Two keys with one id that may speak for the same
// organisation are an error: which of them is meant could not be told. Retired keys compete
// with nobody.
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

// With is the set with further keys behind those that are there, and which of them share
// their id with a key before them that may speak for the same organisation: for that one
// [Keyring.Lookup] finds the other key. None is left out.
func (r *Keyring) With(keys ...*Key) (all *Keyring, behind []*Key) {
	all = &Keyring{byID: make(map[string][]*Key)}
	for _, k := range r.Keys() {
		all.add(k)
	}
	for _, k := range keys {
		if all.clashes(k) {
			behind = append(behind, k)
		}
		all.add(k)
	}
	return all, behind
}

func (r *Keyring) add(k *Key) {
	r.byID[k.ID] = append(r.byID[k.ID], k)
	r.keys = append(r.keys, k)
}

func (r *Keyring) clashes(k *Key) bool {
	return k.State != Retired && slices.ContainsFunc(r.byID[k.ID], func(other *Key) bool {
		return other.State != Retired && (k.Orgs == nil || other.Orgs == nil || slices.ContainsFunc(k.Orgs, func(org string) bool { return slices.Contains(other.Orgs, org) }))
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

// Without is the set without some of its keys.
func (r *Keyring) Without(keys ...*Key) *Keyring {
	rest := &Keyring{byID: make(map[string][]*Key)}
	for _, k := range r.Keys() {
		if !slices.Contains(keys, k) {
			rest.add(k)
		}
	}
	return rest
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

// Lookup finds the key for a token: by kid the first of the keys that may speak for the
// organisation; without kid, only if exactly one such key has the algorithm. Retired keys
// are not found, and neither is a key that is retired elsewhere in the set for the
// organisation: the same id, algorithm and thumbprint. The error is of kind
// [ErrUnknownKey].
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
		if !r.speaks(k, org) || kid == "" && (k.Algorithm != algorithm || r.first(org, k.ID) != k) {
			continue
		}
		if kid != "" {
			return k, nil
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

// speaks reports whether a key is in use for an organisation.
func (r *Keyring) speaks(k *Key, org string) bool {
	return k.State != Retired && k.MaySpeakFor(org) && !slices.ContainsFunc(r.byID[k.ID], func(other *Key) bool {
		return other.State == Retired && other.MaySpeakFor(org) && other.Algorithm == k.Algorithm && other.thumbprint == k.thumbprint
	})
}

// first is the key that an id stands for in tokens of an organisation, or nil.
func (r *Keyring) first(org, id string) *Key {
	for _, k := range r.byID[id] {
		if r.speaks(k, org) {
			return k
		}
	}
	return nil
}

// InUse reports whether a key is the one that its id stands for in tokens of an
// organisation.
func (r *Keyring) InUse(k *Key, org string) bool { return r != nil && r.first(org, k.ID) == k }

// Format keeps key material out of every verb: those that do not fit pointers
// would print what they point to.
func (r *Keyring) Format(s fmt.State, _ rune) { _, _ = fmt.Fprintf(s, "%v", r.Keys()) }
