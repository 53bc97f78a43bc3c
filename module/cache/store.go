package cache

import (
	"sync"
	"time"

	"github.com/maypok86/otter/v2"
)

// store has the objects and what is being fetched. Three quarters of its memory
// are for what is stored, the rest for what comes and goes.
type store struct {
	objects *otter.Cache[key, *object]
	room    budget

	mu      sync.Mutex
	open    map[key]*fetch      // that may be joined
	fetches map[*fetch]struct{} // all that are under way
	most    int64               // the largest object

	unattended map[string]int // how many of the fetches nobody waits for, by organisation
}

func newStore(memory int64) *store {
	s := &store{open: make(map[key]*fetch), fetches: make(map[*fetch]struct{}), unattended: make(map[string]int)}
	s.objects = otter.Must(&otter.Options[key, *object]{
		MaximumWeight: uint64(memory / 4 * 3),
		Weigher:       func(k key, o *object) uint32 { return uint32(min(k.weight()+o.weight(), 1<<31)) },
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[key, *object]) time.Duration {
			return e.Value.keep()
		}),
		OnDeletion: func(e otter.DeletionEvent[key, *object]) {
			if b := e.Value.body; b != nil && b.stored.Add(-1) == 0 {
				b.leaveStore()
			}
		},
	})
	s.resize(memory)
	return s
}

// resize changes the budget.
func (s *store) resize(memory int64) {
	s.objects.SetMaximum(uint64(memory / 4 * 3))
	s.room.resize(memory / 4)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.most = min(memory/8, 1<<30)
}

func (s *store) close() { s.objects.StopAllGoroutines() }

// find returns what is stored for a request, or nil.
func (s *store) find(k key) *object {
	o, _ := s.objects.GetIfPresent(k)
	return o
}

// put stores an object. The caller holds s.mu.
func (s *store) put(k key, o *object) {
	if o.body != nil {
		o.body.stored.Add(1)
		s.room.unpin(o.body)
	}
	s.objects.Set(k, o)
}

// stalled is how long a fetch may bring nothing before the next viewer has a
// fetch of its own: what waits for one dead connection must not be everybody.
const stalled = 10 * time.Second

// join returns the fetch that a request waits for, which it has joined: one that
// is under way, or, if it may lead, a new one, which the caller has to start. It
// returns an object instead when one has been stored meanwhile, and neither when
// the request has to go alone.
func (s *store) join(k key, now time.Time, mayLead bool, stale *object) (f *fetch, lead bool, o *object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.find(k); o != nil && o != stale && (o.kind == uncached || o.fresh(now)) {
		return nil, false, o
	}
	f = s.open[k]
	if f != nil && f.isOver(now) {
		s.remove(f)
		f = nil
	}
	if f != nil && f.silent(now) < stalled {
		f.body.hold()
		s.attend(f)
		return f, false, nil
	}
	if !mayLead {
		return nil, false, nil
	}
	if f != nil {
		f.invalidated = true
	}
	if stale != nil && (!stale.validates() || s.find(k) != stale) { // it has been purged meanwhile
		stale = nil
	}
	f = newFetch(s, k, now, stale)
	f.body.hold()
	s.open[k] = f
	s.fetches[f] = struct{}{}
	return f, true, nil
}

const (
	// linger is how long a fetch goes on that nobody waits for.
	linger = 10 * time.Second
	// maxUnattended is how many of them an organisation may have: somebody who asks
	// and leaves, or wants a byte of each, must not buy much of the origin.
	maxUnattended = 4
)

// leaveAlone has a fetch go on for a while though nobody waits for it, unless its
// organisation has too many. The caller holds s.mu.
func (s *store) leaveAlone(f *fetch) bool {
	if !f.needed && s.unattended[f.key.org] >= maxUnattended {
		return false
	}
	s.unattended[f.key.org]++
	var timer *time.Timer
	timer = time.AfterFunc(linger, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if f.unattended == timer { // somebody may have come and left since
			s.abandon(f)
		}
	})
	f.unattended = timer
	return true
}

// attend is for a fetch for which somebody waits again, or that has ended. The caller holds
// s.mu.
func (s *store) attend(f *fetch) {
	if f.unattended == nil {
		return
	}
	f.unattended.Stop()
	f.unattended = nil
	if s.unattended[f.key.org]--; s.unattended[f.key.org] == 0 {
		delete(s.unattended, f.key.org)
	}
}

// abandon ends a fetch that is of use to nobody. The caller holds s.mu.
func (s *store) abandon(f *fetch) {
	s.remove(f)
	f.cancel()
}

// unlist ends the joining of a fetch.
func (s *store) unlist(f *fetch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(f)
}

func (s *store) remove(f *fetch) {
	if s.open[f.key] == f {
		delete(s.open, f.key)
	}
}

// forget removes what is stored and being fetched of the keys that match, and
// tells how many objects that were. Who already reads one reads on; who comes later
// asks the origin.
func (s *store) forget(match func(k *key) bool) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for f := range s.fetches {
		if !f.invalidated && match(&f.key) {
			f.invalidated = true
			s.remove(f)
			n++
		}
	}
	for k := range s.objects.Keys() {
		if match(&k) {
			if o, ok := s.objects.Invalidate(k); ok && o.kind == aResponse {
				n++
			}
		}
	}
	return n
}
