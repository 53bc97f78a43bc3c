package replica

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/kv"
)

// healEvery is how often a store that takes no changes is opened again.
const healEvery = 2 * time.Second

// ProbeKey is written to the probe bucket to see whether the store takes changes
// again.
const ProbeKey = "probe"

// embedded is the store in this process, which heals itself.
type embedded struct {
	*Config
	*tasks

	server *kv.Server
	sick   atomic.Pointer[error] // why it takes no changes
}

// startServer starts the server, which has the directory for itself.
func (e *embedded) startServer() (err error) {
	e.server, err = kv.StartServer(kv.ServerSettings{Dir: e.Dir, NoSync: e.NoSync}, e.Logger.Named("nats"))
	return err
}

// openEmbedded connects to the server and opens the buckets.
func (e *embedded) openEmbedded(ctx context.Context) error { return e.Store.OpenOn(ctx, e.server) }

// illness is why the store takes no changes at the moment, or nil.
func (e *embedded) illness() error {
	if sick := e.sick.Load(); sick != nil {
		return *sick
	}
	return nil
}

// classifyWriteError looks at the error of a write. A server whose disk was full or
// read-only takes no change for ever, even when there is room again; it has to
// be started again. Meanwhile everybody reads from memory, and writes say why.
func (e *embedded) classifyWriteError(err error) error {
	if err == nil || !errors.Is(err, kv.ErrUnavailable) || errors.Is(err, context.Canceled) {
		return err
	}
	if !e.Store.Embedded() {
		return fmt.Errorf("%w; is a majority of the NATS servers up?", err)
	}
	why := fmt.Errorf("%w: the store %s took no change within %s; is its disk full or read-only?", kv.ErrUnavailable, e.Dir, kv.WriteTimeout)
	if last := e.server.LastError(); last != "" {
		why = fmt.Errorf("%w: the store %s takes no changes; make room on its disk, or make it writable (%s)", kv.ErrUnavailable, e.Dir, last)
	}
	if e.ctx.Err() == nil && e.sick.CompareAndSwap(nil, &why) {
		e.Logger.Error("nothing can be changed at the moment; playback goes on", zap.Error(why))
		e.running.Go(e.heal)
	}
	return why
}

// heal starts the server again until it takes changes.
func (e *embedded) heal() {
	for {
		select {
		case <-time.After(healEvery):
		case <-e.ctx.Done():
			return
		}
		if err := e.restart(); err != nil {
			e.Logger.Debug("the store does not take changes yet", zap.Error(err))
			continue
		}
		e.sick.Store(nil)
		e.Logger.Info("the store takes changes again")
		return
	}
}

func (e *embedded) restart() error {
	e.server.Halt()
	if err := e.server.Start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(e.ctx, kv.StartTimeout)
	defer cancel()
	if err := e.openEmbedded(ctx); err != nil {
		return err
	}
	return e.probe(ctx)
}

// probe changes something that nobody reads.
func (e *embedded) probe(ctx context.Context) error {
	now := []byte(time.Now().UTC().Format(time.RFC3339))
	old, err := e.Probe.Get(ctx, ProbeKey)
	if errors.Is(err, kv.ErrNotFound) {
		_, err = e.Probe.Create(ctx, ProbeKey, now)
		return err
	}
	if err == nil {
		_, err = e.Probe.Update(ctx, ProbeKey, now, old.Revision)
	}
	return err
}

// close ends the server, if there is one.
func (e *embedded) close() {
	if e.server != nil {
		e.server.Stop()
	}
}
