package edge

import (
	"maps"
	"os"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/playgate/playgate/module/internal/cluster"
	"github.com/playgate/playgate/module/internal/registry"
)

// Instance names this process, so that people can say which one they mean. It asks
// the system.
func Instance() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	id, err := caddy.InstanceID()
	if err != nil {
		return host
	}
	return host + "/" + id.String()
}

// Peers are this node, as a configuration has it, and all others of its registry.
func (s *State) Peers(c Config) *cluster.Peers {
	p := &cluster.Peers{Self: func(q *cluster.Query) cluster.Reply { return s.reply(c, q) }}
	if r := c.Registry(); r != nil {
		p.Others = r.Link
	}
	return p
}

// Answer answers the question of another node of a registry; nil is no answer.
func (s *State) Answer(r *registry.Registry, question []byte) []byte {
	c := s.configs.newest()
	if c == nil || c.Registry() != r {
		return nil // another configuration is about to begin, or to end
	}
	return cluster.Answer(question, s.Peers(c).Self)
}

func (s *State) reply(c Config, q *cluster.Query) (r cluster.Reply) {
	for _, name := range q.Streams {
		r.Streams = append(r.Streams, s.viewers.count(&s.running).Of(name.Org, name.Stream))
	}
	for _, hash := range q.Tokens {
		t := cluster.TokenOnNode{Viewers: s.viewers.count(&s.running).With(hash)}
		if used := s.Uses.last.Last(hash); !used.IsZero() {
			t.Used = used.Unix()
		}
		r.Tokens = append(r.Tokens, t)
	}
	if q.Ended != nil {
		count, streams := s.viewers.ended(&s.running, *q.Ended)
		r.Viewers, r.On = count, slices.Collect(maps.Keys(streams))
	}
	if q.Purge != nil {
		r.Purged = s.Caches.forget(q.Purge.Matches)
	}
	if refusal, ok := s.refusals.find(q.Refusal); ok {
		r.Refusal = &refusal
	}
	if q.Node {
		r.Node = s.node(c)
	}
	return r
}

// node is how this node is, as a configuration has it.
func (s *State) node(c Config) *cluster.Node {
	version, _ := caddy.Version()
	now := time.Now()
	n := &cluster.Node{Name: s.Instance(), Version: version, Ready: c.Ready(now), Viewers: s.viewers.count(&s.running).Total}
	if r := c.Registry(); r != nil {
		n.Position, n.Revoked = r.Position(), r.View().Revocations()
		if seen := r.Seen(); !seen.IsZero() {
			n.Stale = max(now.Sub(seen), 0)
		}
	}
	return n
}
