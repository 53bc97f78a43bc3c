package app

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/edge"
)

// Result is what became of a request.
type Result string

// Results.
const (
	Allowed   Result = "allow"
	Refused   Result = "deny"
	WouldDeny Result = "report" // let through, because the gate only reports
)

// Metrics count verdicts. There is one set for the process, registered anew
// with each configuration's registry, so that counters survive reloads.
type Metrics struct {
	vec      *prometheus.CounterVec
	allowed  prometheus.Counter
	requests map[Result]map[access.Reason]prometheus.Counter
}

var metrics = newMetrics()

func newMetrics() *Metrics {
	m := &Metrics{
		vec: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "playgate",
			Name:      "requests_total",
			Help:      "Requests that the gates judged, by result (allow, deny, report) and reason.",
		}, []string{"result", "reason"}),
		requests: make(map[Result]map[access.Reason]prometheus.Counter),
	}
	// Every series exists from the start: labels come from closed sets, and
	// the hot path looks none up.
	m.allowed = m.vec.WithLabelValues(string(Allowed), "")
	for _, result := range []Result{Refused, WouldDeny} {
		m.requests[result] = make(map[access.Reason]prometheus.Counter)
		for _, reason := range access.Reasons() {
			m.requests[result][reason] = m.vec.WithLabelValues(string(result), string(reason))
		}
	}
	return m
}

func registerMetrics(registry prometheus.Registerer, state *edge.State) (*Metrics, error) {
	var already prometheus.AlreadyRegisteredError
	for _, c := range append(state.Collectors(), metrics.vec) {
		if err := registry.Register(c); err != nil && !errors.As(err, &already) {
			return nil, err
		}
	}
	return metrics, nil
}

// Count counts one request.
func (m *Metrics) Count(result Result, reason access.Reason) {
	if result == Allowed {
		m.allowed.Inc()
	} else if c := m.requests[result][reason]; c != nil {
		c.Inc()
	}
}
