package edge

import (
	"math/rand/v2"
	"time"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/conns"
)

// spread is the time over which cuts are spread, so that not all clients come back
// in the same moment. With sweepEvery and what a cut may wait for, it stays below
// one second.
const spread = 250 * time.Millisecond

// ending is how a response is cut.
type ending struct {
	reason access.Reason
	code   uint16 // of the close frame
}

var expired = ending{access.Expired, conns.CloseExpired}

// Track takes in a response that was judged when [State.Changes] had a count. Its
// handler has to release it.
func (s *State) Track(r *conns.Running, changes uint64) {
	r.Seen = changes
	s.running.Add(r)
	if s.ctx.Err() != nil {
		s.endAtDeadline(r)
	}
}

// CloseForMessage cuts a WebSocket at once whose client sent what its gate forbids.
func (s *State) CloseForMessage(r *conns.Running) {
	s.cutNow(r, ending{access.SocketMessage, conns.CloseViolation})
}

func (s *State) cut(r *conns.Running, how ending) {
	if !r.Schedule() {
		return
	}
	time.AfterFunc(rand.N(spread), func() { s.cutNow(r, how) })
}

func (s *State) cutNow(r *conns.Running, how ending) {
	if r.Cut(string(how.reason), how.code) {
		cuts.WithLabelValues(string(how.reason)).Inc()
		s.Events.tellCut(r, how.reason)
	}
}

// CountCut counts an answer that its gate itself has cut.
func (s *State) CountCut(reason access.Reason) { cuts.WithLabelValues(string(reason)).Inc() }
