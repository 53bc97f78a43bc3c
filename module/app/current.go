package app

import "sync"

// current is the app of the newest configuration: for gauges, and to judge what
// began under an older one.
var current newest

type newest struct {
	mu  sync.Mutex
	app *App
}

func (n *newest) Load() *App {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.app
}

func (n *newest) start(a *App) {
	n.mu.Lock()
	defer n.mu.Unlock()
	a.previous, n.app = n.app, a
}

// stop takes an app out, and reports whether none is left. If it is the newest,
// its configuration has failed and the one before goes on; or the process ends.
func (n *newest) stop(a *App) (last bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.app == a:
		n.app = a.previous
		last = n.app == nil
	case n.app != nil && n.app.previous == a:
		n.app.previous = nil
	}
	a.previous = nil
	return last
}
