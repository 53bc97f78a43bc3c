package integration_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/playgate/playgate/integration/harness"
)

const open, present, undone = 0, 1, 2 // conditions: not answered yet, acknowledged, undo acknowledged

// entry is a condition in the plain set.
type entry struct {
	condition
	Future  bool
	Reason  string        // unique: a list shows the condition by it
	ahead   time.Duration // from the request to the beginning
	state   int
	undoing bool      // an undo was sent and is not answered
	at      time.Time // of the request; later, when the state was acknowledged
	heard   [3]bool   // the edges that have to know the state
}

// made is a token, and the edges that know its record.
type made struct {
	wanted
	Org   string
	known [3]bool
}

// concerns reports whether a condition, once it has begun, refuses a token for any of some streams.
func (s *entry) concerns(w *made, streams ...string) bool {
	return s.Org == w.Org && slices.ContainsFunc(streams, func(stream string) bool { return s.refuses(&w.wanted, stream, s.From) })
}

// fits reports whether an edge tells what was asked for. It tells no beginning that is past.
func (s *entry) fits(told *entry) bool {
	now, until := time.Now(), told.IssuedUntil
	return told.Org == s.Org && told.Kind == s.Kind && told.Value == s.Value && told.Future == s.Future &&
		(told.From.IsZero() && now.After(s.From) || s.ahead > 0 && !told.From.Before(s.From) && !told.From.After(now.Add(s.ahead))) &&
		until.IsZero() == (s.Future || s.Kind == "token") && (until.IsZero() || !until.Before(s.at.Truncate(time.Millisecond)))
}

func (s *entry) becomes(state int, edge int) {
	if s.state != state {
		s.heard = [3]bool{}
	}
	s.state, s.at, s.heard[edge], s.undoing = state, time.Now(), true, s.undoing && state == present
}

// plainSet is the model of three edges on three NATS nodes.
type plainSet struct {
	*fleet
	t               *testing.T
	random          *rand.Rand
	entries         []*entry
	tokens          []*made
	n               int            // operations
	counts          map[string]int // of answers about tokens
	dead            *harness.NATSNode
	running         sync.WaitGroup
	answers         chan func()
	pending         [3]int  // requests without an answer
	cut, down, calm [3]bool // edges; calm: undisturbed since all agreed
}

// fail ends the test with all that the plain set has.
func (m *plainSet) fail(format string, args ...any) {
	m.t.Helper()
	for _, s := range m.entries {
		m.t.Logf("%+v", *s)
	}
	m.t.Fatalf("operation %d at %v, cut off %v, down %v: %s", m.n, time.Now().UTC(), m.cut, m.down, fmt.Sprintf(format, args...))
}

// ask sends a request and waits a little for the answer. An error or a timeout says nothing.
func (m *plainSet) ask(i int, method, path string, in, out any, then func(status int)) {
	m.pending[i]++
	answered := false
	m.running.Go(func() {
		status := m.edges[i].api(m.t, method, path, in, out)
		m.answers <- func() {
			answered, m.pending[i] = true, m.pending[i]-1
			m.t.Logf("edge %d: %s %s %v: %d", i, method, path, in, status)
			if status > 0 && status < 500 {
				then(status)
			}
		}
	})
	harness.Eventually(500*time.Millisecond, func() bool { m.take(); return answered })
}

func (m *plainSet) take() {
	for len(m.answers) > 0 {
		(<-m.answers)()
	}
}

func (m *plainSet) pick(list ...string) string { return list[m.random.IntN(len(list))] }

