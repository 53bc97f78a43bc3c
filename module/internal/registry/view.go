package registry

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/kv"
	"github.com/playgate/playgate/module/internal/replica"
	"github.com/playgate/playgate/module/token"
	"github.com/playgate/playgate/module/token/sessiontoken"
)

// View is what the edge bucket says, in memory. Gates read it without locks and
// without I/O.
type View struct {
	logger *zap.Logger
	now    func() time.Time

	// onRevoke is called with each revocation that is new, when it begins.
	onRevoke func(*Revocation)
	// onChange is called after each change on which a verdict can depend.
	onChange func()

	// complete is set once there is a whole snapshot, from the store or from
	// the copy on disk. It is never unset.
	complete atomic.Bool
	// changes counts changes, and keys those of keys.
	changes  atomic.Uint64
	keys     atomic.Uint64
	playback atomic.Pointer[[]*token.Key]
	sessions atomic.Pointer[[]sessiontoken.Key]
	orgs     atomic.Pointer[map[string]*orgState]

	revoked     revokedSet   // tokens, tags and users
	revokedWide revokedSet   // streams and organisations
	revocations atomic.Int64 // how many

	mu      sync.Mutex // of what follows
	entries replica.Entries
	streams map[string]map[string]*Stream // by organisation and name
	made    []SigningKey
	// revokedBy are the revocations by their keys, and unreadable the
	// organisations of those that cannot be read.
	revokedBy  map[string]*Revocation
	unreadable map[string]string
	planned    map[string]*time.Timer // of revocations that are to begin
}

// orgState is what gates ask of an organisation. It does not change.
type orgState struct {
	org    *Org // nil where only streams are known
	unread bool // there is a record, and it cannot be read
	public map[string]bool
}

func newView(logger *zap.Logger) *View {
	v := &View{logger: logger, now: time.Now, onRevoke: func(*Revocation) {}, onChange: func() {}}
	v.clear()
	return v
}

func (v *View) clear() {
	v.entries = make(replica.Entries)
	v.streams = make(map[string]map[string]*Stream)
	v.made = nil
	v.revokedBy = make(map[string]*Revocation)
	v.unreadable = make(map[string]string)
	v.planned = make(map[string]*time.Timer)
	v.orgs.Store(&map[string]*orgState{})
	v.playback.Store(&[]*token.Key{})
	v.sessions.Store(&[]sessiontoken.Key{})
}

// Complete reports whether the view has ever been whole.
func (v *View) Complete() bool { return v.complete.Load() }

// Revocations is how many are known.
func (v *View) Revocations() int { return int(v.revocations.Load()) }

// Generation grows with each change of keys.
func (v *View) Generation() uint64 { return v.keys.Load() }

// Keys are the keys of playback tokens.
func (v *View) Keys() []*token.Key { return *v.playback.Load() }

// Sessions are the keys of session tokens; the first one signs.
func (v *View) Sessions() []sessiontoken.Key { return *v.sessions.Load() }

// Word is what the registry says of an organisation, or of one of its streams.
type Word uint8

// Words. The zero value says nothing.
const (
	Silent Word = iota
	On          // it is secure
	Off         // it is not
	Broken      // it is not, whatever anybody says: the glass is broken
)

// Secure is what the registry says of an organisation.
func (v *View) Secure(org string, now time.Time) Word {
	o := (*v.orgs.Load())[org]
	switch {
	case o == nil || !v.Complete():
		return Silent
	case o.unread:
		return On
	case o.org == nil:
		return Silent
	case o.org.Broken(now):
		return Broken
	case o.org.Secure == "on":
		return On
	case o.org.Secure == "off":
		return Off
	}
	return Silent
}

// Public reports whether a stream needs no token. Under an organisation whose
// record cannot be read no stream is.
func (v *View) Public(org, stream string) bool {
	o := (*v.orgs.Load())[org]
	return o != nil && !o.unread && v.Complete() && o.public[stream]
}

