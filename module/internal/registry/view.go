package registry

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/kv"
	"github.com/playgate/playgate/module/internal/replica"
	"github.com/playgate/playgate/module/token"
	"github.com/playgate/playgate/module/token/sessiontoken"
)

// View is what the edge bucket says, in memory. Gates read it without I/O.
type View struct {
	// onChange is called after each change on which a verdict can depend.
	onChange func()

	// complete is set once there is a whole snapshot, from the store or from
	// the copy on disk. It is never unset.
	complete atomic.Bool
	changes  atomic.Uint64 // counts changes

	mu      sync.Mutex // of changes
	entries replica.Entries

	directory directory
	keys      keys
	revoked   revokedState
}

func newView(logger *zap.Logger) *View {
	v := &View{onChange: func() {}, entries: make(replica.Entries)}
	v.directory.init(logger)
	v.keys.init(logger)
	v.revoked.init(logger)
	return v
}

// Complete reports whether the view has ever been whole.
func (v *View) Complete() bool { return v.complete.Load() }

// Revocations is how many conditions are known.
func (v *View) Revocations() int { return int(v.revoked.count.Load()) }

// Revoked reports whether a token is revoked at a time. See [Conditions.Revoked].
func (v *View) Revoked(s *access.Subject, at time.Time) bool { return v.revoked.Revoked(s, at) }

// RevocationsBegun reports whether any planned revocation has begun to hold after a time
// and until another one. Who watches over what is running asks it with the time.
func (v *View) RevocationsBegun(after, until time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.revoked.begun(after, until)
}

// Generation grows with each change of keys.
func (v *View) Generation() uint64 { return v.keys.generation.Load() }

// Keys are the keys of playback tokens.
func (v *View) Keys() []*token.Key { return *v.keys.playback.Load() }

// Sessions are the keys of session tokens, of which the first one signs, and what names
// the values of tokens.
func (v *View) Sessions() ([]sessiontoken.Key, sessiontoken.Hasher) {
	s := v.keys.sessions.Load()
	return s.keys, s.hasher
}

// Secure is what the registry says of an organisation.
func (v *View) Secure(org string, now time.Time) SecureState {
	if !v.Complete() {
		return Unset
	}
	return v.directory.secure(org, now)
}

// Public reports whether a stream needs no token. Under an organisation whose
// record cannot be read no stream is.
func (v *View) Public(org, stream string) bool {
	return v.Complete() && v.directory.public(org, stream)
}

// BrokenGlass counts the organisations whose glass is broken.
func (v *View) BrokenGlass(now time.Time) int {
	n := 0
	for _, o := range v.directory.all() {
		if o.Broken(now) {
			n++
		}
	}
	return n
}

// Reset takes a whole snapshot in place of what was known. See [replica.State].
func (v *View) Reset(entries []kv.Entry) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.become(v.entries.Later(entries))
}

// Merge takes a whole snapshot of a store that has lost something. See
// [replica.State].
func (v *View) Merge(entries []kv.Entry) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.become(v.entries.Best(entries))
}

// Replace takes a whole snapshot in place of all that was known.
func (v *View) Replace(entries []kv.Entry) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.become(entries)
}

// News are those of a snapshot that are not known yet.
func (v *View) News(entries []kv.Entry) []kv.Entry {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.entries.News(entries)
}

// Changes grows with each change.
func (v *View) Changes() uint64 { return v.changes.Load() }

func (v *View) become(entries []kv.Entry) {
	v.entries = make(replica.Entries, len(entries))
	for _, e := range entries {
		if !e.Deleted {
			v.entries[e.Key] = e
		}
	}
	v.takeKeys()
	gone := v.revoked.keys()
	orgs := v.directory.begin()
	for _, e := range entries {
		if e.Deleted {
			continue
		}
		v.directory.take(orgs, e)
		if strings.HasPrefix(e.Key, conditionPrefix+".") {
			v.revoked.take(e, v.Complete())
		}
	}
	for _, key := range gone {
		if _, there := v.entries[key]; !there {
			v.revoked.take(kv.Entry{Key: key, Deleted: true}, v.Complete())
		}
	}
	v.directory.orgs.Store(&orgs)
	v.changes.Add(1)
	v.complete.Store(true)
	v.onChange()
}

// Apply takes one change.
func (v *View) Apply(e kv.Entry) {
	v.mu.Lock()
	defer v.mu.Unlock()
	old, changed := v.entries.Apply(e)
	if !changed {
		return
	}
	v.changes.Add(1)
	switch prefix, _, _ := strings.Cut(e.Key, "."); prefix {
	case orgPrefix, streamPrefix:
		v.directory.apply(old, e)
	case signingRecord, sessionRecord, hashesRecord, orgKeyPrefix:
		v.takeKeys()
	case conditionPrefix:
		v.revoked.take(e, v.Complete())
	default:
		return
	}
	v.onChange() // it is in force
}

// takeKeys reads the keys anew, and with them how revocations are looked up.
func (v *View) takeKeys() {
	v.keys.take(v.entries)
	v.revoked.rename(v.keys.sessions.Load().hasher)
}

// All are the entries, in the order of their keys.
func (v *View) All() []kv.Entry {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.entries.Sorted()
}

func (v *View) stream(org, name string) *Stream {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.directory.streams[org][name]
}

func (v *View) streamsOf(org string) []*Stream {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.directory.streamsOf(org)
}

func (v *View) signing() []SigningKey {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.keys.made)
}

func (v *View) condition(org, id string) *Condition {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.revoked.byKey[conditionPrefix+"."+org+"."+id]
}

// conditionsOf are those on the same value as another one.
func (v *View) conditionsOf(c *Condition) (list []*Condition) {
	v.mu.Lock()
	defer v.mu.Unlock()
	set, hash := v.revoked.locate(c)
	for _, l := range set.all(hash) {
		if other := v.revoked.byKey[conditionPrefix+"."+c.Org+"."+l.id]; other != nil {
			list = append(list, other)
		}
	}
	return list
}

func (v *View) futureConditions(org string) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.revoked.future[org]
}

func (v *View) allConditions() []*Condition {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Collect(maps.Values(v.revoked.byKey))
}
