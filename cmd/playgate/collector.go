package main

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// A proxy's heap is small and its garbage plenty: with Go's 100 % it spends a tenth
// of its time on collecting (docs/performance.md). So the heap may grow to five
// times what lives, but for garbage alone by no more than so many bytes, or than
// what the collector has to look at where that is more. Media in the cache it has
// not to look at.
const (
	mostPercent = 400
	mostGarbage = 128 << 20
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
		const every = time.Second
		heap := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/heap:bytes"}}
		last := mostPercent
		for range time.Tick(every) {
			metrics.Read(heap)
			if percent := percentFor(heap[0].Value.Uint64(), heap[1].Value.Uint64()); percent != last {
				debug.SetGCPercent(percent)
				last = percent
			}
		}
	}()
}

// percentFor is by how much a heap may grow of which so many bytes live, and so
// many have to be looked at.
func percentFor(live, scanned uint64) int {
	garbage := max(mostGarbage, min(scanned, live))
	return int(min(float64(garbage)/float64(max(live, 1))*100, mostPercent))
}
