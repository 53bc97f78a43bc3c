package registry

import (
	"context"
	"fmt"
	"sync"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/kv"
	"github.com/playgate/playgate/module/internal/replica"
)

// lazyIndex is the index of the issuing bucket, which is followed from when
// somebody first asks for it.
type lazyIndex struct {
	logger  *zap.Logger
	issuing *kv.NATSBucket
	replica *replica.Replica
	view    *View

	mu       sync.Mutex
	index    *Index
	follower *kv.Follower
}

func (x *lazyIndex) init(issuing *kv.NATSBucket, p *replica.Replica, view *View, logger *zap.Logger) {
	x.issuing, x.replica, x.view, x.logger = issuing, p, view, logger
}

// get returns the index when it is complete.
func (x *lazyIndex) get(ctx context.Context) (*Index, error) {
	if err := x.replica.Writable(); err != nil {
		return nil, err
	}
	x.mu.Lock()
	if x.index == nil {
		x.index = newIndex(x.view, x.logger)
		x.follower = kv.NewFollower(x.issuing, x.logger, x.index.reset, x.index.apply)
		x.follower.Same = kv.SameAs(x.issuing)
		x.replica.Go(x.follower.Run)
	}
	x.mu.Unlock()
	if err := x.follower.Wait(ctx, 0); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return x.index, nil
}

// wait waits until the index, if there is one, has come to a revision.
func (x *lazyIndex) wait(ctx context.Context, revision uint64) {
	x.mu.Lock()
	f := x.follower
	x.mu.Unlock()
	if f != nil {
		_ = f.Wait(ctx, revision) // it is written, whatever this node has seen of it
	}
}

// restart begins the index anew after a lost connection.
func (x *lazyIndex) restart() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.follower != nil {
		x.follower.Restart()
	}
}
