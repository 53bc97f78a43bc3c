package replica

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/kv"
)

// Config says what a [Replica] works with.
type Config struct {
	// Dir has the embedded store, and the copy of the state.
	Dir string
	// Store has the three buckets. The edge bucket is followed into the state. Of
	// the issuing bucket it is noted how far it has come. The probe bucket takes
	// the entry [ProbeKey], which nobody reads.
	Store                *kv.Store
	Edge, Issuing, Probe *kv.NATSBucket
	// State takes what the edge bucket says.
	State State
	// Logger takes what happens to the store.
	Logger *zap.Logger

	// Monitor are the monitoring URLs of the operator's servers; see [kv.WatchSync].
	Monitor []string
	// NoSync is [kv.ServerSettings.NoSync].
	NoSync bool
	// DamageLasts is how long servers of the operator's have to look damaged
	// before that is believed. Default: 10 s.
	DamageLasts time.Duration

	// Connected is called once there is a connection object for the operator's
	// servers, before anything is open. Its error fails the start. Default:
	// nothing.
	Connected func() error
	// Reconnected is called when a connection was lost and is there again.
	// Default: nothing.
	Reconnected func()
	// Ready is called once the state is complete and changes can be made. Default:
	// nothing.
	Ready func(context.Context)
	// Sweep is called each hour, to remove what is no longer needed. Default:
	// nothing.
	Sweep func(context.Context)
}

func (c *Config) setDefaults() {
	if c.DamageLasts == 0 {
		c.DamageLasts = damageLasts
	}
	if c.Connected == nil {
		c.Connected = func() error { return nil }
	}
	if c.Reconnected == nil {
		c.Reconnected = func() {}
	}
	if c.Ready == nil {
		c.Ready = func(context.Context) {}
	}
	if c.Sweep == nil {
		c.Sweep = func(context.Context) {}
	}
}

// Replica is what this node has of a store, for as long as it uses it.
type Replica struct {
	*Config
	*tasks

	follower *kv.Follower
	beat     heartbeat
	copies   snapshots
	damage   damage
	embedded embedded

	mu        sync.Mutex // of starting and closing
	started   bool
	opened    chan struct{} // closed once the buckets are there
	comparing sync.Mutex    // held by the comparison that runs
}

// New makes a replica. It touches nothing until it is started.
func New(c Config) *Replica {
	c.setDefaults()
	p := &Replica{Config: &c, tasks: newTasks(), beat: heartbeat{made: time.Now()}, opened: make(chan struct{})}
	p.follower = kv.NewFollower(c.Edge, c.Logger, p.reset, p.take)
	p.copies.Config, p.copies.journal.logger, p.copies.whole = p.Config, c.Logger, make(chan struct{}, 1)
	p.damage.Config, p.damage.follower = p.Config, p.follower
	p.embedded.Config, p.embedded.tasks = p.Config, p.tasks
	return p
}

// reset takes a whole snapshot of the edge bucket.
func (p *Replica) reset(entries []kv.Entry) {
	p.beat.saw()
	entries = slices.DeleteFunc(entries, func(e kv.Entry) bool { return e.Key == HeartbeatKey })
	var news []journalLine
	for _, e := range p.State.News(entries) {
		news = append(news, journalLine{Entry: &e})
	}
	p.copies.journal.append(news...)
	switch {
	case p.damage.anew.Swap(false):
		p.State.Replace(entries)
	case p.damage.failure.Load() != nil:
		p.State.Merge(entries)
	default:
		p.State.Reset(entries)
	}
	p.copies.rewrite()
}

// take takes a change of the edge bucket.
func (p *Replica) take(e kv.Entry) {
	if e.Key == HeartbeatKey {
		p.beat.saw()
		return
	}
	p.State.Apply(e)
	p.copies.journal.append(journalLine{Entry: &e})
}

// Writable reports why nothing can be changed, or nil.
func (p *Replica) Writable() error {
	select {
	case <-p.opened:
	default:
		if failure := p.damage.failure.Load(); failure != nil {
			return fmt.Errorf("%w: %w", kv.ErrUnavailable, *failure)
		}
		return fmt.Errorf("%w: it is not open yet", kv.ErrUnavailable)
	}
	if failure := p.damage.failure.Load(); failure != nil {
		return fmt.Errorf("%w: %w", kv.ErrUnavailable, *failure)
	}
	return p.embedded.illness()
}

// ClassifyWriteError says of the error of a write what the operator can do, and
// begins to heal an embedded store that takes no changes. Other errors stay as
// they are.
func (p *Replica) ClassifyWriteError(err error) error { return p.embedded.classifyWriteError(err) }

// Seen is when the state was last known to be true; zero for never.
func (p *Replica) Seen() time.Time {
	if p.Store.Embedded() && p.damage.failure.Load() == nil && p.State.Complete() {
		return time.Now() // nobody else changes it, also while it takes no changes
	}
	return p.beat.at()
}

// Position is the revision of the edge bucket up to which the state is known.
func (p *Replica) Position() uint64 { return p.follower.Position() }

// Wait returns when the state has come to a revision of the edge bucket; 0 waits for
// the first snapshot. The error is that of the context.
func (p *Replica) Wait(ctx context.Context, revision uint64) error {
	return p.follower.Wait(ctx, revision)
}

// Go runs f, which must return when its context ends: when the replica is closed.
// It reports false, and runs nothing, if that has happened already.
func (p *Replica) Go(f func(context.Context)) bool {
	if p.ctx.Err() != nil {
		return false
	}
	p.running.Go(func() { f(p.ctx) })
	return true
}

// Close ends everything. Nothing may be asked afterwards.
func (p *Replica) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shut()
}

func (p *Replica) shut() {
	p.end()
	p.Store.Close()
	p.embedded.close()
	p.copies.close()
}
