package cache

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// requests count the requests that came to the caches, by what became of them.
// Every series exists from the start, and the hot path looks none up.
var requests = newRequestCounters()

type requestCounters struct {
	vec *prometheus.CounterVec

	hit       prometheus.Counter // from memory
	miss      prometheus.Counter // began a fetch
	collapsed prometheus.Counter // joined one
	renewed   prometheus.Counter // from memory, after the origin said that it is still good
	stale     prometheus.Counter // from memory, because the origin failed or is being asked
	pass      prometheus.Counter // went to the origin alone
	failed    prometheus.Counter // got no answer
}

func newRequestCounters() *requestCounters {
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "playgate_cache_requests_total",
		Help: "Requests that came to a cache, by result: hit, miss (asked the origin for all), collapsed (joined another's request), renewed (the origin said that it is still good), stale (the origin failed, or is being asked), pass (asked the origin alone), failed.",
	}, []string{"result"})
	return &requestCounters{
		vec: vec,
		hit: vec.WithLabelValues("hit"), miss: vec.WithLabelValues("miss"), collapsed: vec.WithLabelValues("collapsed"),
		renewed: vec.WithLabelValues("renewed"), stale: vec.WithLabelValues("stale"), pass: vec.WithLabelValues("pass"),
		failed: vec.WithLabelValues("failed"),
	}
}

// fetches count what a cache asked an origin for.
var fetches = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "playgate_cache_fetches_total",
	Help: "Requests to the origin for all who wait, by what came of them: stored, shared (with those who waited), renewed, uncacheable, failed.",
}, []string{"result"})

func init() {
	for _, result := range []string{"stored", "shared", "renewed", "uncacheable", "failed"} {
		fetches.WithLabelValues(result)
	}
}

// count counts a fetch that has ended.
func (f *fetch) count(stored bool) {
	result := "failed"
	switch {
	case f.outcome == renewed:
		result = "renewed"
	case f.outcome == alone, f.outcome == again:
		result = "uncacheable"
	case f.outcome == failed, f.body.err != nil:
	case stored:
		result = "stored"
	default:
		result = "shared"
	}
	fetches.WithLabelValues(result).Inc()
}

var gauges = []prometheus.Collector{
	gauge("playgate_cache_objects",
		"Answers in the cache's memory, and notes about such that must not be kept.",
		func(s *store) float64 { return float64(s.objects.EstimatedSize()) }),
	gauge("playgate_cache_stored_bytes",
		"Memory that stored answers take; at most three quarters of the cache's memory.",
		func(s *store) float64 { return float64(s.objects.WeightedSize()) }),
	gauge("playgate_cache_passing_bytes",
		"Memory that answers take which are being fetched, or still read after they have left the store; at most a quarter of the cache's memory.",
		func(s *store) float64 { return float64(s.room.inUse()) }),
}

// gauge is a figure of the store of the process, which is zero without a cache.
func gauge(name, help string, of func(*store) float64) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
		if m := current(); m != nil {
			return of(m.store)
		}
		return 0
	})
}

func registerMetrics(registry prometheus.Registerer) error {
	var already prometheus.AlreadyRegisteredError
	for _, c := range append([]prometheus.Collector{requests.vec, fetches}, gauges...) {
		if err := registry.Register(c); err != nil && !errors.As(err, &already) {
			return err
		}
	}
	return nil
}