// BrokenGlass counts the organisations whose glass is broken.
func (v *View) BrokenGlass(now time.Time) int {
	n := 0
	for _, o := range *v.orgs.Load() {
		if o.org != nil && o.org.Broken(now) {
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
	v.streams = make(map[string]map[string]*Stream)
	gone := slices.Concat(slices.Collect(maps.Keys(v.revokedBy)), slices.Collect(maps.Keys(v.unreadable)))
	orgs := make(map[string]*orgState)
	for _, e := range entries {
		if e.Deleted {
			continue
		}
		v.entries[e.Key] = e
		v.take(orgs, e)
		if strings.HasPrefix(e.Key, revokedPrefix+".") {
			v.takeRevocation(e)
		}
	}
	for _, key := range gone {
		if _, there := v.entries[key]; !there {
			v.takeRevocation(kv.Entry{Key: key, Deleted: true})
		}
	}
	v.orgs.Store(&orgs)
	v.takeKeys()
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
		orgs := maps.Clone(*v.orgs.Load())
		if e.Deleted {
			v.drop(orgs, old)
		} else {
			v.take(orgs, e)
		}
		v.orgs.Store(&orgs)
	case signingRecord, sessionRecord, orgKeyPrefix:
		v.takeKeys()
	case revokedPrefix:
		v.takeRevocation(e)
	default:
		return
	}
	v.onChange() // it is in force
}

// state is a copy of what orgs holds of an organisation, to be changed.
func state(orgs map[string]*orgState, org string) *orgState {
	s := new(orgState)
	if old := orgs[org]; old != nil {
		*s = *old
	}
	orgs[org] = s
	return s
}

func (v *View) take(orgs map[string]*orgState, e kv.Entry) {
	prefix, rest, _ := strings.Cut(e.Key, ".")
	switch prefix {
	case orgPrefix:
		s := state(orgs, rest)
		o := new(Org)
		s.org, s.unread = o, false
		if err := decode(e.Value, o); err != nil || o.Hash != rest {
			s.org, s.unread = nil, true
			v.logger.Error("the record of an organisation cannot be read; it counts as secure", zap.String("org", rest), zap.Error(err))
		}
		o.Revision = e.Revision
	case streamPrefix:
		org, _, _ := strings.Cut(rest, ".")
		t := new(Stream)
		if err := decode(e.Value, t); err != nil || e.Key != streamKey(t.Org, t.Name) {
			v.logger.Error("the record of a stream cannot be read; the stream counts as not public", zap.String("org", org), zap.Error(err))
			v.forget(orgs, e.Key, org)
			return
		}
		t.Revision = e.Revision
		if v.streams[org] == nil {
			v.streams[org] = make(map[string]*Stream)
		}
		v.streams[org][t.Name] = t
		v.publish(orgs, org, t.Name, t.Public)
	}
}

// publish makes a stream public, or not.
func (v *View) publish(orgs map[string]*orgState, org, stream string, public bool) {
	if old := orgs[org]; (old != nil && old.public[stream]) == public {
		return
	}
	s := state(orgs, org)
	s.public = maps.Clone(s.public)
	if s.public == nil {
		s.public = make(map[string]bool)
	}
	if public {
		s.public[stream] = true
	} else {
		delete(s.public, stream)
	}
}

// drop takes an entry out that was known.
func (v *View) drop(orgs map[string]*orgState, old kv.Entry) {
	prefix, rest, _ := strings.Cut(old.Key, ".")
	switch prefix {
	case orgPrefix:
		s := state(orgs, rest)
		s.org, s.unread = nil, false
	case streamPrefix:
		org, _, _ := strings.Cut(rest, ".")
		v.forget(orgs, old.Key, org)
	}
}

// forget takes the stream of a key out.
func (v *View) forget(orgs map[string]*orgState, key, org string) {
	for stream := range v.streams[org] {
		if streamKey(org, stream) == key {
			delete(v.streams[org], stream)
			v.publish(orgs, org, stream, false)
			return
		}
	}
}

// takeKeys reads all keys anew. There are few of them.
func (v *View) takeKeys() {
	var playback []*token.Key
	var sessions []sessiontoken.Key
	v.made = nil
	if e, ok := v.entries[signingRecord]; ok {
		var record signingKeys
		if err := decode(e.Value, &record); err != nil {
			v.logger.Error("the signing keys cannot be read; their tokens are refused", zap.Error(err))
		}
		for _, k := range record.Keys {
			key, err := token.ParseKey(k.JWK, k.ID, k.Algorithm)
			if err != nil || !slices.Contains(token.States, k.State) || key.Symmetric() {
				v.logger.Error("a signing key cannot be used; its tokens are refused", zap.String("key", k.ID), zap.Error(err))
				continue
			}
			key.State = k.State
			playback = append(playback, key)
			v.made = append(v.made, k)
		}
	}
	playback = append(playback, v.takeOrgKeys()...)
	if e, ok := v.entries[sessionRecord]; ok {
		var record sessionKeys
		if err := decode(e.Value, &record); err != nil {
			v.logger.Error("the session keys cannot be read; session tokens are refused", zap.Error(err))
		}
		for _, k := range record.Keys {
			if key, err := sessiontoken.NewKey(k.Secret); err == nil {
				sessions = append(sessions, key)
			}
		}
	}
	v.playback.Store(&playback)
	v.sessions.Store(&sessions)
	v.keys.Add(1)
}

func (v *View) org(hash string) *Org {
	if s := (*v.orgs.Load())[hash]; s != nil {
		return s.org
	}
	return nil
}

func (v *View) allOrgs() []*Org {
	var list []*Org
	for _, s := range *v.orgs.Load() {
		if s.org != nil {
			list = append(list, s.org)
		}
	}
	return list
}

func (v *View) stream(org, name string) *Stream {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.streams[org][name]
}

func (v *View) streamsOf(org string) []*Stream {
	v.mu.Lock()
	defer v.mu.Unlock()
	if org != "" {
		return slices.Collect(maps.Values(v.streams[org]))
	}
	var list []*Stream
	for _, streams := range v.streams {
		list = slices.AppendSeq(list, maps.Values(streams))
	}
	return list
}

func (v *View) signing() []SigningKey {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.made)
}

// All are the entries, in the order of their keys.
func (v *View) All() []kv.Entry {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.entries.Sorted()
}
