package api

import (
	"context"
	"net/http"
	"strings"
	"sync"
)

// maxLists is how many lists one principal may ask for at the same time. Who wants more is
// refused at once, and takes nothing from others.
const maxLists = 4

// lists counts the lists that are being made, by who asked.
type lists struct {
	mu sync.Mutex
	of map[string]int
}

// begin reports whether a principal may have one more; then end has to follow.
func (l *lists) begin(who string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of[who] >= maxLists {
		return false
	}
	if l.of == nil {
		l.of = make(map[string]int)
	}
	l.of[who]++
	return true
}

func (l *lists) end(who string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of[who]--; l.of[who] == 0 {
		delete(l.of, who)
	}
}

// isList reports whether an operation lists something.
func isList(operationID string) bool { return strings.HasPrefix(operationID, "list-") }

// listing is an operation that lists, in its turn.
func listing[I, O any](do func(context.Context, *call, *I) (*O, error)) func(context.Context, *call, *I) (*O, error) {
	return func(ctx context.Context, c *call, in *I) (*O, error) {
		if !c.lists.begin(c.Name) {
			return nil, Refuse(http.StatusTooManyRequests, "four lists are being made for you already; ask one after the other").with("Retry-After", "1")
		}
		defer c.lists.end(c.Name)
		return do(ctx, c, in)
	}
}
