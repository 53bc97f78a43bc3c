package replica

import (
	"context"
	"sync"
)

// tasks are goroutines that end together.
type tasks struct {
	ctx     context.Context
	stop    context.CancelFunc
	running sync.WaitGroup
}

func newTasks() *tasks {
	t := new(tasks)
	t.ctx, t.stop = context.WithCancel(context.Background())
	return t
}

// end has all of them end, and waits for that.
func (t *tasks) end() {
	t.stop()
	t.running.Wait()
}
