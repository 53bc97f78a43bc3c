// Package redact takes playback tokens out of texts that people read, logs above
// all, and out of URLs. It knows what has the form of a token.
package redact

import (
	"slices"
	"sync"
	"sync/atomic"
)

// names are the query names that tokens travel under, in this process. The
// set only grows: a log line may be older than the configuration.
var (
	names   atomic.Pointer[[]string]
	growing sync.Mutex
)

func init() { names.Store(&[]string{"token", "jwtoken"}) }

// AddNames adds query names whose values are secret.
func AddNames(more ...string) {
	growing.Lock()
	defer growing.Unlock()
	known := slices.Clone(*names.Load())
	for _, name := range more {
		if !slices.Contains(known, name) {
			known = append(known, name)
		}
	}
	names.Store(&known)
}

// Encoder is a log encoder that takes tokens out of all that it writes.
type Encoder interface{ RedactsTokens() }
