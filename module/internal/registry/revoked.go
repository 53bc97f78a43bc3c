package registry

import (
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/kv"
	"github.com/playgate/playgate/module/token/sessiontoken"
)

// revokedState is what the view knows of revocations. The view's lock is that of the
// maps, which change with entries and with time; the sets are asked without it.
type revokedState struct {
	logger *zap.Logger
	now    func() time.Time
	// onRevoke is called with each revocation that is new, when it begins.
	onRevoke func(*Revocation)
	// wake is called without the lock when the time of a planned one has come.
	wake func(*Revocation)

	values revokedSet // tokens, tags and users, by the hashes that tokens have of them
	wide   revokedSet // streams and organisations, by those of this process
	hasher sessiontoken.Hasher
	seed   maphash.Seed
	count  atomic.Int64 // how many revocations are known

	// byKey are the revocations by their keys, and unreadable the organisations
	// of those that cannot be read.
	byKey      map[string]*Revocation
	unreadable map[string]string
	planned    map[string]*time.Timer // of those that are to begin
}

func (r *revokedState) init(logger *zap.Logger, wake func(*Revocation)) {
	r.logger, r.now, r.wake, r.onRevoke, r.seed = logger, time.Now, wake, func(*Revocation) {}, maphash.MakeSeed()
	r.byKey = make(map[string]*Revocation)
	r.unreadable = make(map[string]string)
	r.planned = make(map[string]*time.Timer)
}

// concerns reports whether a token has been revoked, by whichever of its values.
func (r *revokedState) concerns(s *access.Subject) bool {
	if r.count.Load() == 0 {
		return false
	}
	if r.values.has(s.TokenID, s.IssuedAt) || r.values.has(s.Tag, s.IssuedAt) || r.values.has(s.User, s.IssuedAt) {
		return true
	}
	return !r.wide.empty() && (r.wide.has(r.place(s.Org, s.Stream), s.IssuedAt) || r.wide.has(r.place(s.Org, ""), s.IssuedAt))
}

// place is the hash of a stream, or, without one, of an organisation.
func (r *revokedState) place(org, stream string) uint64 {
	return max(maphash.Comparable(r.seed, [2]string{org, stream}), 1)
}

// hash is by what a revocation is in its set; 0 as long as nobody can tell.
func (r *revokedState) hash(x *Revocation) uint64 {
	switch x.Kind {
	case byOrg, byStream:
		return r.place(x.Org, x.Value)
	}
	return r.hasher.Hash(x.Kind, x.Org, x.Value)
}

// name has revocations known by the hashes of a hasher.
func (r *revokedState) name(h sessiontoken.Hasher) {
	if h.Equal(r.hasher) {
		return
	}
	old := r.hasher
	r.hasher = h
	for _, x := range r.byKey {
		r.settle(x)
	}
	if !old.Valid() {
		return
	}
	// The new ones are in force before the old ones are not.
	r.hasher = old
	for _, x := range r.byKey {
		r.values.remove(r.hash(x))
	}
	r.hasher = h
}

// of is the set that revocations of a kind are in. Those of streams and
// organisations are rare, and their hashes are in no token.
func (r *revokedState) of(kind string) *revokedSet {
	if kind == byStream || kind == byOrg {
		return &r.wide
	}
	return &r.values
}

// keys are those of all revocations, readable or not.
func (r *revokedState) keys() []string {
	return slices.Concat(slices.Collect(maps.Keys(r.byKey)), slices.Collect(maps.Keys(r.unreadable)))
}

// take takes an entry, or that it is gone. One that cannot be read refuses all
// tokens of its organisation: nobody knows whom it means. news says whether one
// that is new is news; what was there at the start is none.
func (r *revokedState) take(e kv.Entry, news bool) {
	_, rest, _ := strings.Cut(e.Key, ".")
	org, _, _ := strings.Cut(rest, ".")
	old := r.byKey[e.Key]
	delete(r.byKey, e.Key)
	delete(r.unreadable, e.Key)
	if t := r.planned[e.Key]; t != nil {
		t.Stop()
		delete(r.planned, e.Key)
	}
	var now *Revocation
	if !e.Deleted {
		now = new(Revocation)
		if err := decode(e.Value, now); err != nil || now.check() != nil || now.key() != e.Key {
			r.logger.Error("a revocation cannot be read; all tokens of its organisation are refused", zap.String("org", org), zap.Error(err))
			now = nil
			r.unreadable[e.Key] = org
		} else {
			now.Revision = e.Revision
			r.byKey[e.Key] = now
		}
	}
	r.count.Store(int64(len(r.byKey) + len(r.unreadable)))
	// What is new counts before what is old does not.
	for _, x := range []*Revocation{now, {Org: org, Kind: byOrg}, old} {
		if x != nil {
			r.settle(x)
		}
	}
	switch {
	case now == nil:
	case !now.Holds(r.now()):
		r.await(now)
	case news && (old == nil || old.Revision != now.Revision):
		r.onRevoke(now)
	}
}

// await has a revocation begin when its time comes.
func (r *revokedState) await(x *Revocation) {
	r.planned[x.key()] = time.AfterFunc(x.From.Sub(r.now()), func() { r.wake(x) })
}

// begin puts a revocation in force whose time has come, and reports whether it is
// still wanted.
func (r *revokedState) begin(x *Revocation) bool {
	if holds := r.byKey[x.key()]; holds == nil || holds.Revision != x.Revision || r.of(x.Kind).has(r.hash(x), 0) {
		return false // it was taken back, is another one, or has begun
	}
	if !x.Holds(r.now()) { // the clock has been set back
		r.await(x)
		return false
	}
	delete(r.planned, x.key())
	r.settle(x)
	return true
}

// settle puts into the set what holds for the value of a revocation.
func (r *revokedState) settle(x *Revocation) {
	holds, set := r.byKey[x.key()], r.of(x.Kind)
	switch {
	case x.Kind == byOrg && slices.Contains(slices.Collect(maps.Values(r.unreadable)), x.Org):
		set.add(r.hash(x), everLater)
	case holds == nil || !holds.Holds(r.now()):
		set.remove(r.hash(x))
	case holds.IssuedBefore.IsZero():
		set.add(r.hash(x), everLater)
	default:
		set.add(r.hash(x), holds.IssuedBefore.Unix())
	}
}
