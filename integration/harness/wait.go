package harness

import (
	"testing"
	"time"
)

// Deadline is how long a condition may take before a test gives up. It is
// generous because the machine may be busy; nothing waits for it to pass.
const Deadline = 30 * time.Second

// Wait returns once the condition holds and fails the test when it does not
// within Deadline.
func Wait(t testing.TB, what string, holds func() bool) {
	t.Helper()
	if !Eventually(Deadline, holds) {
		t.Fatalf("waited %v for %s", Deadline, what)
	}
}

// Eventually tells whether the condition came to hold within the time.
func Eventually(within time.Duration, holds func() bool) bool {
	end := time.Now().Add(within)
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		if holds() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
		time.Sleep(pause)
	}
}
