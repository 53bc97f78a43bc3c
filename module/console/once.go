package console

import (
	"crypto/rand"
	"sync"
	"time"

	"github.com/playgate/playgate/module/api"
)

// shownWithin is how long a new token waits for its page.
const shownWithin = time.Minute

// maxOnce is how many new tokens may wait.
const maxOnce = 1000

// made is a new token on its way to the page that shows it.
type made struct {
	user  string
	token api.IssuedToken
	until time.Time
}

// once keeps new tokens until their page has shown them, which it does once. The
// zero value is empty.
type once struct {
	mu      sync.Mutex
	waiting map[string]made
}

// put keeps a token for its user, and returns the name to ask for it by; "" when
// too many wait.
func (o *once) put(user string, t api.IssuedToken, now time.Time) (id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for id, m := range o.waiting {
		if now.After(m.until) {
			delete(o.waiting, id)
		}
	}
	if len(o.waiting) >= maxOnce {
		return ""
	}
	if o.waiting == nil {
		o.waiting = make(map[string]made)
	}
	id = rand.Text()
	o.waiting[id] = made{user, t, now.Add(shownWithin)}
	return id
}

// take returns the token of a name to its user, and forgets it.
func (o *once) take(user, id string, now time.Time) (api.IssuedToken, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	m, ok := o.waiting[id]
	if !ok || m.user != user || now.After(m.until) {
		return api.IssuedToken{}, false
	}
	delete(o.waiting, id)
	return m.token, true
}
