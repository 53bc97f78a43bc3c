package shard

import (
	"sync"
	"testing"
)

// A hash always leads to the same part, neighbours lead to others, and All sees
// what was put into each, whoever writes at the same time.
func TestParts(t *testing.T) {
	var p Parts[map[uint64]int]
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for hash := range uint64(4 * Count) {
				part := p.Of(hash)
				part.Lock()
				if part.State == nil {
					part.State = make(map[uint64]int)
				}
				part.State[hash]++
				part.Unlock()
			}
		})
	}
	writers.Wait()
	if p.Of(1) == p.Of(2) || p.Of(1) != p.Of(1+Count) {
		t.Error("the part of a hash is not its remainder")
	}
	parts, seen := 0, 0
	p.All(func(m *map[uint64]int) {
		parts++
		for _, n := range *m {
			seen += n
		}
	})
	if parts != Count || seen != 4*4*Count {
		t.Errorf("%d parts hold %d", parts, seen)
	}
}
