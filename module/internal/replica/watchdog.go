package replica

import (
	"context"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/kv"
)

// A connection that stands while no heartbeat arrives for long leads to a server
// that the others have lost; another one is tried then. Electing a leader takes
// up to 8 seconds.
const (
	beatHopeless = 12 * time.Second
	// compareAfter is how long after a gap, and compareEvery how often at
	// least, the state is compared with the store.
	compareAfter = 5 * time.Second
	compareEvery = time.Hour
)

// watchdog writes a heartbeat when nobody else does, and begins the watch anew
// when none arrives.
func (p *Replica) watchdog() {
	tick := time.NewTicker(beatEvery / 5)
	defer tick.Stop()
	began, moved := time.Now(), time.Now()
	gap, due := false, time.Now().Add(compareEvery)
	// Not all nodes write at once: who is late finds that another one has.
	patience := func() time.Duration { return beatEvery*4/5 + rand.N(beatEvery*2/5) }
	wait := patience()
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-tick.C:
		}
		now, age := time.Now(), time.Since(p.Seen())
		if age >= wait && p.follower.CaughtUp() && p.Store.Conn().IsConnected() {
			writeBeat(p.ctx, p.Edge)
			wait = patience()
		}
		if p.damage.accepting() {
			p.follower.Restart()
		}
		if age = time.Since(p.Seen()); age <= beatLost {
			if gap {
				gap, due = false, now.Add(compareAfter+rand.N(compareAfter))
			}
			if now.After(due) {
				due = now.Add(compareEvery)
				p.running.Go(p.compareOnce)
			}
			continue
		}
		// Where much arrives, and the heartbeat behind it, nothing is silent.
		silent := min(age, p.follower.Idle())
		if silent > beatLost && now.Sub(began) > beatLost {
			began, gap = now, true
			p.follower.Restart()
		}
		if silent > beatHopeless && now.Sub(moved) > beatHopeless && p.Store.Conn().IsConnected() {
			moved = now
			p.Logger.Warn("no sign of life arrives from the registry; another server is tried", zap.Duration("for", silent))
			_ = p.Store.Conn().ForceReconnect() // it tries for ever
		}
	}
}

func tidyWatchers(ctx context.Context, b *kv.NATSBucket) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return b.TidyWatchers(ctx)
}
