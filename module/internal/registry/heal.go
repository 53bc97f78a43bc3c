package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/kv"
)

// healEvery is how often a store that takes no changes is opened again.
const healEvery = 2 * time.Second

// probeKey is written to see whether the store takes changes again.
const probeKey = "probe"

// illness is why the embedded store takes no changes at the moment, or nil.
func (r *Registry) illness() error {
	if sick := r.sick.Load(); sick != nil {
		return *sick
	}
	return nil
}

// examine looks at the error of a write. A server whose disk was full or
// read-only takes no change for ever, even when there is room again; it has to
// be started again. Meanwhile everybody reads from memory, and writes say why.
func (r *Registry) examine(err error) error {
	if err == nil || !errors.Is(err, ErrUnavailable) || errors.Is(err, context.Canceled) {
		return err
	}
	if !r.settings.embedded() {
		return fmt.Errorf("%w; is a majority of the NATS servers up?", err)
	}
	why := fmt.Errorf("%w: the store %s took no change within %s; is its disk full or read-only?", ErrUnavailable, r.settings.Dir, kv.WriteTimeout)
	if last := r.server.LastError(); last != "" {
		why = fmt.Errorf("%w: the store %s takes no changes; make room on its disk, or make it writable (%s)", ErrUnavailable, r.settings.Dir, last)
	}
	if r.ctx.Err() == nil && r.sick.CompareAndSwap(nil, &why) {
		r.logger.Error("nothing can be changed at the moment; playback goes on", zap.Error(why))
		r.running.Go(r.heal)
	}
	return why
}

// heal starts the server again until it takes changes.
func (r *Registry) heal() {
	for {
		select {
		case <-time.After(healEvery):
		case <-r.ctx.Done():
			return
		}
		if err := r.restart(); err != nil {
			r.logger.Debug("the store does not take changes yet", zap.Error(err))
			continue
		}
		r.sick.Store(nil)
		r.logger.Info("the store takes changes again")
		return
	}
}

func (r *Registry) restart() error {
	r.server.Halt()
	if err := r.server.Start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.ctx, kv.StartTimeout)
	defer cancel()
	if err := r.store.OpenOn(ctx, r.server); err != nil {
		return err
	}
	return r.probe(ctx)
}

// probe changes something that nobody reads.
func (r *Registry) probe(ctx context.Context) error {
	now := []byte(r.now().UTC().Format(time.RFC3339))
	e, err := r.audit.Get(ctx, probeKey)
	if errors.Is(err, ErrNotFound) {
		_, err = r.audit.Create(ctx, probeKey, now)
		return err
	}
	if err == nil {
		_, err = r.audit.Update(ctx, probeKey, now, e.Revision)
	}
	return err
}
