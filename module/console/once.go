package console

import (
	"crypto/rand"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
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

// pool keeps them for the process: they outlive a reload of the configuration.
var pool = caddy.NewUsagePool()

// freshKey is the one key in the pool.
const freshKey = "fresh"

// acquireFresh gives the secrets of this process. Each call needs a releaseFresh.
func acquireFresh() (*once, error) {
	kept, _, err := pool.LoadOrNew(freshKey, func() (caddy.Destructor, error) { return new(once), nil })
	if err != nil {
		return nil, err
	}
	return kept.(*once), nil
}

// releaseFresh gives them up; after the last time they are forgotten.
func releaseFresh() error {
	_, err := pool.Delete(freshKey)
	return err
}

// Destruct forgets the secrets.
func (o *once) Destruct() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waiting = nil
	return nil
}

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
