package cluster

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/playgate/playgate/module/internal/access"
)

// others are nodes that answer what they are made to.
type others struct {
	answers []string
	asked   []string
}

func (o *others) Ask(question []byte) (answers [][]byte) {
	o.asked = append(o.asked, string(question))
	for _, text := range o.answers {
		answers = append(answers, []byte(text))
	}
	return answers
}

// Nodes of two neighbouring versions share one cluster: what they send does not
// change.
func TestFormat(t *testing.T) {
	for want, v := range map[string]any{
		`{}`: Query{},
		`{"streams":[{"org":"acme","stream":"cam"}],"tokens":[7],"ended":{"Org":"acme","Stream":"cam","TokenID":1,"Tag":2,"User":3,"Before":4},` +
			`"purge":{"org":"acme","stream":"cam","host":"h","path":"/p","query":"q","all":true,"owners":["acme"]},"refusal":"r","node":true}`: Query{
			Streams: []StreamName{{"acme", "cam"}}, Tokens: []uint64{7},
			Ended:   &access.Selection{Org: "acme", Stream: "cam", TokenID: 1, Tag: 2, User: 3, Before: 4},
			Purge:   &Purging{Org: "acme", Stream: "cam", Host: "h", Path: "/p", Query: "q", All: true, Owners: []string{"acme"}},
			Refusal: "r", Node: true,
		},
		`{"streams":[1],"tokens":[{"viewers":2,"used":3}],"viewers":4,"on":[5],"purged":6,` +
			`"refusal":{"id":"i","at":"1970-01-01T00:00:00Z","reason":"expired","org":"acme","stream":"cam","token_id":"t","token_org":"o"},` +
			`"node":{"name":"n","version":"v","position":7,"stale":8,"ready":true,"viewers":9,"revoked":10}}`: Reply{
			Streams: []int{1}, Tokens: []TokenOnNode{{2, 3}}, Viewers: 4, On: []uint64{5}, Purged: 6,
			Refusal: &Refusal{ID: "i", At: time.Unix(0, 0).UTC(), Reason: access.Expired, Org: "acme", Stream: "cam", TokenID: "t", TokenOrg: "o"},
			Node:    &Node{"n", "v", 7, 8, true, 9, 10},
		},
	} {
		if got, err := json.Marshal(v); err != nil || string(got) != want {
			t.Errorf("\n%s instead of\n%s, %v", got, want, err)
		}
	}
}

// Answers are summed up, whether or not a node knows all that it is asked for.
func TestPeers(t *testing.T) {
	o := &others{answers: []string{
		`{"streams":[1,2],"tokens":[{"viewers":1,"used":100}],"viewers":2,"on":[5,6],"purged":3,"node":{"name":"b"},"refusal":{"id":"x","reason":"expired"}}`,
		`{}`, `no answer`,
		`{"streams":[1,2,3],"tokens":[{"viewers":1,"used":50},{"viewers":1}],"viewers":1,"on":[6],"node":{"name":"a"}}`,
	}}
	p := &Peers{Others: o, Self: func(q *Query) (r Reply) {
		switch {
		case q.Streams != nil:
			r.Streams = []int{10, 20}
		case q.Tokens != nil:
			r.Tokens = []TokenOnNode{{5, 70}, {}}
		case q.Ended != nil:
			r.Viewers, r.On = 1, []uint64{7}
		case q.Purge != nil:
			r.Purged = 1
		case q.Refusal == "mine":
			r.Refusal = &Refusal{ID: "mine"}
		case q.Node:
			r.Node = &Node{Name: "c"}
		}
		return r
	}}
	if got := p.Watching([]StreamName{{"acme", "a"}, {"acme", "b"}}); !slices.Equal(got, []int{12, 24}) {
		t.Errorf("%v watch", got)
	}
	if got := p.Tokens([]uint64{1, 2}); !slices.Equal(got, []TokenOnNode{{7, 100}, {1, 0}}) {
		t.Errorf("the tokens are used as %v", got)
	}
	if viewers, streams := p.Ended(access.Selection{Org: "acme"}); viewers != 4 || streams != 3 {
		t.Errorf("%d viewers on %d streams are ended", viewers, streams)
	}
	if objects, nodes := p.Purge(&Purging{Org: "acme"}); objects != 4 || nodes != 4 {
		t.Errorf("%d objects on %d nodes are forgotten", objects, nodes)
	}
	var names []string
	for _, n := range p.Nodes() {
		names = append(names, n.Name)
	}
	if !slices.Equal(names, []string{"a", "b", "c"}) {
		t.Errorf("the nodes are %v", names)
	}
	asked := len(o.asked)
	if r, ok := p.Refusal("mine"); !ok || r.ID != "mine" || len(o.asked) != asked {
		t.Errorf("%v, %v after %v", r, ok, o.asked[asked:])
	}
	if r, ok := p.Refusal("x"); !ok || r.Reason != access.Expired {
		t.Errorf("%v, %v", r, ok)
	}
	if _, ok := p.Refusal("y"); ok {
		t.Error("a refusal of another id is found")
	}
	if p.Watching(nil); len(o.asked) != asked+2 {
		t.Error("nothing to ask is asked")
	}
	p.Others = nil
	if got := p.Nodes(); len(got) != 1 {
		t.Errorf("alone there are %d nodes", len(got))
	}
}

// What cannot be read gets no answer.
func TestAnswer(t *testing.T) {
	self := func(q *Query) Reply { return Reply{Purged: len(q.Tokens)} }
	for question, want := range map[string]string{"{}": "{}", `{"tokens":[1,2],"colour":"blue"}`: `{"purged":2}`, "no question": ""} {
		if got := string(Answer([]byte(question), self)); got != want {
			t.Errorf("%s: %q instead of %q", question, got, want)
		}
	}
}
