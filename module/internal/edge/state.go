package edge

import (
	"context"
	"crypto/rand"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/budget"
	"github.com/playgate/playgate/module/internal/conns"
	"github.com/playgate/playgate/module/internal/verify"
	"github.com/playgate/playgate/module/token"
	"github.com/playgate/playgate/module/token/sessiontoken"
)

// State is what all configurations of a process share. Each takes a reference with
// [Acquire]; the newest that has started judges what is running, under whichever
// it began.
type State struct {
	// Memory remembers the tokens that were verified.
	Memory *verify.Memory
	// BadSignatures counts the tokens with a bad signature of each address.
	BadSignatures *verify.Limiter

	// Changes count what verdicts depend on.
	Changes Changes
	// Caches are those below the gates.
	Caches Caches
	// Events are told to Caddy's events app.
	Events Events
	// Uses are when tokens were used last.
	Uses Uses
	// Hasher is that of configurations without a secret that nodes share.
	Hasher sessiontoken.Hasher
	// Instance names this process; see [Instance].
	Instance func() string
	// Resources are WHEP sessions.
	Resources Resources
	// Manifests is the memory that is shared by those which are read as a whole.
	Manifests *budget.Budget

	running   conns.Table
	refusals  refusals
	delivered delivered
	viewers   viewers
	configs   configs
	clock     clock

	mu   sync.Mutex  // held to drop a reference
	kept atomic.Bool // a reference is kept for what is still running

	started sync.Once
	ctx     context.Context // until the State is closed
	cancel  context.CancelFunc
	tasks   sync.WaitGroup // all goroutines
}

// maxManifests is the memory for manifests that are read as a whole, in bytes.
const maxManifests = 64 << 20

// maxBadSigners is of how many addresses bad signatures are counted.
const maxBadSigners = 1 << 18

// pool has the State, as long as a configuration or a running response needs it.
var pool = caddy.NewUsagePool()

const poolKey = "state"

// Acquire returns the State of the process, and takes a reference to it, which
// [State.Release] drops. It starts nothing.
func Acquire() *State {
	state, _, _ := pool.LoadOrNew(poolKey, func() (caddy.Destructor, error) { return newState(), nil })
	return state.(*State)
}

func newState() *State {
	s := &State{
		Memory:        verify.NewMemory(),
		BadSignatures: verify.NewLimiter(verify.Gradually, maxBadSigners),
		Instance:      sync.OnceValue(Instance),
		Manifests:     budget.New(maxManifests),
	}
	secret := make([]byte, token.MinSecret)
	_, _ = rand.Read(secret)                     // never fails (crypto/rand)
	s.Hasher, _ = sessiontoken.NewHasher(secret) // long enough
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.Events.samples = newSamples()
	s.Events.tasks = &s.tasks
	s.Resources.state = s
	s.running.Idle = s.dropKept
	return s
}

// Release drops a reference. The last one stays for as long as responses are
// running, which have to end in time, and which a configuration that comes back
// has to find; then the State is closed.
func (s *State) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept.Load() || s.running.Len() == 0 {
		drop()
		return
	}
	s.kept.Store(true)
	s.dropIfIdle()
}

// dropKept drops the reference that was kept for what was running, if there is one.
func (s *State) dropKept() {
	if !s.kept.Load() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropIfIdle()
}

// dropIfIdle is for who holds the lock.
func (s *State) dropIfIdle() {
	if s.kept.Load() && s.running.Len() == 0 {
		s.kept.Store(false)
		drop()
	}
}

func drop() { _, _ = pool.Delete(poolKey) } // Destruct does not fail

// Destruct implements [caddy.Destructor]. It does not wait: who drops the last
// reference may be one of those whom [State.Close] waits for.
func (s *State) Destruct() error {
	go s.Close()
	return nil
}

// Start has a configuration judge what is running, and begins to look after it
// when the first one does.
func (s *State) Start(c Config) {
	s.configs.start(c)
	s.started.Do(func() {
		s.tasks.Go((&sweeper{state: s}).run)
		s.tasks.Go(s.storeUsesEveryMinute)
	})
}

// Stop takes a configuration out: the next one has taken over, or the one before goes
// on if this one failed to start. With the last one the WHEP sessions end, and the
// uses of tokens are stored.
func (s *State) Stop(c Config) {
	if last := s.configs.stop(c); last {
		s.endResources()
		s.Uses.store(s.ctx, c.Registry(), c.Logger(), storeUsesAtEnd)
	}
}

// Close ends all goroutines and waits for them. What runs in spite of it ends at
// its deadline.
func (s *State) Close() {
	s.cancel()
	s.running.Each(s.endAtDeadline)
	s.tasks.Wait()
}

// endAtDeadline is for a response for which nobody waits: its configuration has
// left while its server still had the request.
func (s *State) endAtDeadline(r *conns.Running) {
	if !r.Deadline.IsZero() {
		time.AfterFunc(time.Until(r.Deadline), func() { s.cut(r, expired) })
	}
}

// logger is that of the newest configuration.
func (s *State) logger() *zap.Logger {
	if c := s.configs.newest(); c != nil {
		return c.Logger()
	}
	return zap.NewNop()
}
