package edge

import (
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/registry"
)

// Config is a configuration that judges what is running. It has to be comparable.
type Config interface {
	// Ends is why a running response may not go on, or "". Its deadline is not
	// asked.
	Ends(s *access.Subject, now time.Time) access.Reason
	// Ready reports whether tokens can be judged.
	Ready(now time.Time) bool
	// Registry is where the uses of tokens are stored and other nodes are asked;
	// nil if there is none.
	Registry() *registry.Registry
	// Logger is where the operator is told.
	Logger() *zap.Logger
}

// configs are those that have started and not stopped, the newest last: two while
// one takes over from the other.
type configs struct {
	mu   sync.Mutex
	list []Config
}

// newest is the one that judges and that gauges show, or nil.
func (cs *configs) newest() Config {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if len(cs.list) == 0 {
		return nil
	}
	return cs.list[len(cs.list)-1]
}

func (cs *configs) start(c Config) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if !slices.Contains(cs.list, c) {
		cs.list = append(cs.list, c)
	}
}

// stop takes a configuration out, and reports whether none is left. If it is the
// newest, it has failed and the one before goes on; or the process ends.
func (cs *configs) stop(c Config) (last bool) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	i := slices.Index(cs.list, c)
	if i < 0 {
		return false
	}
	cs.list = slices.Delete(cs.list, i, i+1)
	return len(cs.list) == 0
}
