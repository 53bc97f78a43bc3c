package edge

import (
	"maps"
	"testing"

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
	want := map[string]float64{"expired": 0, "revoked": 0, "unknown_key": 0, "missing_token": 0, "socket_message": 0, "displaced": 0}
	if families[0].GetName() != "playgate_cuts_total" || !maps.Equal(got, want) {
		t.Errorf("%s has %v", families[0].GetName(), got)
	}
}
