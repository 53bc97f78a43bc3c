package edge

import (
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// clock knows by how much the clock was stepped last, a [time.Duration].
type clock struct{ step atomic.Int64 }

// stepped is the least difference between the clock and the time that has passed
// that counts as a step.
const stepped = time.Second

// stepBetween is by how much the clock went on more than time.
func stepBetween(last, now time.Time) time.Duration {
	return now.Round(0).Sub(last.Round(0)) - now.Sub(last)
}

// noteStep tells the operator when the clock was stepped. What is running is not
// concerned: deadlines count the time that passes.
func (s *State) noteStep(step time.Duration) {
	if step.Abs() < stepped {
		return
	}
	s.clock.step.Store(int64(step))
	s.logger().Warn("the clock of this machine was stepped; tokens are judged by the new time, and what is running ends when it would have", zap.Duration("by", step))
}
