package jwks

import (
	"cmp"
	"context"
	"crypto/sha256"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/token"
)

// Set is the key set of one location as it was last read. It outlives the
// configurations that use it: each joins with what it brings along and leaves
// when it ends.
type Set struct {
	location Location
	changed  func()

	newest atomic.Pointer[reading]
	asked  atomic.Bool   // a key was missed since the last refresh began
	wake   chan struct{} // the time of the next refresh may be another one

	mu     sync.Mutex
	users  []*User
	cancel context.CancelFunc // nil until the refreshing goroutine runs
	done   chan struct{}

	// turn is held while the set is refreshed.
	turn                 sync.Mutex
	failing, keepFailing bool                              // has been told
	kept                 atomic.Pointer[[sha256.Size]byte] // what the storage holds

	within, early time.Duration // of one fetch; between two that tokens caused
}

// User is what a configuration that uses a set brings along. That of the
// newest counts, and the shortest of all refresh times.
type User struct {
	// Refresh is the time from one refresh to the next.
	Refresh time.Duration
	// Storage keeps the last good set for the next start; nil keeps nothing.
	Storage Storage
	// Logger hears of keys that are ignored, and when the set cannot be read.
	Logger *zap.Logger
}

// reading is what was read at one time. It does not change.
type reading struct {
	keys []*token.Key
	sum  [sha256.Size]byte // of the document
}

// Limits of how often a set is refreshed.
const (
	DefaultRefresh = 10 * time.Minute
	MinRefresh     = 10 * time.Second

	// early is the least time between two refreshes of which the second was
	// caused by a token: nobody can make us fetch more often.
	early = 10 * time.Second
)

// NewSet makes a set that has not been read. changed is called after each
// change of its keys.
func NewSet(location Location, changed func()) *Set {
	return &Set{
		location: location, changed: changed,
		wake: make(chan struct{}, 1), done: make(chan struct{}),
		within: timeout, early: early,
	}
}

// Keys are the keys as last read; they may speak for all organisations. read
// is false as long as the set was never read. It takes no lock.
func (s *Set) Keys() (keys []*token.Key, read bool) {
	r := s.newest.Load()
	if r == nil {
		return nil, false
	}
	return r.keys, true
}

// Miss says that a token names a key that might be new in the set. It returns
// at once. The set is refreshed early, in the background, but not within ten
// seconds of the last time.
func (s *Set) Miss() {
	if !s.asked.Load() && s.asked.CompareAndSwap(false, true) {
		s.reschedule()
	}
}

// Join begins the use of a set. A file is read again; of a URL, the first user
// loads what was kept. From then on the set is refreshed in the background.
func (s *Set) Join(u *User) {
	s.mu.Lock()
	s.users = append(s.users, u)
	first := s.cancel == nil
	var ctx context.Context
	if first {
		ctx, s.cancel = context.WithCancel(context.Background())
	}
	s.mu.Unlock()
	s.kept.Store(nil) // the user's storage may be another one
	switch {
	case s.location.File():
		s.refresh(context.Background())
	case first:
		s.loadKept(ctx, u)
	}
	if first {
		go s.run(ctx)
	} else {
		s.reschedule()
	}
}

// Leave ends what Join began. A user that never joined may leave as well.
func (s *Set) Leave(u *User) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users = slices.DeleteFunc(s.users, func(other *User) bool { return other == u })
}

// Destruct ends the refreshing. The keys can still be read.
func (s *Set) Destruct() error {
	s.mu.Lock()
	cancel := s.cancel
	s.mu.Unlock()
	if cancel != nil {
		cancel()
		<-s.done
	}
	return nil
}

// nobody is the user of a set that none uses at the moment.
var nobody = &User{Refresh: DefaultRefresh, Logger: zap.NewNop()}

func (s *Set) user() *User {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.users) == 0 {
		return nobody
	}
	return s.users[len(s.users)-1]
}

func (s *Set) refreshTime() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.users) == 0 {
		return nobody.Refresh
	}
	return slices.MinFunc(s.users, func(a, b *User) int { return cmp.Compare(a.Refresh, b.Refresh) }).Refresh
}
