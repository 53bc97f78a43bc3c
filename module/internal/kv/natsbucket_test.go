package kv

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/kv/kvtest"
)

const testBucket = "test"

// storeOn is an open store on a server, with one bucket.
func storeOn(t *testing.T, n *kvtest.Server) (*Store, *NATSBucket) {
	t.Helper()
	s := NewStore(Settings{URLs: []string{n.URL()}}, zap.NewNop())
	b := s.Add(BucketSettings{Name: testBucket})
	if err := s.Connect(t.Context(), func() {}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	kvtest.Eventually(t, "the store", func() bool { return s.Open(t.Context()) == nil })
	return s, b
}

// openOne is an open bucket on a server of its own.
func openOne(t *testing.T) *NATSBucket {
	t.Helper()
	n := kvtest.New(t)
	n.Start(t)
	_, b := storeOn(t, n)
	return b
}

// follow follows a bucket until the test ends.
func follow(t *testing.T, b *NATSBucket) *Follower {
	t.Helper()
	f := NewFollower(b, zap.NewNop(), func([]Entry) {}, func(Entry) {})
	go f.Run(t.Context())
	return f
}

// A write whose answer did not arrive was done once, and is told as done.
func TestUnansweredWrites(t *testing.T) {
	b := openOne(t)
	unanswered := func(do func() error) func(context.Context) error {
		first := true
		return func(ctx context.Context) error {
			err := do()
			if first {
				first = false
				return context.DeadlineExceeded
			}
			return err
		}
	}
	key, value := "org.x", []byte("v")
	var revision uint64
	err := b.persist(t.Context(), unanswered(func() error { _, err := b.kv().Create(t.Context(), key, value); return err }),
		func(ctx context.Context) fate { return b.fateOf(ctx, key, value, 0, &revision) })
	if err != nil || revision == 0 {
		t.Errorf("a creation that was not answered: revision %d, %v", revision, err)
	}
	if _, err := b.Create(t.Context(), key, []byte("w")); !errors.Is(err, ErrExists) {
		t.Errorf("somebody else's: %v", err)
	}
	err = b.persist(t.Context(), unanswered(func() error { _, err := b.kv().Create(t.Context(), key, []byte("z")); return err }),
		func(ctx context.Context) fate { return b.fateOf(ctx, key, []byte("z"), 0, &revision) })
	if !errors.Is(err, ErrExists) {
		t.Errorf("one that was not answered, beside somebody else's: %v", err)
	}
}

// A write that is still on its way when it is tried again is waited for: the refusal of the
// second try is no answer to the first.
func TestWritesOnTheirWay(t *testing.T) {
	b := openOne(t)
	ctx := t.Context()
	first, err := b.Create(ctx, "org.y", []byte("a"))
	if err != nil {
		t.Fatal(err)
	}
	var revision uint64
	for name, tc := range map[string]struct {
		refusal error
		arrives func() error
		fate    func(context.Context) fate
	}{
		"creation": {jetstream.ErrKeyExists, func() error { _, err := b.kv().Create(ctx, "org.x", []byte("v")); return err },
			func(ctx context.Context) fate { return b.fateOf(ctx, "org.x", []byte("v"), 0, &revision) }},
		"change": {jetstream.ErrKeyRevisionMismatch, func() error { _, err := b.kv().Update(ctx, "org.y", []byte("b"), first); return err },
			func(ctx context.Context) fate { return b.fateOf(ctx, "org.y", []byte("b"), first, &revision) }},
	} {
		tries := 0
		err := b.persist(ctx, func(context.Context) error {
			switch tries++; tries {
			case 1:
				return context.DeadlineExceeded
			case 3: // only now the first is there
				if err := tc.arrives(); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			return tc.refusal
		}, tc.fate)
		if err != nil || tries != 3 {
			t.Errorf("%s: %v after %d tries", name, err, tries)
		}
	}
}

// A write that the servers refuse is told at once: to ask again leads to nothing.
func TestRefusedWrites(t *testing.T) {
	b := openOne(t)
	for _, size := range []int{MaxValue + 1<<10, 2 << 20} { // for the bucket, for the server
		began := time.Now()
		if _, err := b.Create(t.Context(), "org.x", make([]byte, size)); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%d bytes: %v", size, err)
		}
		if took := time.Since(began); took > WritePatience/2 {
			t.Errorf("it takes %v to refuse %d bytes", took, size)
		}
	}
}

// What a server cannot do now it may do soon; what it refuses it refuses for ever.
func TestFinalErrors(t *testing.T) {
	for err, want := range map[error]bool{
		&jetstream.APIError{Code: 400}: true, &jetstream.APIError{Code: 404}: true, nats.ErrMaxPayload: true, nats.ErrPermissionViolation: true,
		&jetstream.APIError{Code: 408}: false, &jetstream.APIError{Code: 503}: false, nats.ErrNoResponders: false, context.DeadlineExceeded: false, nats.ErrDisconnected: false,
	} {
		if got := final(translate(err)); got != want {
			t.Errorf("%v is final: %v", err, got)
		}
	}
}

// What is kept of tokens is read on where the bucket has all of it, and else anew.
func TestBucketSetBack(t *testing.T) {
	n := kvtest.New(t)
	n.Start(t)
	s, b := storeOn(t, n)
	if _, err := b.Create(t.Context(), "a", nil); err != nil {
		t.Fatal(err)
	}
	now, err := b.Extent(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f := SameAs(b)
	for after, want := range map[uint64]bool{0: true, now.Last: true, now.Last + 1: false} {
		if same, err := f(t.Context(), after); same != want || err != nil {
			t.Errorf("after %d of %d: %v, %v", after, now.Last, same, err)
		}
	}

	// One that was made anew is another, also when it has come further.
	bucket := b.open.Load()
	if err := bucket.js.DeleteKeyValue(t.Context(), bucket.kv.Bucket()); err != nil {
		t.Fatal(err)
	}
	// The server may still be removing the files of the old one.
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		err := s.Open(t.Context())
		if err == nil {
			break
		}
		if time.Since(begun) > 10*time.Second {
			t.Fatal(err)
		}
	}
	for i := range now.Last + 1 {
		if _, err := b.Create(t.Context(), fmt.Sprintf("x.%d", i), nil); err != nil {
			t.Fatal(err)
		}
	}
	if same, err := f(t.Context(), now.Last); same || err != nil {
		t.Errorf("one that was made anew: %v, %v", same, err)
	}
	if same, err := f(t.Context(), now.Last); !same || err != nil {
		t.Errorf("the new one, once it is known: %v, %v", same, err)
	}
}

// Consumers that nobody listens to are removed, of this node and of others; those
// that somebody listens to are not, nor what is not ours.
func TestTidyWatchers(t *testing.T) {
	n := kvtest.New(t)
	n.Start(t)
	_, a := storeOn(t, n)
	_, b := storeOn(t, n)
	followed, following := follow(t, a), follow(t, b)
	kvtest.Eventually(t, "the views", func() bool { return followed.CaughtUp() && following.CaughtUp() })
	stream, err := a.open.Load().js.Stream(t.Context(), streamOf(testBucket))
	if err != nil {
		t.Fatal(err)
	}
	names := func() (list []string) {
		all := stream.ConsumerNames(t.Context())
		for name := range all.Name() {
			list = append(list, name)
		}
		return list
	}
	watching := names()
	for _, name := range []string{a.watchers.prefix + "lost", watcherPrefix + "died-1", "somebody-else"} {
		if _, err := stream.CreatePushConsumer(t.Context(), jetstream.ConsumerConfig{
			Name: name, DeliverSubject: nats.NewInbox(), AckPolicy: jetstream.AckNonePolicy, InactiveThreshold: time.Hour,
		}); err != nil {
			t.Fatal(err)
		}
	}
	kvtest.Eventually(t, "what nobody listens to to be removed", func() bool {
		if err := a.TidyWatchers(t.Context()); err != nil {
			t.Fatal(err)
		}
		return len(names()) == len(watching)+1
	})
	for _, name := range append(watching, "somebody-else") {
		if !slices.Contains(names(), name) {
			t.Errorf("%s was removed", name)
		}
	}
	revision, err := a.Create(t.Context(), "x", nil)
	if err != nil {
		t.Fatal(err)
	}
	kvtest.Eventually(t, "the other node to follow", func() bool { return following.Position() >= revision })
}
