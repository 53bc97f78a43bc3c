package edge

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/cluster"
	"github.com/playgate/playgate/module/internal/conns"
)

// track begins a response that is judged by a State.
func track(t testing.TB, s *State, deadline time.Time) (*conns.Running, context.Context) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	r := &conns.Running{Deadline: deadline, Subject: access.Subject{Org: "acme", Stream: "cam", TokenID: 1}}
	r.Start(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil), nil, cancel)
	s.Track(r, s.Changes.Count())
	return r, ctx
}

// await fails a test if something does not come true soon.
func await(t testing.TB, what string, true func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !true(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within 10s", what)
		}
	}
}

// references are those to the State of the process.
func references() int {
	n, _ := pool.References(poolKey)
	return n
}

// live are the bytes of the heap that are in use.
func live() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A State that has come and gone leaves nothing behind.
func TestNothingIsLeft(t *testing.T) {
	once := func() {
		s, c := Acquire(), &config{logger: zap.NewNop()}
		s.Start(c)
		s.Start(c) // does nothing more
		r, _ := track(t, s, time.Time{})
		s.RecordView(&r.Subject, netip.MustParseAddr("192.0.2.1"), true, time.Now())
		s.RecordRefusal(&cluster.Refusal{ID: "x", Reason: access.Expired})
		r.Release()
		s.Stop(c)
		s.Release()
	}
	goroutines := runtime.NumGoroutine()
	once()
	await(t, "the end", func() bool { return references() == 0 && runtime.NumGoroutine() <= goroutines })
	before := live()
	for range 1000 {
		once()
	}
	await(t, "the end of all goroutines", func() bool { return runtime.NumGoroutine() <= goroutines })
	if references() != 0 {
		t.Errorf("%d references are left", references())
	}
	if grown := live() - before; grown > 4<<20 {
		t.Errorf("%d bytes are left of a thousand", grown)
	}
}

// What is running keeps the State until it has ended, whoever has left. A
// configuration that comes back meanwhile finds it.
func TestRunningResponseKeepsTheState(t *testing.T) {
	s, c := Acquire(), &config{logger: zap.NewNop()}
	s.Start(c)
	r, _ := track(t, s, time.Time{})
	s.Stop(c)
	s.Release()
	if references() != 1 || s.ctx.Err() != nil {
		t.Fatalf("%d references while a response is running, %v", references(), s.ctx.Err())
	}
	again := Acquire()
	if again != s {
		t.Error("who comes back finds another State")
	}
	again.Start(c)
	again.Stop(c)
	again.Release()
	if references() != 1 || s.ctx.Err() != nil {
		t.Fatalf("%d references after it has left again, %v", references(), s.ctx.Err())
	}
	r.Release()
	if references() != 0 {
		t.Fatalf("%d references after the response", references())
	}
	await(t, "the end", func() bool { return s.ctx.Err() != nil })
	s.Close() // waits
	if other := Acquire(); other == s {
		t.Error("one that was closed comes back")
	} else {
		other.Release()
	}
}

// A configuration that has come back keeps the State beyond what was running.
func TestStateOfWhoHasComeBack(t *testing.T) {
	s := Acquire()
	r, _ := track(t, s, time.Time{})
	s.Release()
	back := Acquire()
	r.Release()
	if back != s || references() != 1 || s.ctx.Err() != nil {
		t.Errorf("%d references, %v", references(), s.ctx.Err())
	}
	back.Release()
	if references() != 0 {
		t.Errorf("%d references at the end", references())
	}
}

// What is running ends at its deadline, with a configuration or without, and also
// where nobody waits for it. To end it may be what closes the State.
func TestDeadlines(t *testing.T) {
	for name, begin := range map[string]func(s *State, c Config, deadline time.Time) context.Context{
		"running": func(s *State, c Config, deadline time.Time) context.Context {
			s.Start(c)
			_, ctx := track(t, s, deadline)
			return ctx
		},
		"left": func(s *State, c Config, deadline time.Time) context.Context {
			s.Start(c)
			r, ctx := track(t, s, deadline)
			s.Stop(c)
			s.Release()
			context.AfterFunc(ctx, r.Release)
			return ctx
		},
		"late": func(s *State, c Config, deadline time.Time) context.Context {
			s.Start(c)
			s.Stop(c)
			s.Release()
			s.Close()
			r, ctx := track(t, s, deadline)
			context.AfterFunc(ctx, r.Release)
			return ctx
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, c := Acquire(), &config{logger: zap.NewNop()}
			began := time.Now()
			ctx := begin(s, c, began.Add(200*time.Millisecond))
			select {
			case <-ctx.Done():
			case <-time.After(10 * time.Second):
				t.Fatal("it is still running")
			}
			if took := time.Since(began); took < 200*time.Millisecond || took > 1200*time.Millisecond {
				t.Errorf("it ended after %v", took)
			}
			if name == "running" {
				s.running.Each(func(r *conns.Running) { go r.Release() })
				s.Stop(c)
				s.Release()
			}
			await(t, "the end", func() bool { return references() == 0 && s.ctx.Err() != nil })
		})
	}
}

// The newest configuration judges what began under an older one, once it has
// lasted; one that fails judges nothing.
func TestTheNewestJudges(t *testing.T) { synctest.Test(t, testTheNewestJudges) }

func testTheNewestJudges(t *testing.T) { // in virtual time
	s := Acquire()
	defer s.Release()
	revoked := func(*access.Subject) access.Reason { return access.Revoked }
	good, bad := &config{logger: zap.NewNop()}, &config{logger: zap.NewNop(), ends: revoked}
	s.Start(good)
	r, ctx := track(t, s, time.Time{})
	defer r.Release()
	time.Sleep(2 * sweepEvery)
	s.Start(bad)
	time.Sleep(settling / 2)
	s.Stop(bad) // it has failed to start
	time.Sleep(settling + 2*sweepEvery)
	if ctx.Err() != nil {
		t.Fatal("it was cut by a configuration that failed")
	}
	s.Start(bad)
	s.Stop(good)
	await(t, "the cut", func() bool { return ctx.Err() != nil })
	if r.Reason() != string(access.Revoked) {
		t.Errorf("it was cut: %s", r.Reason())
	}
	s.Stop(bad)
}

// Configurations and responses may come and go in any order.
func TestStateRaces(t *testing.T) {
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 200 {
				s, c := Acquire(), &config{logger: zap.NewNop()}
				s.Start(c)
				r := new(conns.Running)
				s.Track(r, 0)
				all.Go(r.Release)
				s.Stop(c)
				s.Release()
			}
		})
	}
	all.Wait()
	await(t, "the end", func() bool { return references() == 0 })
}
