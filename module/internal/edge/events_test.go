package edge

import (
	"testing"

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
	e := &newState().Events
	m := &Emitter{shared: e, heard: map[string]bool{refusedEvent: true}, queue: make(chan event, 2)}
	e.emitting.Store(m)
	before := dropped(t)
	for _, reason := range []access.Reason{access.Expired, access.Revoked, access.WrongIP, access.WrongOrg} {
		e.tellRefused(&cluster.Refusal{Reason: reason})
	}
	if n := dropped(t) - before; len(m.queue) != 2 || n != 2 {
		t.Errorf("%d events wait, and %v were dropped", len(m.queue), n)
	}
	m.Stop()
	if e.listener(refusedEvent) != nil {
		t.Error("somebody is told after the end")
	}
}

// A refusal costs nothing when nobody listens, and next to nothing while events
// of its reason are held back.
func TestUntoldRefusalsCostNothing(t *testing.T) {
	refusal := &cluster.Refusal{ID: "id", Reason: access.Internal, Org: "acme", Stream: "cam"}
	e := &newState().Events
	refused := func() { e.tellRefused(refusal) }
	if n := testing.AllocsPerRun(1000, refused); n != 0 {
		t.Errorf("%v allocations with nobody listening", n)
	}
	e.emitting.Store(&Emitter{shared: e, heard: map[string]bool{refusedEvent: true}, queue: make(chan event, 2)})
	refused()
	if n := testing.AllocsPerRun(100, refused); n >= 1 {
		t.Errorf("%v allocations while events are held back", n)
	}
}
