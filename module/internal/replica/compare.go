package replica

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/kv"
)

// compareOnce compares the state with the store, again while that looks damaged.
func (p *Replica) compareOnce() {
	if !p.comparing.TryLock() {
		return // it takes long, over a slow line
	}
	defer p.comparing.Unlock()
	ctx, stop := context.WithCancel(p.ctx)
	defer stop()
	for _, b := range []*kv.NATSBucket{p.Edge, p.Issuing} {
		if err := tidyWatchers(ctx, b); err != nil {
			p.Logger.Debug("former watches may be left on the servers", zap.Error(err))
		}
	}
	for end := time.Now().Add(2 * p.DamageLasts); ; {
		err := p.compare(ctx)
		if !errors.Is(err, ErrDamaged) {
			if err != nil {
				p.Logger.Debug("the view could not be compared with the store", zap.Error(err))
			}
			return
		}
		if time.Now().After(end) {
			p.damaged(err)
			return
		}
		select {
		case <-time.After(p.DamageLasts / 4):
		case <-ctx.Done():
			return
		}
	}
}

// damaged has the watch begin anew, and find what a comparison has found.
func (p *Replica) damaged(damage error) {
	p.damage.compared.Store(&damage)
	p.follower.Restart()
}

// compare looks whether the state is what the store says, and begins anew with a
// whole snapshot if not. Following from a revision on misses what a store that
// was set back has written since under revisions that were known before.
func (p *Replica) compare(ctx context.Context) error {
	known, reached := p.State.All(), p.follower.Position()
	return p.compareWith(ctx, known, reached)
}

// compareWith compares what was known when a revision had been reached.
func (p *Replica) compareWith(ctx context.Context, known []kv.Entry, reached uint64) error {
	newest, err := newestEntries(ctx, p.Edge, p.follower.Touch)
	if err != nil {
		return err
	}
	last := uint64(0)
	for _, e := range newest {
		last = max(last, e.Revision)
	}
	if last < reached {
		return nil // one that is behind has answered
	}
	lost := 0
	for _, k := range known {
		if newest[k.Key].Revision < k.Revision {
			lost++
		}
		if newest[k.Key].Revision == k.Revision {
			delete(newest, k.Key)
		}
	}
	unseen := 0
	for key, e := range newest {
		if !e.Deleted && e.Revision <= reached && key != HeartbeatKey {
			unseen++
		}
	}
	if lost > 0 {
		return fmt.Errorf("%w: %d records of organisations, streams, keys and revocations are missing", ErrDamaged, lost)
	}
	if unseen > 0 {
		p.Logger.Error("the view differs from the store; it is read anew", zap.Int("records", unseen))
		p.follower.Resync()
	}
	return nil
}

// newestStalled is for how long nothing may arrive.
const newestStalled = 30 * time.Second

// newestEntries are the newest entries of a bucket by their keys, without values.
// touch is called with each. That takes as long as it takes, unless nothing more
// arrives.
func newestEntries(ctx context.Context, edge *kv.NATSBucket, touch func()) (map[string]kv.Entry, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	entries, err := edge.WatchKeys(ctx, 0)
	if err != nil {
		return nil, err
	}
	newest := make(map[string]kv.Entry)
	stalled := time.NewTimer(newestStalled)
	defer stalled.Stop()
	for {
		select {
		case e, open := <-entries:
			switch {
			case !open:
				return nil, kv.ErrUnavailable
			case e.Key == "":
				return newest, nil
			}
			newest[e.Key] = e
			touch() // what the watch brings waits behind this
			stalled.Reset(newestStalled)
		case <-stalled.C:
			return nil, fmt.Errorf("%w: nothing more arrives", kv.ErrUnavailable)
		}
	}
}
