package app

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/playgate/playgate/module/internal/access"
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

func registerMetrics(registry prometheus.Registerer) (*Metrics, error) {
	var already prometheus.AlreadyRegisteredError
	for _, c := range append([]prometheus.Collector{metrics.vec, cuts, droppedEvents}, gauges...) {
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

// cutReasons are those with which a running response can be cut.
var cutReasons = []access.Reason{access.Expired, access.Revoked, access.UnknownKey, access.MissingToken, access.SocketMessage, access.Displaced}

// cuts counts what was cut. Every series exists from the start.
var cuts = newCuts()

func newCuts() *prometheus.CounterVec {
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "playgate",
		Name:      "cuts_total",
		Help:      "Running responses that were cut, by reason.",
	}, []string{"reason"})
	for _, reason := range cutReasons {
		vec.WithLabelValues(string(reason))
	}
	return vec
}

var gauges = []prometheus.Collector{
	prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "playgate_running_responses",
		Help: "Responses of protected and public streams that are running, and WHEP sessions that have not been ended.",
	}, func() float64 { return float64(running.Len()) }),
	prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "playgate_viewers",
		Help: "Viewers of all streams on this node: with a request within the last 30 seconds, or a running response.",
	}, func() float64 { return float64(Viewers().Total) }),
	prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "playgate_clock_step_seconds",
		Help: "How far the clock of this machine was stepped last, forwards or backwards; 0 when it never was.",
	}, func() float64 { return time.Duration(clockStep.Load()).Seconds() }),
	prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "playgate_store_staleness_seconds",
		Help: "How long ago what is known of the registry was last known to be true; 0 with store off.",
	}, func() float64 {
		a := current.Load()
		if a == nil || a.registry == nil {
			return 0
		}
		return max(time.Since(a.registry.Seen()).Seconds(), 0)
	}),
	prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "playgate_broken_glass_organisations",
		Help: "Organisations whose streams need no token for a while (playgate org secure ORG off --for).",
	}, func() float64 {
		a := current.Load()
		if a == nil || a.registry == nil {
			return 0
		}
		return float64(a.registry.View().BrokenGlass(time.Now()))
	}),
}
