package replica

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/kv"
)

// Start opens the store; again does nothing. Where the store is embedded, it
// returns when the state is complete. One that cannot be opened is an error,
// unless a copy of the state is young enough to play with: then the error is
// logged, and whatever would write says it. A store that another process has
// is always an error. Servers of the operator's are waited for in the
// background.
func (p *Replica) Start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.started {
		return nil
	}
	if err := os.MkdirAll(p.Dir, 0o700); err != nil {
		p.Logger.Error("the registry's directory cannot be made", zap.Error(err))
	}
	head, entries, copyErr := usable(p.Dir, time.Now())
	if copyErr != nil && !errors.Is(copyErr, os.ErrNotExist) {
		p.Logger.Warn("the copy of the registry cannot be used", zap.Error(copyErr))
	}
	p.copies.journal.follows(head.last)
	if p.Store.Embedded() {
		if err := p.startEmbedded(head, entries); err != nil {
			if errors.Is(err, kv.ErrLocked) || copyErr != nil {
				p.shut()
				return err
			}
			p.damage.failure.Store(&err)
			p.State.Reset(entries)
			p.beat.seedStaleness(head.Seen)
			p.Logger.Error("the registry's store cannot be opened; what the copy on this disk says goes on to count, and nothing can be changed", zap.Error(err))
		}
		p.started = true
		return nil
	}
	if copyErr == nil {
		p.State.Reset(entries)
		p.beat.seedStaleness(head.Seen)
	}
	if err := p.connect(); err != nil {
		p.shut()
		return err
	}
	p.running.Go(func() { p.openSoon(head, entries) })
	p.started = true
	return nil
}

func (p *Replica) startEmbedded(head Head, known []kv.Entry) error {
	if err := p.embedded.startServer(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(p.ctx, kv.StartTimeout)
	defer cancel()
	if err := p.embedded.openEmbedded(ctx); err != nil {
		return err
	}
	if err := p.damage.checkLoss(ctx, head, known); err != nil {
		if !errors.Is(err, ErrDamaged) {
			return err
		}
		if err := p.damage.accepts(err); err != nil {
			return err
		}
	}
	close(p.opened)
	p.followEdge()
	if err := p.follower.Wait(ctx, 0); err != nil {
		return err
	}
	p.Ready(ctx)
	return nil
}

func (p *Replica) connect() error {
	err := p.Store.Connect(p.ctx, func() {
		p.follower.Restart()
		p.Reconnected()
	})
	if err != nil {
		return err
	}
	return p.Connected()
}

// openSoon opens the buckets of the operator's servers as soon as they are there.
func (p *Replica) openSoon(head Head, known []kv.Entry) {
	told := ""
	for p.ctx.Err() == nil {
		err := p.openOnce(head, known)
		if err == nil {
			close(p.opened)
			p.followEdge()
			p.Store.WarnOfReplicas()
			p.running.Go(func() { kv.WatchSync(p.ctx, p.Monitor, p.Logger) })
			if p.follower.Wait(p.ctx, 0) == nil {
				p.Ready(p.ctx)
			}
			return
		}
		if p.ctx.Err() == nil && err.Error() != told {
			told = err.Error()
			p.Logger.Warn("the registry cannot be opened yet; it is tried again", zap.Error(err))
		}
		select {
		case <-time.After(openPause):
		case <-p.ctx.Done():
		}
	}
}

// openPause is how long to wait before the operator's servers are asked again,
// and openTry how long one answer is waited for: one that chooses a leader gives
// none.
const (
	openPause = time.Second
	openTry   = 3 * time.Second
)

func (p *Replica) openOnce(head Head, known []kv.Entry) error {
	if !p.Store.Conn().IsConnected() {
		return fmt.Errorf("%w: no server answers", kv.ErrUnavailable)
	}
	if err := p.tryOpen(); err != nil {
		return err
	}
	err := p.damage.checkLoss(p.ctx, head, known)
	if errors.Is(err, ErrDamaged) {
		damage := err
		if err = p.damage.lost(damage); err == nil && p.damage.failure.Load() != nil {
			p.damage.compared.Store(&damage) // until it is accepted
		}
	}
	if err != nil {
		return err
	}
	now, err := p.Edge.Extent(p.ctx)
	p.damage.created = now.Created
	return err
}

func (p *Replica) tryOpen() error {
	ctx, cancel := context.WithTimeout(p.ctx, openTry)
	defer cancel()
	return p.Store.Open(ctx)
}

// followEdge begins to follow the edge bucket, and to keep its copy.
func (p *Replica) followEdge() {
	if !p.Store.Embedded() {
		p.follower.Same = p.damage.same
	}
	if p.copies.holdsDir() {
		if _, err := p.copies.journal.next(p.Dir); err != nil {
			p.Logger.Warn("the journal of the registry's copy cannot be written", zap.Error(err))
		}
	}
	p.running.Go(func() { p.follower.Run(p.ctx) })
	p.running.Go(p.snapshotLoop)
	if !p.Store.Embedded() {
		p.running.Go(p.watchdog)
	}
}
