package app

import (
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// clockStep is by how much the clock was stepped last, a [time.Duration].
var clockStep atomic.Int64

// stepped is the least difference between the clock and the time that has passed
// that counts as a step.
const stepped = time.Second

// noteClock tells the operator when the clock was stepped. What is running is
// not concerned: deadlines count the time that passes.
func noteClock(last, now time.Time) {
	noteStep(now.Round(0).Sub(last.Round(0)) - now.Sub(last))
}

func noteStep(step time.Duration) {
	if step.Abs() < stepped {
		return
	}
	clockStep.Store(int64(step))
	if a := current.Load(); a != nil {
		a.logger.Warn("the clock of this machine was stepped; tokens are judged by the new time, and what is running ends when it would have", zap.Duration("by", step))
	}
}
