package main

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// A proxy's heap is small and its garbage plenty: with Go's 100 % it spends a tenth
// of its time on collecting (docs/performance.md). So the heap may grow to five
// times what lives, but for garbage alone by no more than so many bytes, unless
// what lives is more than that.
const (
	mostPercent  = 400
	leastPercent = 100
	mostGarbage  = 256 << 20
)

// tuneCollector sets how much the heap may grow before it is collected, and goes
// on with that as what lives grows and shrinks. Whoever sets GOGC decides instead.
// Caddy sets a memory limit, under which it is collected more often in any case.
func tuneCollector() {
	if os.Getenv("GOGC") != "" {
		return
	}
	debug.SetGCPercent(mostPercent)
	go func() {
		const every = 10 * time.Second
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		last := mostPercent
		for range time.Tick(every) {
			metrics.Read(live)
			if percent := percentFor(live[0].Value.Uint64()); percent != last {
				debug.SetGCPercent(percent)
				last = percent
			}
		}
	}()
}

// percentFor is by how much a heap may grow of which so many bytes live.
func percentFor(live uint64) int {
	return int(min(max(mostGarbage*100/max(live, 1), leastPercent), mostPercent)) //nolint:gosec // at most mostPercent
}
