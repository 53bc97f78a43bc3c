package app

import (
	"sync"
	"sync/atomic"

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

	// living are the keys that are not retired, by the hash that session tokens
	// have of them.
	living map[uint64][]*token.Key
	// id is that of no other trust of this process.
	id uint64
	// generation tells whether there is a newer one.
	generation uint64
}

// trusts counts those that were made.
var trusts atomic.Uint64

func newTrust(keys *token.Keyring, sessions sessiontoken.Keyring) *Trust {
	t := &Trust{Keys: keys, Sessions: sessions, id: trusts.Add(1), living: make(map[uint64][]*token.Key)}
	for _, k := range keys.Keys() {
		if k.State != token.Retired {
			hash := sessiontoken.KeyHash(k.ID)
			t.living[hash] = append(t.living[hash], k)
		}
	}
	return t
}

// Lives reports whether a key that may speak for an organisation, and that is
// not retired, has the hash that a session token names.
func (t *Trust) Lives(hash uint64, org string) bool {
	for _, k := range t.living[hash] {
		if k.MaySpeakFor(org) {
			return true
		}
	}
	return false
}

// Verifies reports whether there is a key that is not retired.
func (t *Trust) Verifies() bool { return len(t.living) > 0 }

// Narrow is the trust in those keys alone whose ids are named. Ids that no key
// has name keys that may come.
func (t *Trust) Narrow(ids []string) *Trust {
	return newTrust(t.Keys.Named(ids...), t.Sessions)
}

// trustCell keeps the newest trust and makes it anew when it is out of date.
type trustCell struct {
	newest atomic.Pointer[Trust]
	making sync.Mutex
}

func (c *trustCell) get(generation uint64, build func() *Trust) *Trust {
	if t := c.newest.Load(); t != nil && t.generation == generation {
		return t
	}
	c.making.Lock()
	defer c.making.Unlock()
	if t := c.newest.Load(); t != nil && t.generation == generation {
		return t
	}
	t := build()
	t.generation = generation
	c.newest.Store(t)
	return t
}
