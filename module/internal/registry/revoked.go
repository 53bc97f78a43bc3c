package registry

import (
	"cmp"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/kv"
	"github.com/playgate/playgate/module/token/sessiontoken"
)

// revokedState is what the view knows of revocations. Conditions are asked without the
// view's lock; the rest is under it.
type revokedState struct {
	Conditions

	logger *zap.Logger
	now    func() time.Time
	// onRevoke is called with each condition that is new and holds.
	onRevoke func(*Condition)

	hasher sessiontoken.Hasher
	count  atomic.Int64 // how many conditions there are

	// byKey are the conditions by their keys. One that cannot be read is in
	// unreadable, as a condition on all of its organisation: whom it means is not
	// known.
	byKey, unreadable map[string]*Condition
	planned           []*plan        // by the time at which they begin
	future            map[string]int // how many concern tokens of the future, by organisation
}

// plan is a condition that begins at a time.
type plan struct {
	*Condition

	told bool // onRevoke has been called
}

func (r *revokedState) init(logger *zap.Logger) {
	r.logger, r.now, r.onRevoke, r.seed = logger, time.Now, func(*Condition) {}, maphash.MakeSeed()
	r.byKey = make(map[string]*Condition)
	r.unreadable = make(map[string]*Condition)
	r.future = make(map[string]int)
}

// locate is where a condition's line is: its set and the hash of its value; 0 as long as
// that cannot be told.
func (r *revokedState) locate(c *Condition) (*conditionSet, uint64) {
	if c.Kind == byOrg || c.Kind == byStream {
		return &r.places, r.place(c.Org, c.Value)
	}
	return &r.values, r.hasher.Hash(c.Kind, c.Org, c.Value)
}

func (r *revokedState) put(c *Condition) {
	set, hash := r.locate(c)
	l := line{lastIssued: c.lastIssued(), id: c.ID}
	if !c.From.IsZero() {
		l.from = c.From.UnixMilli()
	}
	set.put(hash, l)
}

// rename has values known by the hashes of a hasher.
func (r *revokedState) rename(h sessiontoken.Hasher) {
	if h.Equal(r.hasher) {
		return
	}
	old := r.hasher
	r.hasher = h
	for _, c := range r.byKey {
		r.put(c)
	}
	if !old.Valid() {
		return
	}
	// The new ones are in force before the old ones are not.
	r.hasher = old
	for _, c := range r.byKey {
		if set, hash := r.locate(c); set == &r.values {
			set.remove(hash, c.ID)
		}
	}
	r.hasher = h
}

// keys are those of all conditions, readable or not.
func (r *revokedState) keys() []string {
	return slices.Concat(slices.Collect(maps.Keys(r.byKey)), slices.Collect(maps.Keys(r.unreadable)))
}

// take takes an entry, or that it is gone. News says whether a condition that is new is
// news; what was there at the start is none.
func (r *revokedState) take(e kv.Entry, news bool) {
	old := cmp.Or(r.byKey[e.Key], r.unreadable[e.Key])
	if old != nil && old.Future() {
		r.future[old.Org]--
	}
	delete(r.byKey, e.Key)
	delete(r.unreadable, e.Key)
	var now *Condition
	if !e.Deleted {
		now = r.read(e)
		r.put(now) // what is new counts before what is old does not
		if now.Future() {
			r.future[now.Org]++
		}
	}
	r.count.Store(int64(len(r.byKey) + len(r.unreadable)))
	if old != nil {
		set, hash := r.locate(old)
		if now == nil {
			set.remove(hash, old.ID)
		} else if other, another := r.locate(now); other != set || another != hash {
			set.remove(hash, old.ID)
		}
		r.planned = slices.DeleteFunc(r.planned, func(p *plan) bool { return p.ID == old.ID && p.Org == old.Org })
	}
	if now == nil || r.unreadable[e.Key] != nil {
		return
	}
	told := now.Holds(r.now())
	if !now.From.IsZero() {
		i, _ := slices.BinarySearchFunc(r.planned, now.From, func(p *plan, from time.Time) int { return p.From.Compare(from) })
		r.planned = slices.Insert(r.planned, i, &plan{now, told})
	}
	if told && news && (old == nil || old.Revision != now.Revision) {
		r.onRevoke(now)
	}
}

// read reads an entry, and notes it. One that cannot be read refuses all tokens of its
// organisation.
func (r *revokedState) read(e kv.Entry) *Condition {
	_, rest, _ := strings.Cut(e.Key, ".")
	org, id, _ := strings.Cut(rest, ".")
	c := new(Condition)
	err := decode(e.Value, c)
	if err != nil || c.check() != nil || c.key() != e.Key {
		r.logger.Error("a revocation cannot be read; all tokens of its organisation are refused", zap.String("org", org), zap.Error(err))
		c = &Condition{ID: id, Org: org, Kind: byOrg}
		r.unreadable[e.Key] = c
		return c
	}
	c.Revision = e.Revision
	r.byKey[e.Key] = c
	return c
}

// begun reports whether conditions have begun to hold after a time and until another
// one. Those that have not been told yet are told.
func (r *revokedState) begun(after, until time.Time) bool {
	i, _ := slices.BinarySearchFunc(r.planned, after, func(p *plan, at time.Time) int {
		if p.From.After(at) {
			return 1
		}
		return -1
	})
	begun := false
	for _, p := range r.planned[i:] {
		if !p.Holds(until) {
			break
		}
		begun = true
		if !p.told {
			p.told = true
			r.onRevoke(p.Condition)
		}
	}
	return begun
}