// create makes a token. What the edge knows spares it, or says that it cannot be made.
func (m *plainSet) create(i int) {
	w, asked := &made{Org: m.pick("org1", "org1", "org1", "org2")}, time.Now()
	w.Streams = [][]string{{"cam1"}, {"cam2"}, {"cam1", "cam2"}}[m.random.IntN(3)]
	w.Tag, w.User = m.pick("red", "blue"), m.pick("ann", "bob")
	in := map[string]any{"org": w.Org, "streams": w.Streams, "tag": w.Tag, "user": w.User}
	m.ask(i, "POST", "tokens", in, w, func(status int) {
		if status == http.StatusCreated {
			var claims jwt.RegisteredClaims
			if _, _, err := jwt.NewParser().ParseUnverified(w.Token, &claims); err != nil || claims.IssuedAt == nil {
				m.t.Fatalf("iat of %+v: %v", claims, err)
			}
			w.iat, w.known[i] = claims.IssuedAt.Unix(), true
			m.tokens = append(m.tokens, w)
		}
		against := slices.ContainsFunc(m.entries, func(s *entry) bool {
			known := s.heard[i] && s.at.Before(asked)
			return s.concerns(w, w.Streams...) && (known && s.state == present && !s.undoing ||
				status != http.StatusCreated && s.Future && !(known && s.state == undone))
		})
		if against != (status == http.StatusUnprocessableEntity) {
			m.fail("edge %d makes %+v: %d", i, w, status)
		}
	})
}

// revoke adds a condition, or asks for one without meaning: that is refused, and no list has it.
func (m *plainSet) revoke(i int) {
	w := m.tokens[m.random.IntN(len(m.tokens))]
	s := &entry{Reason: "operation " + strconv.Itoa(m.n), Future: m.random.IntN(6) == 0, at: time.Now()}
	s.Org, s.Kind = w.Org, m.pick("token", "token", "token", "tag", "tag", "user", "user", "stream", "org")
	s.Value = map[string]string{"token": w.ID, "tag": w.Tag, "user": w.User, "stream": m.pick(w.Streams...)}[s.Kind]
	in := map[string]any{"org": s.Org, "kind": s.Kind, "future": s.Future, "reason": s.Reason}
	if s.Kind != "org" {
		in["value"] = s.Value
	}
	if m.random.IntN(3) == 0 {
		s.ahead = time.Duration(1000+m.random.IntN(3000)) * time.Millisecond
		in["from"], s.From = s.ahead.String(), s.at.Add(s.ahead).Truncate(time.Millisecond)
	}
	before, told := slices.DeleteFunc(slices.Clone(m.tokens), func(w *made) bool { return !w.known[i] }), new(entry)
	m.entries = append(m.entries, s)
	m.ask(i, "POST", "revocations", in, told, func(status int) {
		if (status == http.StatusUnprocessableEntity) != (s.Kind == "token" && s.Future) {
			m.fail("edge %d answers %+v with %d", i, s, status)
		}
		x, all := s, *s // which concerns tokens whenever they were issued
		if at := slices.IndexFunc(m.entries, func(x *entry) bool { return x.Reason == told.Reason }); at >= 0 {
			x = m.entries[at]
		}
		if status != http.StatusCreated || x != s && s.Kind == "token" && told.Org == s.Org && told.Value == s.Value && !told.From.After(time.Now().Add(s.ahead)) {
			m.entries = slices.DeleteFunc(m.entries, func(e *entry) bool { return e == s }) // refused, or said before
		} else if told.Reason != s.Reason || !s.fits(told) {
			m.fail("edge %d acknowledges %+v by %+v", i, s, told)
		}
		if status != http.StatusCreated {
			return
		}
		x.condition = told.condition
		x.becomes(present, i)
		for _, w := range before {
			if x == s && all.concerns(w, w.Streams...) && !s.concerns(w, w.Streams...) {
				m.fail("edge %d: %+v spares %+v, which was made before", i, s, w)
			}
		}
	})
}

// undo removes a condition, sometimes one that is gone already.
func (m *plainSet) undo(i int) {
	gone := m.random.IntN(8) == 0
	list := slices.DeleteFunc(slices.Clone(m.entries), func(s *entry) bool { return s.undoing || s.state == open || s.state == undone && !gone })
	if len(list) == 0 {
		return
	}
	s := list[m.random.IntN(len(list))]
	before, heard := s.state, s.heard[i]
	s.undoing = true
	m.ask(i, "DELETE", "revocations/"+s.Org+"/"+s.ID, nil, nil, func(status int) {
		if s.undoing = false; status == http.StatusNoContent && before == present {
			s.becomes(undone, i)
		} else if status != http.StatusConflict && (status != http.StatusNotFound || before == present && heard) {
			m.fail("edge %d answers an undo of %+v with %d", i, s, status)
		}
	})
}

