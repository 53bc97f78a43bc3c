package kv

import (
	"errors"
	"slices"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// delivered is a message as a consumer delivers it; seq 0 has no place in the order.
type delivered struct {
	jetstream.Msg
	seq, pending uint64
	header       nats.Header
}

func (d delivered) Metadata() (*jetstream.MsgMetadata, error) {
	if d.seq == 0 {
		return nil, errors.New("no metadata")
	}
	return &jetstream.MsgMetadata{Sequence: jetstream.SequencePair{Consumer: d.seq, Stream: 100 + d.seq}, NumPending: d.pending}, nil
}

func (d delivered) Subject() string      { return "$KV.playgate.org.a" }
func (d delivered) Data() []byte         { return []byte("v") }
func (d delivered) Headers() nats.Header { return d.header }

// A watch that has lost a message ends, so that its follower begins another one
// where it was.
func TestWatchThatLostAMessage(t *testing.T) {
	for _, lost := range []delivered{{seq: 4}, {seq: 2}, {seq: 0}} {
		w := &watch{prefix: "$KV.playgate.", pending: 2, entries: make(chan Entry, 8), ended: make(chan struct{})}
		w.take(t.Context(), delivered{seq: 1, pending: 1})
		w.take(t.Context(), delivered{seq: 2, header: nats.Header{"KV-Operation": {"DEL"}}})
		select {
		case <-w.ended:
			t.Fatal("it ends while nothing is lost")
		default:
		}
		w.take(t.Context(), lost)
		select {
		case <-w.ended:
		default:
			t.Errorf("after message 2, message %d does not end it", lost.seq)
		}
		close(w.over())
		var got []Entry
		for e := range w.entries {
			got = append(got, e)
		}
		if len(got) != 3 || got[0].Key != "org.a" || got[0].Revision != 101 || got[0].Deleted || !got[1].Deleted || got[2].Key != "" {
			t.Errorf("it has sent %+v", got)
		}
	}
}

// A watch that goes on brings what came next, and nothing that was there before.
func TestWatchThatGoesOn(t *testing.T) {
	b := openOne(t)
	var revisions []uint64
	for _, key := range []string{"org.a", "org.b", "org.c"} {
		revision, err := b.Create(t.Context(), key, []byte("v"))
		if err != nil {
			t.Fatal(err)
		}
		revisions = append(revisions, revision)
	}
	entries, err := b.Watch(t.Context(), revisions[0])
	if err != nil {
		t.Fatal(err)
	}
	var got []uint64
	for e := range entries {
		if e.Key == "" {
			break
		}
		got = append(got, e.Revision)
	}
	if !slices.Equal(got, revisions[1:]) {
		t.Errorf("after %d it has brought %v instead of %v", revisions[0], got, revisions[1:])
	}
}
