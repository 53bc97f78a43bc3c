package registry

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/kv"
	"github.com/playgate/playgate/module/token"
	"github.com/playgate/playgate/module/token/sessiontoken"
)

// history is a random history of conditions on a few values of two organisations, told
// to a view as a store would.
type history struct {
	*rand.Rand

	view     *View
	hasher   sessiontoken.Hasher
	all      []*Condition
	revision uint64
}

var historyBegin = time.Unix(1_900_000_000, 0)

func newHistory(t testing.TB, seed uint64) *history {
	t.Helper()
	h := &history{Rand: rand.New(rand.NewPCG(seed, 0)), view: newView(zap.NewNop())}
	h.view.Reset(nil)
	data, err := encode(&hashSecret{Secret: []byte("a secret that is long enough for it")})
	if err != nil {
		t.Fatal(err)
	}
	h.apply(hashesRecord, data)
	_, h.hasher = h.view.Sessions()
	return h
}

func (h *history) pick(list ...string) string { return list[h.IntN(len(list))] }

// around is a time within some seconds of the beginning, with or without a fraction.
func (h *history) around() time.Time {
	return historyBegin.Add(time.Duration(h.IntN(21)-10)*time.Second + []time.Duration{0, time.Millisecond, 500 * time.Millisecond, 999 * time.Millisecond}[h.IntN(4)])
}

func (h *history) apply(key string, value []byte) {
	h.revision++
	h.view.Apply(kv.Entry{Key: key, Value: value, Revision: h.revision, Deleted: value == nil})
}

// step adds a condition, removes one, or starts again from what the store has.
func (h *history) step(t *testing.T) {
	t.Helper()
	switch n := h.IntN(10); {
	case n == 0:
		entries := h.view.All()
		h.view = newView(zap.NewNop())
		h.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
		h.view.Reset(entries)
	case n < 4 && len(h.all) > 0:
		i := h.IntN(len(h.all))
		h.apply(h.all[i].key(), nil)
		h.all = slices.Delete(h.all, i, i+1)
	default:
		c := &Condition{
			Header: Header{Schema: conditionSchema}, ID: fmt.Sprintf("c%d", h.revision), Org: h.pick("acme", "beta"),
			Kind: h.pick(ConditionKinds...), Value: h.pick("a", "b"),
		}
		if c.Kind == byOrg {
			c.Value = ""
		}
		if c.Kind != byToken && h.IntN(3) > 0 {
			c.IssuedUntil = h.around()
		}
		if h.IntN(2) == 0 {
			c.From = h.around()
		}
		data, err := encode(c)
		if err != nil {
			t.Fatal(err)
		}
		h.apply(c.key(), data)
		h.all = append(h.all, c)
	}
}

// says is what a condition means, in the plainest words.
func says(c *Condition, g *token.Grant, stream string, at time.Time) bool {
	value := map[string]string{byToken: g.ID, byTag: g.Tag, byUser: g.Subject, byStream: stream, byOrg: ""}[c.Kind]
	issued := g.IssuedAt
	if issued == 0 {
		issued = g.Expires - 365*24*3600
	}
	return c.Org == g.Org && c.Value == value &&
		(c.From.IsZero() || !at.Before(c.From)) &&
		(c.IssuedUntil.IsZero() || issued <= c.IssuedUntil.Unix()+2)
}

// A token, and a session that began with it, is revoked at a time exactly when any
// condition says so, whatever was added, undone and read again before, and whatever the
// clock did; its status and what is told of it say the same.
func TestAnyConditionRevokes(t *testing.T) {
	revoked := 0
	for seed := range uint64(300) {
		h := newHistory(t, seed)
		for range 40 {
			h.step(t)
			g := &token.Grant{
				ID: h.pick("a", "b", "c"), Org: h.pick("acme", "beta"), Streams: []string{"a", "b", "c"}[:1+h.IntN(3)],
				Tag: h.pick("", "a", "b"), Subject: h.pick("", "a", "b"), IssuedAt: h.around().Unix(), Expires: historyBegin.Unix() + 3600,
			}
			if h.IntN(4) == 0 {
				g.IssuedAt, g.Expires = 0, h.around().Unix()+365*24*3600
			}
			at := h.around()
			all := true
			for _, stream := range g.Streams {
				want := slices.ContainsFunc(h.all, func(c *Condition) bool { return says(c, g, stream, at) })
				token := access.SubjectOf(g, stream, h.hasher)
				session := access.SubjectOfSession(&sessiontoken.Token{
					TokenID: token.TokenID, Tag: token.Tag, User: token.User, IssuedAt: g.IssuedSecond(), Expires: g.Expires,
				}, g.Org, stream, nil)
				for what, s := range map[string]access.Subject{"the token": token, "its session": session} {
					if got := h.view.Revoked(&s, at); got != want {
						t.Fatalf("seed %d: %s %+v at %v: revoked %t, by %d conditions", seed, what, s, at, got, len(h.all))
					}
				}
				all = all && want
				if want {
					revoked++
				}
			}
			r := &Revocations{&records{view: h.view}}
			record := &Token{
				Org: g.Org, ID: g.ID, Tag: g.Tag, User: g.Subject, Streams: g.Streams, IssuedAt: g.IssuedSecond(), Expires: time.Unix(g.Expires, 0),
			}
			if got := r.StatusOf(record, at) == StatusRevoked; got != all {
				t.Fatalf("seed %d: the status of %+v at %v: revoked %t", seed, record, at, got)
			}
			if c := r.Revoked(record); (c != nil && c.Holds(at)) != all {
				t.Fatalf("seed %d: %+v at %v is revoked by %+v", seed, record, at, c)
			}
		}
	}
	if revoked < 1000 {
		t.Errorf("only %d questions had a revoked token", revoked)
	}
}

// Many conditions on one value cost those who ask next to nothing.
func BenchmarkRevoked(b *testing.B) {
	for _, n := range []int{0, 1, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			h := newHistory(b, 1)
			for i := range n {
				c := &Condition{Header: Header{Schema: conditionSchema}, ID: fmt.Sprint(i), Org: "acme", Kind: byTag, Value: "a", IssuedUntil: historyBegin.Add(time.Duration(i) * time.Second)}
				data, err := encode(c)
				if err != nil {
					b.Fatal(err)
				}
				h.apply(c.key(), data)
			}
			s := access.SubjectOf(&token.Grant{ID: "t", Org: "acme", Tag: "a", IssuedAt: historyBegin.Unix() + 1<<20}, "cam", h.hasher)
			b.ReportAllocs()
			for b.Loop() {
				if h.view.Revoked(&s, historyBegin) {
					b.Fatal("revoked")
				}
			}
		})
	}
}
