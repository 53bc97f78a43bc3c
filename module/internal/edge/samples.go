package edge

import (
	"sync/atomic"
	"time"

	"github.com/playgate/playgate/module/internal/access"
)

// samples are of each reason.
type samples struct {
	begin    time.Time // what is measured from it is monotonic
	byReason map[access.Reason]*sample
}

func newSamples() *samples {
	all := &samples{begin: time.Now(), byReason: make(map[access.Reason]*sample)}
	for _, reason := range access.Reasons() {
		all.byReason[reason] = new(sample)
	}
	return all
}

// take counts one of a reason, and returns how many there were since the last that
// passed, if this one passes; else 0.
func (all *samples) take(reason access.Reason, now time.Time) (count int64) {
	s := all.byReason[reason]
	if s == nil {
		return 0
	}
	return s.take(now.Sub(all.begin))
}

// sample lets one of many pass each second.
type sample struct {
	next  atomic.Int64 // when the next one may pass, in nanoseconds from the beginning
	count atomic.Int64
}

func (s *sample) take(now time.Duration) (count int64) {
	s.count.Add(1)
	at, next := int64(now), s.next.Load()
	if at < next || !s.next.CompareAndSwap(next, at+int64(time.Second)) {
		return 0
	}
	return s.count.Swap(0)
}
