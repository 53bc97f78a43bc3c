package console

import (
	"crypto/rand"
	"sync"
	"time"
)

// shownWithin is how long a new secret waits for its page.
const shownWithin = time.Minute

// maxOnce is how many may wait.
const maxOnce = 1000

// made is a new token or API key on its way to the page that shows it.
type made struct {
	user  string
	what  any
	until time.Time
}

// once keeps new secrets until their page has shown them, which it does once. The
// zero value is empty.
type once struct {
	mu      sync.Mutex
	waiting map[string]made
}

// fresh are those of this process. They outlive a reload of the configuration.
var fresh once

// put keeps a secret for its user, and returns the name to ask for it by; "" when
// too many wait.
func (o *once) put(user string, what any, now time.Time) (id string) {
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
	o.waiting[id] = made{user, what, now.Add(shownWithin)}
	return id
}

// take returns the secret of a name to its user, and forgets it. What is another
// kind of secret is not there.
func take[T any](o *once, user, id string, now time.Time) (what T, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	m, ok := o.waiting[id]
	if !ok || m.user != user || now.After(m.until) {
		return what, false
	}
	if what, ok = m.what.(T); ok {
		delete(o.waiting, id)
	}
	return what, ok
}
