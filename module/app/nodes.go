package app

import (
	"context"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/playgate/playgate/module/internal/cluster"
	"github.com/playgate/playgate/module/internal/registry"
)

// Instance names this process, so that people can say which one they mean.
var Instance = sync.OnceValue(func() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	id, err := caddy.InstanceID()
	if err != nil {
		return host
	}
	return host + "/" + id.String()
})

// answer answers another node.
func answer(r *registry.Registry, question []byte) []byte {
	a := current.Load()
	if a == nil || a.registry != r {
		return nil // another configuration is about to begin, or to end
	}
	return cluster.Answer(question, a.reply)
}

func (a *App) reply(q *cluster.Query) (r cluster.Reply) {
	for _, s := range q.Streams {
		r.Streams = append(r.Streams, Viewers().Of(s.Org, s.Stream))
	}
	for _, hash := range q.Tokens {
		t := cluster.TokenOnNode{Viewers: Viewers().With(hash)}
		if used := uses.Last(hash); !used.IsZero() {
			t.Used = used.Unix()
		}
		r.Tokens = append(r.Tokens, t)
	}
	if q.Ended != nil {
		viewers, streams := ended(*q.Ended)
		r.Viewers, r.On = viewers, slices.Collect(maps.Keys(streams))
	}
	if q.Purge != nil {
		r.Purged = purge(q.Purge.Matches)
	}
	if refusal, ok := recent.find(q.Refusal); ok {
		r.Refusal = &refusal
	}
	if q.Node {
		r.Node = a.node()
	}
	return r
}

func (a *App) node() *cluster.Node {
	version, _ := caddy.Version()
	now := time.Now()
	n := &cluster.Node{Name: Instance(), Version: version, Ready: a.Ready(now), Viewers: Viewers().Total}
	if a.registry != nil {
		n.Position, n.Revoked = a.registry.Position(), a.registry.View().Revocations()
		if seen := a.registry.Seen(); !seen.IsZero() {
			n.Stale = max(now.Sub(seen), 0)
		}
	}
	return n
}

// Peers are this node and all others of its registry.
func (a *App) Peers() *cluster.Peers {
	p := &cluster.Peers{Self: a.reply}
	if a.registry != nil {
		p.Others = a.registry
	}
	return p
}

// TokenUse is how many watch with a token, and when it was used last.
type TokenUse struct {
	Viewers int
	Last    time.Time
}

// Uses are those of tokens, on all nodes that answer.
func (a *App) Uses(ctx context.Context, tokens []*registry.Token) []TokenUse {
	list := make([]TokenUse, len(tokens))
	hashes := make([]uint64, len(tokens))
	for i, t := range tokens {
		hashes[i] = t.Hash()
		list[i].Last = a.LastUsed(ctx, t)
	}
	for i, t := range a.Peers().Tokens(hashes) {
		list[i].Viewers = t.Viewers
		if used := time.Unix(t.Used, 0); t.Used > 0 && used.After(list[i].Last) {
			list[i].Last = used
		}
	}
	return list
}
