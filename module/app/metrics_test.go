package app

import (
	"maps"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/playgate/playgate/module/internal/access"
)

// Every series of the closed set is there from the start, and none is added by
// what a client sends.
func TestMetricsHaveAClosedSetOfLabels(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	m, err := registerMetrics(registry)
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
	want := 1 + 2*len(access.Reasons()) + len(cutReasons) + len(gauges) + 1 // of events that were dropped
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
	first, second := prometheus.NewPedanticRegistry(), prometheus.NewPedanticRegistry()
	for _, registry := range []*prometheus.Registry{first, first, second} {
		m, err := registerMetrics(registry)
		if err != nil || m != metrics {
			t.Fatalf("%p instead of %p, %v", m, metrics, err)
		}
	}
}

// Cuts have a series for each reason before the first one, so that a rate over
// them sees it.
func TestCutsAreCountedFromTheStart(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(newCuts())
	families, err := registry.Gather()
	if err != nil || len(families) != 1 {
		t.Fatal(families, err)
	}
	got := make(map[string]float64)
	for _, m := range families[0].GetMetric() {
		got[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
	}
	want := map[string]float64{"expired": 0, "revoked": 0, "unknown_key": 0, "missing_token": 0, "socket_message": 0, "displaced": 0}
	if families[0].GetName() != "playgate_cuts_total" || !maps.Equal(got, want) {
		t.Errorf("%s has %v", families[0].GetName(), got)
	}
}
