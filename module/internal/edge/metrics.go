package edge

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/playgate/playgate/module/internal/access"
)

// cutReasons are those with which a running response can be cut.
var cutReasons = []access.Reason{access.Expired, access.Revoked, access.UnknownKey, access.MissingToken, access.SocketMessage, access.Displaced, access.Leaks}

// The counters are of the process: they survive reloads.
var (
	// cuts counts what was cut. Every series exists from the start.
	cuts = newCuts()

	droppedEvents = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "playgate_events_dropped_total",
		Help: "Events that no handler got, because too many waited for one.",
	})
)

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

// Collectors are the counters of the process, and gauges of this State. Each
// configuration registers them with its own registry of metrics, and gets gauges
// of its own.
func (s *State) Collectors() []prometheus.Collector {
	return []prometheus.Collector{
		cuts, droppedEvents, untokened,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "playgate_running_responses",
			Help: "Responses of protected and public streams that are running, and WHEP sessions that have not been ended.",
		}, func() float64 { return float64(s.running.Len()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "playgate_viewers",
			Help: "Viewers of all streams on this node: with a request within the last 30 seconds, or a running response.",
		}, func() float64 { return float64(s.viewers.count(&s.running).Total) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "playgate_clock_step_seconds",
			Help: "How far the clock of this machine was stepped last, forwards or backwards; 0 when it never was.",
		}, func() float64 { return time.Duration(s.clock.step.Load()).Seconds() }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "playgate_store_staleness_seconds",
			Help: "How long ago what is known of the registry was last known to be true; 0 with store off.",
		}, s.staleness),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "playgate_broken_glass_organisations",
			Help: "Organisations whose streams need no token for a while (playgate org secure ORG off --for).",
		}, s.brokenGlass),
	}
}

func (s *State) staleness() float64 {
	c := s.configs.newest()
	if c == nil || c.Registry() == nil {
		return 0
	}
	return max(time.Since(c.Registry().Seen()).Seconds(), 0)
}

func (s *State) brokenGlass() float64 {
	c := s.configs.newest()
	if c == nil || c.Registry() == nil {
		return 0
	}
	return float64(c.Registry().View().BrokenGlass(time.Now()))
}