// compare compares what an edge says of a token: active, or revoked for all of some streams.
func (m *plainSet) compare(i int, w *made, began time.Time, said string, streams ...string) {
	ended, may, must := time.Now(), true, true
	for _, stream := range streams {
		mayThis, mustThis := false, false
		for _, s := range m.entries {
			if s.concerns(w, stream) {
				known := s.heard[i] || m.calm[i] && s.state != open && began.Sub(s.at) > convergesWithin
				mayThis = mayThis || !ended.Before(s.From) && (s.state != undone || !known)
				mustThis = mustThis || s.state == present && !s.undoing && known && (s.From.IsZero() || began.Sub(s.From) > time.Second)
			}
		}
		may, must = may && mayThis, must && mustThis
	}
	if m.counts[said]++; (said != "revoked" || !may) && (said != "active" && said != "200 OK" || must) {
		m.fail("edge %d says that %+v is %s for %v: may it be revoked: %t, has it to: %t", i, w, said, streams, may, must)
	}
}

// judge compares what edges answer to all tokens with the plain set.
func (m *plainSet) judge(edges ...int) {
	for _, i := range edges {
		for _, w := range m.tokens {
			for _, stream := range w.Streams {
				if m.down[i] {
					continue
				}
				began := time.Now()
				response, err := edgeClient.Get(m.edges[i].Plain() + "/live/" + w.Org + "/" + stream + "/seg.ts?token=" + w.Token)
				if err != nil {
					m.fail("edge %d: %v", i, err)
				}
				p := problem{Reason: response.Status} // which it stays if the token plays
				_ = json.NewDecoder(response.Body).Decode(&p)
				response.Body.Close()
				m.compare(i, w, began, p.Reason, stream)
			}
		}
	}
}

// lists compares the lists of revocations with the plain set, which learns what it does not know.
func (m *plainSet) lists() error {
	var lists [3]struct{ Revocations []entry }
	for i, e := range m.edges {
		e.api(m.t, "GET", "revocations?limit=500", nil, &lists[i])
		if fmt.Sprint(lists[i]) != fmt.Sprint(lists[0]) {
			return fmt.Errorf("edge %d lists %+v, edge 0 %+v", i, lists[i], lists[0])
		}
	}
	list := make(map[string]entry)
	for _, s := range lists[0].Revocations {
		list[s.Reason] = s
	}
	for _, s := range m.entries {
		told, there := list[s.Reason]
		delete(list, s.Reason)
		switch {
		case there && s.state == open && s.fits(&told):
			s.condition = told.condition
			s.becomes(present, 0)
		case !there && s.state == present && s.undoing:
			s.becomes(undone, 0)
		case there != (s.state == present), there && fmt.Sprint(told.condition) != fmt.Sprint(s.condition):
			return fmt.Errorf("%+v is listed as %+v", s, told)
		}
		s.heard = [3]bool{true, true, true}
	}
	if len(list) > 0 {
		return fmt.Errorf("nobody has revoked %+v", list)
	}
	return nil
}

// disturb kills, cuts off or brings back an edge, or kills a NATS node.
func (m *plainSet) disturb(i, n int) {
	switch {
	case n == 0 && m.dead == nil:
		m.dead, m.calm = m.nats.Nodes[i], [3]bool{}
		m.dead.Kill()
	case n < 4 && m.down[i]:
		m.start(i)
	case n < 4 && m.down == [3]bool{}:
		m.edges[i].Kill()
		m.down[i], m.calm[i] = true, false
	case m.cut[i]:
		m.ways(i, (*harness.Relay).Heal)
		m.cut[i] = false
	case m.cut == [3]bool{}:
		m.ways(i, []func(*harness.Relay){(*harness.Relay).Swallow, (*harness.Relay).Reset}[n%2])
		m.cut[i], m.calm[i] = true, false
	}
	m.t.Logf("down %v, cut off %v, NATS node killed: %t", m.down, m.cut, m.dead != nil)
}

func (m *plainSet) ways(i int, do func(*harness.Relay)) {
	for _, way := range m.edges[i].ways {
		do(way)
	}
}

func (m *plainSet) start(i int) {
	m.edges[i].Start()
	harness.Wait(m.t, "the edge to be ready again", func() bool { return m.edges[i].status("/readyz") == http.StatusOK })
	m.down[i] = false
}

