package app

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/registry"
)

// question is what one node asks all others. A node of another version answers
// what it knows of it.
type question struct {
	Streams []StreamName      `json:"streams,omitempty"` // who watches them
	Tokens  []uint64          `json:"tokens,omitempty"`  // hashes: who watches with them, and when they were used
	Ended   *access.Selection `json:"ended,omitempty"`   // whom a revocation ends
	Purge   *Purging          `json:"purge,omitempty"`
	Refusal string            `json:"refusal,omitempty"` // the id of one
	Node    bool              `json:"node,omitempty"`    // how it is
}

// reply is what a node answers, in the order of the question.
type reply struct {
	Streams []int         `json:"streams,omitempty"`
	Tokens  []tokenOnNode `json:"tokens,omitempty"`
	Viewers int           `json:"viewers,omitempty"` // whom a revocation ends
	On      []uint64      `json:"on,omitempty"`      // hashes of their streams
	Purged  int           `json:"purged,omitempty"`
	Refusal *Refusal      `json:"refusal,omitempty"`
	Node    *Node         `json:"node,omitempty"`
}

// StreamName is a stream of an organisation.
type StreamName struct {
	Org    string `json:"org"`
	Stream string `json:"stream"`
}

// tokenOnNode is what a node knows of a token: how many watch with it, and the
// unix second in which it was used last; 0 for never.
type tokenOnNode struct {
	Viewers int   `json:"viewers"`
	Used    int64 `json:"used"`
}

// Node is how a node is.
type Node struct {
	Name     string        `json:"name"`
	Version  string        `json:"version"`
	Position uint64        `json:"position"` // revision of the registry
	Stale    time.Duration `json:"stale"`    // how old what it knows is
	Ready    bool          `json:"ready"`
	Viewers  int           `json:"viewers"`
	Revoked  int           `json:"revoked"` // how many revocations it knows
}

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
func answer(r *registry.Registry, text []byte) []byte {
	var q question
	if json.Unmarshal(text, &q) != nil {
		return nil
	}
	a := current.Load()
	if a == nil || a.registry != r {
		return nil // another configuration is about to begin, or to end
	}
	out, err := json.Marshal(a.reply(&q))
	if err != nil {
		return nil
	}
	return out
}

func (a *App) reply(q *question) (r reply) {
	for _, s := range q.Streams {
		r.Streams = append(r.Streams, Viewers().Of(s.Org, s.Stream))
	}
	for _, hash := range q.Tokens {
		t := tokenOnNode{Viewers: Viewers().With(hash)}
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
		r.Purged = purge(q.Purge.matches)
	}
	if refusal, ok := recent.find(q.Refusal); ok {
		r.Refusal = &refusal
	}
	if q.Node {
		r.Node = a.node()
	}
	return r
}

func (a *App) node() *Node {
	version, _ := caddy.Version()
	now := time.Now()
	n := &Node{Name: Instance(), Version: version, Ready: a.Ready(now), Viewers: Viewers().Total}
	if a.registry != nil {
		n.Position, n.Revoked = a.registry.Position(), a.registry.View().Revocations()
		if seen := a.registry.Seen(); !seen.IsZero() {
			n.Stale = max(now.Sub(seen), 0)
		}
	}
	return n
}

// everywhere is the answer of this node, and those of all others that answer.
func (a *App) everywhere(q *question) []reply {
	return append([]reply{a.reply(q)}, a.elsewhere(q)...)
}

// elsewhere are the answers of all other nodes that answer.
func (a *App) elsewhere(q *question) (all []reply) {
	if a.registry == nil {
		return nil
	}
	text, err := json.Marshal(q)
	if err != nil {
		return nil
	}
	for _, answer := range a.registry.Ask(text) {
		var r reply
		if json.Unmarshal(answer, &r) == nil {
			all = append(all, r)
		}
	}
	return all
}

// Watching is how many watch each of some streams, on all nodes that answer.
func (a *App) Watching(streams []StreamName) []int {
	sum := make([]int, len(streams))
	if len(streams) == 0 {
		return sum
	}
	for _, r := range a.everywhere(&question{Streams: streams}) {
		for i, n := range r.Streams[:min(len(sum), len(r.Streams))] {
			sum[i] += n
		}
	}
	return sum
}

// TokenUse is how many watch with a token, and when it was used last.
type TokenUse struct {
	Viewers int
	Last    time.Time
}

// Uses are those of tokens, on all nodes that answer.
func (a *App) Uses(ctx context.Context, tokens []*registry.Token) []TokenUse {
	list := make([]TokenUse, len(tokens))
	if len(tokens) == 0 {
		return list
	}
	var q question
	for i, t := range tokens {
		q.Tokens = append(q.Tokens, t.Hash())
		list[i].Last = a.LastUsed(ctx, t)
	}
	for _, r := range a.everywhere(&q) {
		for i, t := range r.Tokens[:min(len(list), len(r.Tokens))] {
			list[i].Viewers += t.Viewers
			if used := time.Unix(t.Used, 0); t.Used > 0 && used.After(list[i].Last) {
				list[i].Last = used
			}
		}
	}
	return list
}

// Ended is how many viewers a revocation ends, and on how many streams, on all
// nodes that answer; at most a second old.
func (a *App) Ended(v *registry.Revocation) (viewers, streams int) {
	on := make(map[uint64]bool)
	concerned := whom(v)
	for _, r := range a.everywhere(&question{Ended: &concerned}) {
		viewers += r.Viewers
		for _, stream := range r.On {
			on[stream] = true
		}
	}
	return viewers, len(on)
}

// Nodes are all nodes that answer, by their names; this one is among them.
func (a *App) Nodes() []*Node {
	var list []*Node
	for _, r := range a.everywhere(&question{Node: true}) {
		if r.Node != nil {
			list = append(list, r.Node)
		}
	}
	slices.SortFunc(list, func(x, y *Node) int { return cmp.Compare(x.Name, y.Name) })
	return list
}

// Purge makes the caches of all nodes that answer forget some answers, and tells
// how many those were, and on how many nodes. What is on its way to viewers
// arrives; nobody else gets it.
func (a *App) Purge(p *Purging) (objects, nodes int) {
	all := a.everywhere(&question{Purge: p})
	for _, r := range all {
		objects += r.Purged
	}
	return objects, len(all)
}
