package registry

import (
	"context"
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
	nodeHeader   = "Playgate-Node"
)

// asking is how this node and the others ask each other.
type asking struct {
	node   string
	answer func(question []byte) []byte
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
	_, err := r.conn.Subscribe(r.askSubject(), func(m *nats.Msg) {
		if m.Header.Get(nodeHeader) == r.asking.node || m.Reply == "" {
			return
		}
		answer := r.asking.answer(m.Data)
		if answer == nil {
			return
		}
		if limit := r.conn.MaxPayload(); int64(len(answer)) > limit-1024 {
			r.logger.Warn("an answer to another node is too large for the NATS servers", zap.Int("bytes", len(answer)), zap.Int64("max_payload", limit))
			return
		}
		_ = r.conn.Publish(m.Reply, answer) // who asks waits for nobody
	})
	return err
}

// Ask asks all other nodes of this registry, and returns what they answer within
// half a second. There is none with an embedded store.
func (r *Registry) Ask(ctx context.Context, question []byte) (answers [][]byte) {
	if r.settings.embedded() || r.conn == nil || !r.conn.IsConnected() {
		return nil
	}
	inbox := r.conn.NewRespInbox()
	from, err := r.conn.SubscribeSync(inbox)
	if err != nil {
		return nil
	}
	defer func() { _ = from.Unsubscribe() }() // nothing follows from it
	if err := r.conn.PublishMsg(&nats.Msg{Subject: r.askSubject(), Reply: inbox, Header: nats.Header{nodeHeader: {r.asking.node}}, Data: question}); err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	expected := r.answered.Load()
	for {
		wait := ctx
		if expected > 0 && int64(len(answers)) >= expected {
			var stop context.CancelFunc
			wait, stop = context.WithTimeout(ctx, askAfterLast)
			defer stop() //nolint:gocritic // as often as there are more nodes than before
		}
		m, err := from.NextMsgWithContext(wait)
		if err != nil {
			break
		}
		if len(m.Data) > 0 {
			answers = append(answers, m.Data)
		}
	}
	r.answered.Store(int64(len(answers)))
	return answers
}

// Position is the revision up to which the view is known.
func (r *Registry) Position() uint64 { return r.edges.position() }
