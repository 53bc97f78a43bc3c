package edge

import (
	"maps"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

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
	want := map[string]float64{"expired": 0, "revoked": 0, "unknown_key": 0, "missing_token": 0, "socket_message": 0, "displaced": 0, "leaks": 0}
	if families[0].GetName() != "playgate_cuts_total" || !maps.Equal(got, want) {
		t.Errorf("%s has %v", families[0].GetName(), got)
	}
}

// Each configuration gets gauges of its own State, and the counters of the
// process.
func TestGaugesAreOfOneState(t *testing.T) {
	value := func(s *State, name string) float64 {
		registry := prometheus.NewPedanticRegistry()
		registry.MustRegister(s.Collectors()...)
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, family := range families {
			if family.GetName() == name {
				return family.GetMetric()[0].GetGauge().GetValue()
			}
		}
		t.Fatalf("there is no %s", name)
		return 0
	}
	first, second := newState(), newState()
	track(t, first, time.Time{})
	r, _ := track(t, second, time.Time{})
	for what, want := range map[*State]float64{first: 1, second: 1} {
		if got := value(what, "playgate_running_responses"); got != want {
			t.Errorf("%v responses are running", got)
		}
	}
	r.Release()
	if got := value(second, "playgate_running_responses"); got != 0 {
		t.Errorf("%v responses are running at the end", got)
	}
	if value(second, "playgate_store_staleness_seconds") != 0 || value(second, "playgate_broken_glass_organisations") != 0 {
		t.Error("without a configuration there is a store")
	}
}
