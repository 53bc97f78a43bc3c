package registry

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/zap"

	"github.com/playgate/playgate/module/token"
)

// What only a node itself knows, such as who watches through it, others ask it
// for when somebody wants to know it. Nothing of that is stored.

const (
	// askWithin is how long the answers of other nodes are waited for, and
	// askAfterLast how long for more of them than the last time.
	askWithin    = 500 * time.Millisecond
	askAfterLast = 25 * time.Millisecond
	// countEvery is how often it is found out who is there.
	countEvery = 5 * time.Second
	nodeHeader = "Playgate-Node"
)

// asking is how this node and the others ask each other.
type asking struct {
	node   string
	answer func(question []byte) []byte

	mu      sync.Mutex
	others  int  // how many answered the last time
	counted bool // others is known
	at      time.Time
}

// expected is how many others there are, if that is known.
func (a *asking) expected() (n int, counted bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.others, a.counted
}

func (a *asking) count(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.others, a.counted = n, true
}

// due reports whether all are to be counted anew, and takes that for done.
func (a *asking) due(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now.Sub(a.at) < countEvery {
		return false
	}
	a.at = now
	return true
}

// OnAsk has f answer what other nodes ask; nil is no answer. It has to be said
// before Start, and f must not block.
func (r *Registry) OnAsk(f func(question []byte) (answer []byte)) { r.asking.answer = f }

func (r *Registry) askSubject() string { return r.settings.Bucket + ".ask" }

// listen answers what other nodes ask.
func (r *Registry) listen() error {
	r.asking.node = token.NewID(12)
	if r.asking.answer == nil {
		return nil
	}
	_, err := r.store.Conn().Subscribe(r.askSubject(), func(m *nats.Msg) {
		if m.Header.Get(nodeHeader) == r.asking.node || m.Reply == "" {
			return
		}
		answer := r.asking.answer(m.Data)
		if answer == nil {
			return
		}
		if limit := r.store.Conn().MaxPayload(); int64(len(answer)) > limit-1024 {
			r.logger.Warn("an answer to another node is too large for the NATS servers", zap.Int("bytes", len(answer)), zap.Int64("max_payload", limit))
			return
		}
		_ = r.store.Conn().Publish(m.Reply, answer) // who asks waits for nobody
	})
	return err
}

// Ask asks all other nodes of this registry, and returns what they answer within
// half a second. There is none with an embedded store.
func (r *Registry) Ask(question []byte) (answers [][]byte) {
	if r.store.Embedded() || r.store.Conn() == nil || !r.store.Conn().IsConnected() {
		return nil
	}
	expected, counted := r.asking.expected()
	switch {
	case !counted:
		expected = everybody
	case r.asking.due(time.Now()):
		// Nodes that have come since are counted while nobody waits.
		r.replica.Go(func(context.Context) { r.gather([]byte("{}"), everybody) })
	}
	return r.gather(question, expected)
}

// everybody stands for a number of nodes that nobody knows.
const everybody = math.MaxInt

func (r *Registry) gather(question []byte, expected int) (answers [][]byte) {
	inbox := r.store.Conn().NewRespInbox()
	from, err := r.store.Conn().SubscribeSync(inbox)
	if err != nil {
		return nil
	}
	defer func() { _ = from.Unsubscribe() }() // nothing follows from it
	if err := r.store.Conn().PublishMsg(&nats.Msg{Subject: r.askSubject(), Reply: inbox, Header: nats.Header{nodeHeader: {r.asking.node}}, Data: question}); err != nil {
		return nil
	}
	for end := time.Now().Add(askWithin); ; {
		wait := time.Until(end)
		if len(answers) >= expected {
			wait = min(wait, askAfterLast)
		}
		m, err := from.NextMsg(wait)
		if err != nil {
			break
		}
		if len(m.Data) > 0 {
			answers = append(answers, m.Data)
		}
	}
	r.asking.count(len(answers))
	return answers
}

// Position is the revision up to which the view is known.
func (r *Registry) Position() uint64 { return r.replica.Position() }
