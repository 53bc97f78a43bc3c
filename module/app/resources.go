package app

import (
	"sync"
	"time"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/conns"
)

// resources are the WHEP resources of this process. Like what is running, they
// outlive reloads.
var resources conns.Resources

// Resource is the WHEP resource of a URL, or nil.
func (a *App) Resource(url string) *conns.Resource { return resources.Find(url) }

// Keep takes a WHEP resource in that was judged when [Changes] was seen. One that
// can be ended is from now on judged as running responses are.
func (a *App) Keep(r *conns.Resource, seen uint64) {
	if r.Ends() {
		a.Run(r.Running, seen)
	}
	if oldest := resources.Add(r, time.Now()); oldest != nil {
		a.logger.Debug("there are too many WHEP sessions; the oldest is ended")
		if oldest.Ends() {
			cut(oldest.Running, access.Displaced, conns.CloseRevoked)
		}
	}
}

// Drop forgets a WHEP resource that is not there any more.
func (a *App) Drop(r *conns.Resource) { resources.Remove(r) }

// endResources ends all WHEP sessions when the process ends: nobody would watch
// over them. It waits for as long as an origin may take, and no longer.
func endResources() {
	var all sync.WaitGroup
	for _, r := range resources.All() {
		if r.Ends() && r.Schedule() {
			all.Go(func() { r.Cut(string(access.Stopping), conns.CloseRevoked) })
		}
	}
	ended := make(chan struct{})
	go func() { all.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(parting):
	}
}

// parting is how long the end of the process waits for the ends of WHEP sessions.
const parting = 3 * time.Second
