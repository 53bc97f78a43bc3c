package app

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/conns"
	"github.com/playgate/playgate/module/internal/registry"
)

// uses are when tokens were used last. Like what is running, they outlive reloads.
var uses conns.Uses

// LastUsed is when a token was used last, as far as this node knows, and what
// others have written; zero when it was not.
func (a *App) LastUsed(ctx context.Context, t *registry.Token) time.Time {
	hash := t.Hash()
	last := uses.Last(hash)
	if index, err := a.registry.Tokens.Index(ctx); err == nil {
		if stored := index.LastUsed(hash); stored.After(last) {
			last = stored
		}
	}
	return last
}

// storeUsesEvery is how often the uses of tokens are stored.
const storeUsesEvery = time.Minute

// storeUses begins to store the uses of tokens, once for the process.
var storeUses = sync.OnceFunc(func() {
	go func() {
		for range time.Tick(storeUsesEvery) {
			if a := current.Load(); a != nil {
				a.StoreUses(storeUsesEvery / 2)
			}
		}
	}()
})

// storeUsesAtEnd is how long the end of the process waits for the uses of tokens.
const storeUsesAtEnd = 2 * time.Second

// StoreUses stores when tokens were used last, as far as it is new, and within a
// time. What cannot be stored is kept for the next one.
func (a *App) StoreUses(limit time.Duration) {
	if a.registry == nil {
		return
	}
	fresh := uses.Take()
	if len(fresh) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	left, err := a.registry.Tokens.NoteUses(ctx, fresh)
	if err != nil {
		uses.Return(left)
		a.logger.Warn("when tokens were used last could not be stored; it is tried again", zap.Error(err))
	}
}
