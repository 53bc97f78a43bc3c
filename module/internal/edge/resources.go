package edge

import (
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/conns"
)

// Resources are the WHEP resources of a process.
type Resources struct {
	conns.Resources

	// Ending are the turns of those who end one, and Asking of those who find out
	// whether one is gone.
	Ending, Asking conns.Turns

	state *State
}

// Add takes in a WHEP resource that was made with a slot, and was judged when
// [State.Changes] had a count. One that can be ended is from now on judged as running
// responses are. It reports false if the URL is that of another resource, and which.
func (rs *Resources) Add(slot *conns.Slot, r *conns.Resource, changes uint64) (clash *conns.Resource, ok bool) {
	displaced, clash, ok := slot.Add(r, func() {
		if r.Ends() {
			rs.state.Track(r.Running, changes)
		}
	})
	if displaced != nil {
		rs.state.logger().Debug("a token has too many WHEP sessions, or its organisation has; its oldest is ended",
			zap.String("playgate_org", r.Subject.Org), zap.String("playgate_token_id", r.TokenID))
		if displaced.Ends() {
			// If it is being ended already, that removes it.
			rs.state.cut(displaced.Running, ending{access.Displaced, conns.CloseRevoked})
		} else {
			rs.Remove(displaced)
		}
	}
	return clash, ok
}

// endResources ends all WHEP sessions when the process ends: nobody would watch
// over them. It waits for as long as an origin may take, and no longer.
func (s *State) endResources() {
	var all sync.WaitGroup
	for _, r := range s.Resources.All() {
		if r.Ends() && r.Schedule() {
			all.Go(func() { r.Cut(string(access.Stopping), conns.CloseRevoked) })
		}
	}
	ended := make(chan struct{})
	s.tasks.Go(func() { all.Wait(); close(ended) })
	select {
	case <-ended:
	case <-time.After(parting):
	}
}

// parting is how long the end of the process waits for the ends of WHEP sessions.
const parting = 3 * time.Second
