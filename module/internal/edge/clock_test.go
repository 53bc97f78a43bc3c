package edge

import (
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// A step of the clock is gauged and told once, in either direction; the time that
// passes, and what is less than a second, are no steps.
func TestSteppedClock(t *testing.T) {
	core, logs := observer.New(zapcore.WarnLevel)
	s := newState()
	s.configs.start(&config{logger: zap.New(core)})
	for _, tc := range []struct {
		step, gauge time.Duration
		told        int
	}{
		{0, 0, 0},
		{999 * time.Millisecond, 0, 0},
		{-999 * time.Millisecond, 0, 0},
		{time.Minute, time.Minute, 1},
		{0, time.Minute, 1},
		{-time.Hour, -time.Hour, 2},
	} {
		s.noteStep(tc.step)
		if got := time.Duration(s.clock.step.Load()); got != tc.gauge || logs.Len() != tc.told {
			t.Errorf("stepped by %v: gauge %v, %d warnings", tc.step, got, logs.Len())
		}
	}
	// Both readings move alike, however late the next look is.
	now := time.Now()
	s.noteStep(stepBetween(now, now.Add(time.Hour)))
	if logs.Len() != 2 {
		t.Error("time that passes is taken for a step")
	}
}
