package edge

import (
	"sync"
	"time"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/conns"
)

// Resource is the WHEP resource of a URL, or nil.
func (s *State) Resource(url string) *conns.Resource { return s.resources.Find(url) }

// AddResource takes in a WHEP resource that was judged when [State.Changes] had
// a count. One that can be ended is from now on judged as running responses are.
func (s *State) AddResource(r *conns.Resource, changes uint64) {
	if r.Ends() {
		s.Track(r.Running, changes)
	}
	if oldest := s.resources.Add(r, time.Now()); oldest != nil {
		s.logger().Debug("there are too many WHEP sessions; the oldest is ended")
		if oldest.Ends() {
			s.cut(oldest.Running, ending{access.Displaced, conns.CloseRevoked})
		}
	}
}

// RemoveResource forgets a WHEP resource that is not there any more.
func (s *State) RemoveResource(r *conns.Resource) { s.resources.Remove(r) }

// AbandonResource gives up ending a WHEP resource, after its origin has refused to.
func (s *State) AbandonResource(r *conns.Resource) { s.resources.Abandon(r) }

// endResources ends all WHEP sessions when the process ends: nobody would watch
// over them. It waits for as long as an origin may take, and no longer.
func (s *State) endResources() {
	var all sync.WaitGroup
	for _, r := range s.resources.All() {
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