// settle brings everything back, and waits until all edges say the same as the plain set.
func (m *plainSet) settle() {
	for i := range m.edges {
		if m.ways(i, (*harness.Relay).Heal); m.down[i] {
			m.start(i)
		}
	}
	m.nats.Start()
	m.cut, m.dead = [3]bool{}, nil
	healed := time.Now()
	harness.Wait(m.t, "all answers", func() bool { m.take(); return m.pending == [3]int{} })
	for _, e := range m.edges {
		harness.Wait(m.t, "a heartbeat", func() bool { s := e.staleness(m.t); return s >= 0 && s < time.Since(healed).Seconds() })
	}
	back, err := time.Now(), error(nil)
	harness.Eventually(harness.Deadline, func() bool { err = m.lists(); return err == nil })
	if took := time.Since(back); err != nil || took > convergesWithin {
		m.fail("the edges agree %v after all are connected: %v", took, err)
	}
	m.t.Logf("all agree %v after all are connected, %v after healing", time.Since(back), time.Since(healed))
	m.judge(0, 1, 2)
	m.calm = [3]bool{true, true, true}
	for i, e := range m.edges {
		for _, w := range m.tokens {
			w.known[i] = true
			kept, began := struct{ Status string }{}, time.Now()
			harness.Wait(m.t, "a record", func() bool { return e.api(m.t, "GET", "tokens/"+w.ID+"?org="+w.Org, nil, &kept) == http.StatusOK })
			m.compare(i, w, began, kept.Status, w.Streams...)
		}
	}
}

func (m *plainSet) operate() {
	m.n++
	i := m.random.IntN(3) - 1
	harness.Wait(m.t, "an edge that does not owe two answers", func() bool {
		m.take()
		i = (i + 1) % 3
		return !m.down[i] && m.pending[i] < 2
	})
	switch n := m.random.IntN(40); {
	case n < 9 || len(m.tokens) < 4:
		m.create(i)
	case n < 21:
		m.revoke(i)
		m.judge(i)
	case n < 28:
		m.undo(i)
		m.judge(i)
	case n < 37:
		m.disturb(m.random.IntN(3), m.random.IntN(8))
	default:
		harness.Wait(m.t, "what is planned to begin", func() bool {
			m.take()
			m.judge(0, 1, 2)
			return !slices.ContainsFunc(m.entries, func(s *entry) bool { return s.state == present && time.Since(s.From) < 1500*time.Millisecond })
		})
	}
}

// Whatever is revoked, planned, undone, killed and cut off at random: three edges lose nothing
// that they have acknowledged, and nothing begins or ends earlier or later than said.
func TestEdgesAgreeWithAPlainSet(t *testing.T) {
	t.Parallel()
	seed, err := strconv.ParseUint(cmp.Or(os.Getenv("PLAYGATE_SEED"), strconv.FormatUint(rand.Uint64(), 10)), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("PLAYGATE_SEED=%d", seed)
	f := &fleet{nats: harness.StartNATS(t, 3, "always"), origin: harness.NewOrigin(t, nil)}
	for range 3 {
		f.add(t, harness.Binary(t), strings.Replace(edgeSite, liveRule, liveRule+"\n\t\terrors verbose", 1))
		f.ready(t)
	}
	f.edges[0].do(t, "org", "create", "org1")
	f.edges[0].do(t, "org", "create", "org2")
	m := &plainSet{fleet: f, t: t, random: rand.New(rand.NewPCG(seed, 0)), answers: make(chan func(), 10), counts: make(map[string]int)}
	t.Cleanup(m.running.Wait)
	m.settle()
	for range 4 {
		for range 20 {
			m.operate()
		}
		m.settle()
	}
	f.everywhere(func(i int, e *edge) { e.Kill(); m.down[i] = true })
	f.nats.Nodes[m.random.IntN(3)].Kill()
	m.settle()
	t.Logf("%d tokens, %d conditions, answers: %v", len(m.tokens), len(m.entries), m.counts)
	if m.counts["200 OK"] < 100 || m.counts["revoked"] < 100 {
		t.Errorf("too few answers of one kind: %v", m.counts)
	}
}
