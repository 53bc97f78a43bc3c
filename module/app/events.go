package app

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/cluster"
	"github.com/playgate/playgate/module/internal/conns"
	"github.com/playgate/playgate/module/internal/redact"
	"github.com/playgate/playgate/module/internal/registry"
)

// The events that Caddy's events app gets. None has a token in it.
const (
	revokedEvent = "playgate.revoked"
	cutEvent     = "playgate.cut"
	refusedEvent = "playgate.refused"
)

var eventNames = []string{revokedEvent, cutEvent, refusedEvent}

// queued is how many events may wait for handlers, which work one after the
// other. What comes on top is dropped, and counted: nobody waits for a handler.
const queued = 4096

type event struct {
	name string
	data map[string]any
}

// emitter hands events to the events app of one configuration.
type emitter struct {
	ctx    caddy.Context
	events *caddyevents.App
	logger *zap.Logger
	heard  map[string]bool // the names for which there is a handler, or a log
	queue  chan event
}

// emitting is the emitter of the newest configuration that has started; nil when
// nobody listens.
var emitting atomic.Pointer[emitter]

// provisionEvents asks to be told when the configuration runs: only then is it
// known who listens.
func (a *App) provisionEvents(ctx caddy.Context) error {
	module, err := ctx.App("events")
	if err != nil {
		return fmt.Errorf("loading the events app: %w", err)
	}
	events := module.(*caddyevents.App)
	a.emitter = &emitter{ctx: ctx, events: events, logger: a.logger, queue: make(chan event, queued)}
	return events.On("started", onStarted{a.emitter})
}

// onStarted begins to speak once all apps of the configuration have started.
type onStarted struct{ emitter *emitter }

// Handle implements caddyevents.Handler.
func (h onStarted) Handle(context.Context, caddy.Event) error {
	h.emitter.start()
	return nil
}

func (s *emitter) start() {
	s.heard = make(map[string]bool)
	for _, name := range eventNames {
		if s.events.ShouldEmit(name) {
			s.heard[name] = true
		}
	}
	if len(s.heard) == 0 {
		emitting.Store(nil)
		return
	}
	emitting.Store(s)
	go s.run()
}

// stop ends the emitter, unless the next configuration's has taken over.
func (s *emitter) stop() { emitting.CompareAndSwap(s, nil) }

// run tells what waits. When the configuration has ended it gives the rest to the
// one that has come.
func (s *emitter) run() {
	for {
		select {
		case e := <-s.queue:
			if s.ctx.Err() == nil {
				s.emit(e)
			} else if next := listener(e.name); next != nil {
				next.post(e)
			}
		case <-s.ctx.Done():
			if len(s.queue) == 0 {
				return
			}
		}
	}
}

// emit has the handlers called. One that panics takes nobody along.
func (s *emitter) emit(e event) {
	defer func() {
		if p := recover(); p != nil {
			s.logger.Error("the handler of an event has failed", zap.String("event", e.name), zap.Any("panic", p), zap.StackSkip("stack", 1))
		}
	}()
	for key, value := range e.data {
		if text, ok := value.(string); ok {
			// Names come from requests, where anything may stand.
			e.data[key] = string(redact.Text([]byte(text)))
		}
	}
	s.events.Emit(s.ctx, e.name, e.data)
}

// post puts an event in the queue. Its texts are copied, because names are parts of
// a request's URL, which may be long.
func (s *emitter) post(e event) {
	for key, value := range e.data {
		if text, ok := value.(string); ok {
			e.data[key] = strings.Clone(text)
		}
	}
	select {
	case s.queue <- e:
	default:
		droppedEvents.Inc()
	}
}

// listener is who has an event told, or nil.
func listener(name string) *emitter {
	if s := emitting.Load(); s != nil && s.heard[name] {
		return s
	}
	return nil
}

var droppedEvents = prometheus.NewCounter(prometheus.CounterOpts{
	Name: "playgate_events_dropped_total",
	Help: "Events that no handler got, because too many waited for one.",
})

// tellRevoked tells of a revocation that has come into force on this node. It
// does not block.
func tellRevoked(v *registry.Revocation) {
	s := listener(revokedEvent)
	if s == nil {
		return
	}
	data := map[string]any{
		"id": v.ID(), "org": v.Org, "kind": v.Kind, "value": v.Value, "reason": v.Reason, "by": v.By, "issued_before": "",
	}
	if !v.IssuedBefore.IsZero() {
		data["issued_before"] = v.IssuedBefore.UTC().Format(time.RFC3339)
	}
	s.post(event{revokedEvent, data})
}

// tellCut tells that something that was running has been cut.
func tellCut(r *conns.Running, reason access.Reason) {
	if s := listener(cutEvent); s != nil {
		s.post(event{cutEvent, map[string]any{
			"reason": string(reason), "org": r.Subject.Org, "stream": r.Subject.Stream, "token_id": r.TokenID,
		}})
	}
}

// tellRefused tells of a refusal, if none of the same reason has been told within
// the last second. With it goes how many there were since then.
func tellRefused(r *cluster.Refusal) {
	s := listener(refusedEvent)
	if s == nil {
		return
	}
	sample := samples[r.Reason]
	if sample == nil {
		return
	}
	count := sample.take(time.Now())
	if count == 0 {
		return
	}
	s.post(event{refusedEvent, map[string]any{
		"id": r.ID, "reason": string(r.Reason), "status": r.Reason.Status(), "org": r.Org, "stream": r.Stream,
		"token_id": r.TokenID, "count": count,
	}})
}

// samples are of each reason.
var samples = func() map[access.Reason]*sample {
	all := make(map[access.Reason]*sample)
	for _, reason := range access.Reasons() {
		all[reason] = new(sample)
	}
	return all
}()

// sample lets one of many pass each second.
type sample struct {
	next  atomic.Int64 // when the next one may pass, in nanoseconds of this process
	count atomic.Int64
}

// process is when this process began: what is measured from it is monotonic.
var process = time.Now()

// take counts one, and returns how many there were since the last that passed,
// if this one passes; else 0.
func (s *sample) take(now time.Time) (count int64) {
	s.count.Add(1)
	at, next := int64(now.Sub(process)), s.next.Load()
	if at < next || !s.next.CompareAndSwap(next, at+int64(time.Second)) {
		return 0
	}
	return s.count.Swap(0)
}
