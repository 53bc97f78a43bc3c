package cluster

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/playgate/playgate/module/internal/access"
)

// Transport asks all other nodes, and returns what those answer that do so in
// time.
type Transport interface {
	Ask(question []byte) (answers [][]byte)
}

// Peers are this node and all others.
type Peers struct {
	// Self is the answer of this node.
	Self func(*Query) Reply
	// Others are all other nodes; nil where there are none.
	Others Transport
}

// Answer is what a node answers to the question of another one, or nil where it
// cannot be read. Self answers.
func Answer(question []byte, self func(*Query) Reply) []byte {
	var q Query
	if json.Unmarshal(question, &q) != nil {
		return nil
	}
	answer, err := json.Marshal(self(&q))
	if err != nil {
		return nil
	}
	return answer
}

// AskAll returns the answer of this node, and those of all others that answer.
func (p *Peers) AskAll(q *Query) []Reply {
	return append([]Reply{p.Self(q)}, p.askOthers(q)...)
}

func (p *Peers) askOthers(q *Query) (all []Reply) {
	if p.Others == nil {
		return nil
	}
	question, err := json.Marshal(q)
	if err != nil {
		return nil
	}
	for _, answer := range p.Others.Ask(question) {
		var r Reply
		if json.Unmarshal(answer, &r) == nil {
			all = append(all, r)
		}
	}
	return all
}

// Watching is how many watch each of some streams.
func (p *Peers) Watching(streams []StreamName) []int {
	sum := make([]int, len(streams))
	if len(streams) == 0 {
		return sum
	}
	for _, r := range p.AskAll(&Query{Streams: streams}) {
		for i, n := range r.Streams[:min(len(sum), len(r.Streams))] {
			sum[i] += n
		}
	}
	return sum
}

// Tokens is how many watch with each of some tokens, by their hashes, and when
// they were used last.
func (p *Peers) Tokens(hashes []uint64) []TokenOnNode {
	sum := make([]TokenOnNode, len(hashes))
	if len(hashes) == 0 {
		return sum
	}
	for _, r := range p.AskAll(&Query{Tokens: hashes}) {
		for i, t := range r.Tokens[:min(len(sum), len(r.Tokens))] {
			sum[i].Viewers += t.Viewers
			sum[i].Used = max(sum[i].Used, t.Used)
		}
	}
	return sum
}

// Ended is how many viewers a revocation ends, and on how many streams; at most a
// second old.
func (p *Peers) Ended(whom access.Selection) (viewers, streams int) {
	on := make(map[uint64]bool)
	for _, r := range p.AskAll(&Query{Ended: &whom}) {
		viewers += r.Viewers
		for _, stream := range r.On {
			on[stream] = true
		}
	}
	return viewers, len(on)
}

// Nodes are all nodes that answer, by their names; this one is among them.
func (p *Peers) Nodes() []*Node {
	var list []*Node
	for _, r := range p.AskAll(&Query{Node: true}) {
		if r.Node != nil {
			list = append(list, r.Node)
		}
	}
	slices.SortFunc(list, func(x, y *Node) int { return cmp.Compare(x.Name, y.Name) })
	return list
}

// Purge makes the caches of all nodes forget some answers, and returns how many
// those were, and on how many nodes. What is on its way to viewers arrives; nobody
// else gets it.
func (p *Peers) Purge(what *Purging) (objects, nodes int) {
	all := p.AskAll(&Query{Purge: what})
	for _, r := range all {
		objects += r.Purged
	}
	return objects, len(all)
}

// Refusal is the refusal of an id, if it was one of the last on this node, or on
// one of the others that answer.
func (p *Peers) Refusal(id string) (Refusal, bool) {
	q := &Query{Refusal: id}
	if r := p.Self(q); r.Refusal != nil {
		return *r.Refusal, true
	}
	for _, r := range p.askOthers(q) {
		if r.Refusal != nil && r.Refusal.ID == id {
			return *r.Refusal, true
		}
	}
	return Refusal{}, false
}
