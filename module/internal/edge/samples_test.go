package edge

import (
	"testing"
	"time"
)

// A sample lets one pass each second, which tells how many there were.
func TestSample(t *testing.T) {
	var s sample
	now := time.Minute
	for _, step := range []struct {
		after time.Duration
		count int64
	}{{0, 1}, {0, 0}, {999 * time.Millisecond, 0}, {time.Millisecond, 3}, {999 * time.Millisecond, 0}, {time.Hour, 2}} {
		now += step.after
		if got := s.take(now); got != step.count {
			t.Errorf("%v later: %d instead of %d", step.after, got, step.count)
		}
	}
}
