package app

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/cluster"
)

// dropped is how many events were, by the metric.
func dropped(t *testing.T) float64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(droppedEvents)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return families[0].GetMetric()[0].GetCounter().GetValue()
}

// What does not fit into the queue is dropped and counted, and nobody waits.
func TestEventsDoNotWait(t *testing.T) {
	s := &emitter{heard: map[string]bool{refusedEvent: true}, queue: make(chan event, 2)}
	emitting.Store(s)
	defer s.stop()
	before := dropped(t)
	for _, reason := range []access.Reason{access.Expired, access.Revoked, access.WrongIP, access.WrongOrg} {
		tellRefused(&cluster.Refusal{Reason: reason})
	}
	if n := dropped(t) - before; len(s.queue) != 2 || n != 2 {
		t.Errorf("%d events wait, and %v were dropped", len(s.queue), n)
	}
	s.stop()
	if listener(refusedEvent) != nil {
		t.Error("somebody is told after the end")
	}
}

// A refusal costs nothing when nobody listens, and next to nothing while events
// of its reason are held back.
func TestUntoldRefusalsCostNothing(t *testing.T) {
	refusal := &cluster.Refusal{ID: "id", Reason: access.Internal, Org: "acme", Stream: "cam"}
	refused := func() { tellRefused(refusal) }
	if n := testing.AllocsPerRun(1000, refused); n != 0 {
		t.Errorf("%v allocations with nobody listening", n)
	}
	s := &emitter{heard: map[string]bool{refusedEvent: true}, queue: make(chan event, 2)}
	emitting.Store(s)
	defer s.stop()
	refused()
	if n := testing.AllocsPerRun(100, refused); n >= 1 {
		t.Errorf("%v allocations while events are held back", n)
	}
}

// A sample lets one pass each second, which tells how many there were.
func TestSample(t *testing.T) {
	var s sample
	now := process.Add(time.Minute)
	for _, step := range []struct {
		after time.Duration
		count int64
	}{{0, 1}, {0, 0}, {999 * time.Millisecond, 0}, {time.Millisecond, 3}, {999 * time.Millisecond, 0}, {time.Hour, 2}} {
		now = now.Add(step.after)
		if got := s.take(now); got != step.count {
			t.Errorf("%v later: %d instead of %d", step.after, got, step.count)
		}
	}
}
