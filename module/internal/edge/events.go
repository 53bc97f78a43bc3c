package edge

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
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

// Events are told by the newest configuration that has started.
type Events struct {
	emitting atomic.Pointer[Emitter] // nil if nobody listens
	samples  *samples
	tasks    *sync.WaitGroup
}

// Emitter hands events to the events app of one configuration.
type Emitter struct {
	shared *Events
	ctx    caddy.Context
	app    *caddyevents.App
	logger *zap.Logger
	heard  map[string]bool // the names for which there is a handler, or a log
	queue  chan event
}

// NewEmitter makes the emitter of a configuration. It asks to be told when the
// configuration runs: only then is it known who listens.
func (e *Events) NewEmitter(ctx caddy.Context, logger *zap.Logger) (*Emitter, error) {
	module, err := ctx.App("events")
	if err != nil {
		return nil, fmt.Errorf("loading the events app: %w", err)
	}
	app := module.(*caddyevents.App)
	m := &Emitter{shared: e, ctx: ctx, app: app, logger: logger, queue: make(chan event, queued)}
	return m, app.On("started", onStarted{m})
}

// onStarted begins to speak once all apps of the configuration have started.
type onStarted struct{ emitter *Emitter }

// Handle implements caddyevents.Handler.
func (h onStarted) Handle(context.Context, caddy.Event) error {
	h.emitter.start()
	return nil
}

func (m *Emitter) start() {
	m.heard = make(map[string]bool)
	for _, name := range eventNames {
		if m.app.ShouldEmit(name) {
			m.heard[name] = true
		}
	}
	if len(m.heard) == 0 {
		m.shared.emitting.Store(nil)
		return
	}
	m.shared.emitting.Store(m)
	m.shared.tasks.Go(m.run)
}

// Stop ends the emitter, unless the next configuration's has taken over.
func (m *Emitter) Stop() { m.shared.emitting.CompareAndSwap(m, nil) }

// run tells what waits. When the configuration has ended it gives the rest to the
// one that has come.
func (m *Emitter) run() {
	for {
		select {
		case e := <-m.queue:
			if m.ctx.Err() == nil {
				m.emit(e)
			} else if next := m.shared.listener(e.name); next != nil {
				next.post(e)
			}
		case <-m.ctx.Done():
			if len(m.queue) == 0 {
				return
			}
		}
	}
}

// emit has the handlers called. One that panics takes nobody along.
func (m *Emitter) emit(e event) {
	defer func() {
		if p := recover(); p != nil {
			m.logger.Error("the handler of an event has failed", zap.String("event", e.name), zap.Any("panic", p), zap.StackSkip("stack", 1))
		}
	}()
	for key, value := range e.data {
		if text, ok := value.(string); ok {
			// Names come from requests, where anything may stand.
			e.data[key] = string(redact.Text([]byte(text)))
		}
	}
	m.app.Emit(m.ctx, e.name, e.data)
}

// post puts an event in the queue. Its texts are copied, because names are parts of
// a request's URL, which may be long.
func (m *Emitter) post(e event) {
	for key, value := range e.data {
		if text, ok := value.(string); ok {
			e.data[key] = strings.Clone(text)
		}
	}
	select {
	case m.queue <- e:
	default:
		droppedEvents.Inc()
	}
}

// listener is who has an event told, or nil.
func (e *Events) listener(name string) *Emitter {
	if m := e.emitting.Load(); m != nil && m.heard[name] {
		return m
	}
	return nil
}

// TellRevoked tells of a condition that has begun to hold on this node. It does not
// block.
func (e *Events) TellRevoked(c *registry.Condition) {
	m := e.listener(revokedEvent)
	if m == nil {
		return
	}
	data := map[string]any{
		"id": c.ID, "org": c.Org, "kind": c.Kind, "value": c.Value, "reason": c.Reason, "by": c.By, "issued_until": "",
	}
	if !c.IssuedUntil.IsZero() {
		data["issued_until"] = c.IssuedUntil.UTC().Format(time.RFC3339)
	}
	m.post(event{revokedEvent, data})
}

// tellCut tells that something that was running has been cut.
func (e *Events) tellCut(r *conns.Running, reason access.Reason) {
	if m := e.listener(cutEvent); m != nil {
		m.post(event{cutEvent, map[string]any{
			"reason": string(reason), "org": r.Subject.Org, "stream": r.Subject.Stream, "token_id": r.TokenID,
		}})
	}
}

// tellRefused tells of a refusal, if none of the same reason has been told within
// the last second. With it goes how many there were since then.
func (e *Events) tellRefused(r *cluster.Refusal) {
	m := e.listener(refusedEvent)
	if m == nil {
		return
	}
	count := e.samples.take(r.Reason, time.Now())
	if count == 0 {
		return
	}
	m.post(event{refusedEvent, map[string]any{
		"id": r.ID, "reason": string(r.Reason), "status": r.Reason.Status(), "org": r.Org, "stream": r.Stream,
		"token_id": r.TokenID, "count": count,
	}})
}
