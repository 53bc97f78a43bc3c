package cluster

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/kv"
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

// Link carries questions between this node and the others of a store. An embedded
// store has no others.
type Link struct {
	store   *kv.Store
	subject string
	logger  *zap.Logger
	run     func(func(context.Context)) bool
	node    string
	answer  func(question []byte) []byte

	mu      sync.Mutex // of what follows
	others  int        // how many answered the last time
	counted bool       // others is known
	at      time.Time
}

// NewLink makes the link of a store; its nodes listen to one subject. run runs a
// function in the background that has to end with its context.
func NewLink(store *kv.Store, subject string, logger *zap.Logger, run func(func(context.Context)) bool) *Link {
	return &Link{store: store, subject: subject, logger: logger, run: run, node: token.NewID(12)}
}

// OnAsk has f answer what other nodes ask; nil is no answer. It has to be said
// before Listen, and f must not block.
func (l *Link) OnAsk(f func(question []byte) (answer []byte)) { l.answer = f }

// Listen begins to answer what other nodes ask. There has to be a connection
// object, which need not be connected yet.
func (l *Link) Listen() error {
	if l.answer == nil {
		return nil
	}
	conn := l.store.Conn()
	_, err := conn.Subscribe(l.subject, func(m *nats.Msg) {
		if m.Header.Get(nodeHeader) == l.node || m.Reply == "" {
			return
		}
		answer := l.answer(m.Data)
		if answer == nil {
			return
		}
		if limit := conn.MaxPayload(); int64(len(answer)) > limit-1024 {
			l.logger.Warn("an answer to another node is too large for the NATS servers", zap.Int("bytes", len(answer)), zap.Int64("max_payload", limit))
			return
		}
		_ = conn.Publish(m.Reply, answer) // who asks waits for nobody
	})
	return err
}

// Ask asks all other nodes of the store, and returns what they answer within half a
// second.
func (l *Link) Ask(question []byte) (answers [][]byte) {
	if conn := l.store.Conn(); l.store.Embedded() || conn == nil || !conn.IsConnected() {
		return nil
	}
	expected, due := l.expected(time.Now())
	if due {
		// Nodes that have come since are counted while nobody waits.
		l.run(func(context.Context) { l.gather([]byte("{}"), everybody) })
	}
	return l.gather(question, expected)
}

// everybody stands for a number of nodes that nobody knows.
const everybody = math.MaxInt

// expected is how many others there are, as far as that is known. due says that they
// are to be counted anew, and takes that for done.
func (l *Link) expected(now time.Time) (n int, due bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.counted {
		return everybody, false
	}
	if due = now.Sub(l.at) >= countEvery; due {
		l.at = now
	}
	return l.others, due
}

func (l *Link) gather(question []byte, expected int) (answers [][]byte) {
	conn := l.store.Conn()
	inbox := conn.NewRespInbox()
	from, err := conn.SubscribeSync(inbox)
	if err != nil {
		return nil
	}
	defer func() { _ = from.Unsubscribe() }() // nothing follows from it
	if err := conn.PublishMsg(&nats.Msg{Subject: l.subject, Reply: inbox, Header: nats.Header{nodeHeader: {l.node}}, Data: question}); err != nil {
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
	l.mu.Lock()
	defer l.mu.Unlock()
	l.others, l.counted = len(answers), true
	return answers
}
