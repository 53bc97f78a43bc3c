package app

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/edge"
)

// acquire is the State of the process, for as long as a test takes.
func acquire(t *testing.T) *edge.State {
	t.Helper()
	state := edge.Acquire()
	t.Cleanup(state.Release)
	return state
}

// Every series of the closed set is there from the start, and none is added by
// what a client sends.
func TestMetricsHaveAClosedSetOfLabels(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	state := acquire(t)
	m, err := registerMetrics(registry, state)
	if err != nil {
		t.Fatal(err)
	}
	count := func() int {
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, family := range families {
			n += len(family.GetMetric())
		}
		return n
	}
	want := 1 + 2*len(access.Reasons()) + 7 + 5 + 1 + 9 // of reasons for cuts, gauges, events that were dropped, and kinds of references without a token
	if got := count(); got != want {
		t.Errorf("%d series instead of %d", got, want)
	}
	m.Count(Refused, "a reason that a client made up")
	m.Count("a result", access.Expired)
	m.Count(Allowed, access.Expired)
	if got := count(); got != want {
		t.Errorf("%d series instead of %d after counting what is not there", got, want)
	}
}

// A second gate of the same configuration, and the next configuration, count
// with the same counters.
func TestMetricsAreRegisteredAgain(t *testing.T) {
	state := acquire(t)
	first, second := prometheus.NewPedanticRegistry(), prometheus.NewPedanticRegistry()
	for _, registry := range []*prometheus.Registry{first, first, second} {
		m, err := registerMetrics(registry, state)
		if err != nil || m != metrics {
			t.Fatalf("%p instead of %p, %v", m, metrics, err)
		}
	}
}
