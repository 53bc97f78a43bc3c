package verify

import (
	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/token"
	"github.com/playgate/playgate/module/token/sessiontoken"
)

// Trust is what tokens are verified with at one moment. It does not change: a
// key that comes or goes makes another one.
type Trust struct {
	// Keys are the keys of playback tokens, retired ones included.
	Keys *token.Keyring
	// Sessions are the keys of session tokens.
	Sessions sessiontoken.Keyring
	// Hasher names what tokens say. Without one nobody can tell what has been revoked.
	Hasher sessiontoken.Hasher

	// active are the keys that are not retired, by the hash that session tokens
	// have of them.
	// Own are keys in use that organisations have added for themselves, under ids of their
	// choice: no id that a site names means one of these.
	Own []*token.Key

	active map[uint64][]*token.Key
	local  map[uint64][]*token.Key // the same, by [access.LocalKey]
	memory *Memory
	// id is that of no other trust of this memory.
	id uint64
}

// NewTrust makes a trust in some keys, whose tokens this memory remembers.
func (m *Memory) NewTrust(keys *token.Keyring, sessions sessiontoken.Keyring, hasher sessiontoken.Hasher) *Trust {
	t := &Trust{Keys: keys, Sessions: sessions, Hasher: hasher, memory: m, id: m.trusts.Add(1), active: make(map[uint64][]*token.Key), local: make(map[uint64][]*token.Key)}
	for _, k := range keys.Keys() {
		if k.State != token.Retired {
			hash := hasher.Key(k)
			t.active[hash] = append(t.active[hash], k)
			local := access.LocalKey(k)
			t.local[local] = append(t.local[local], k)
		}
	}
	return t
}

// Active is the key that tokens of an organisation are verified with by its id, and that has
// the hash that a session token names; nil if there is none.
func (t *Trust) Active(hash uint64, org string) *token.Key { return t.inUse(t.active[hash], org) }

// ActiveLocal is the same for a key that this process knew before, under whichever secret of
// hashes.
func (t *Trust) ActiveLocal(key uint64, org string) *token.Key { return t.inUse(t.local[key], org) }

func (t *Trust) inUse(keys []*token.Key, org string) *token.Key {
	for _, k := range keys {
		if t.Keys.InUse(k, org) {
			return k
		}
	}
	return nil
}

// Verifies reports whether there is a key that is not retired.
func (t *Trust) Verifies() bool { return len(t.active) > 0 }

// Subset is the trust in those keys alone whose ids are named, and which no organisation has
// added for itself. Ids that no key has name keys that may come.
func (t *Trust) Subset(ids []string) *Trust {
	return t.memory.NewTrust(t.Keys.Without(t.Own...).Named(ids...), t.Sessions, t.Hasher)
}
