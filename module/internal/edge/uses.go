package edge

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/cluster"
	"github.com/playgate/playgate/module/internal/conns"
	"github.com/playgate/playgate/module/internal/registry"
)

// Uses are when tokens were used last.
type Uses struct{ last conns.Uses }

// Last is when a token was used last, as far as this node knows, and what
// others have written; zero when it was not.
func (u *Uses) Last(ctx context.Context, r *registry.Registry, t *registry.Token) time.Time {
	hash := r.Tokens.Hash(t)
	last := u.last.Last(hash)
	if index, err := r.Tokens.Index(ctx); err == nil {
		if stored := index.LastUsed(hash); stored.After(last) {
			last = stored
		}
	}
	return last
}

// TokenUse is how many watch with a token, and when it was used last.
type TokenUse struct {
	Viewers int
	Last    time.Time
}

// Of are the uses of tokens of a registry, on all nodes that answer.
func (u *Uses) Of(ctx context.Context, r *registry.Registry, peers *cluster.Peers, tokens []*registry.Token) []TokenUse {
	list := make([]TokenUse, len(tokens))
	hashes := make([]uint64, len(tokens))
	for i, t := range tokens {
		hashes[i] = r.Tokens.Hash(t)
		list[i].Last = u.Last(ctx, r, t)
	}
	for i, t := range peers.Tokens(hashes) {
		list[i].Viewers = t.Viewers
		if used := time.Unix(t.Used, 0); t.Used > 0 && used.After(list[i].Last) {
			list[i].Last = used
		}
	}
	return list
}

const (
	// storeUsesEvery is how often the uses of tokens are stored.
	storeUsesEvery = time.Minute
	// storeUsesAtEnd is how long the end of the process waits for that.
	storeUsesAtEnd = 2 * time.Second
)

// storeUsesEveryMinute stores the uses of tokens until the State is closed.
func (s *State) storeUsesEveryMinute() {
	ticker := time.NewTicker(storeUsesEvery)
	defer ticker.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-ticker.C:
			if c := s.configs.newest(); c != nil {
				s.Uses.store(s.ctx, c.Registry(), c.Logger(), storeUsesEvery/2)
			}
		}
	}
}

// StoreUses stores in a registry when tokens were used last, as far as it is new,
// and within a time. What cannot be stored is kept for the next one.
func (s *State) StoreUses(r *registry.Registry, limit time.Duration) {
	s.Uses.store(s.ctx, r, s.logger(), limit)
}

func (u *Uses) store(ctx context.Context, r *registry.Registry, logger *zap.Logger, limit time.Duration) {
	if r == nil {
		return
	}
	fresh := u.last.Take()
	if len(fresh) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	left, err := r.Tokens.NoteUses(ctx, fresh)
	if err != nil {
		u.last.Return(left)
		logger.Warn("when tokens were used last could not be stored; it is tried again", zap.Error(err))
	}
}
