package cache

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/playgate/playgate/module/internal/handoff"
)

// Who asks and leaves buys no more of the origin than a few fetches of an organisation:
// the others end at once, and another organisation has its own.
func TestFewFetchesGoOnForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newCache(t, 16<<20)
		var all []*steps
		leave := func(org string, n int) {
			s := newSteps("Cache-Control: max-age=60")
			r := ask(http.MethodGet, fmt.Sprintf("%sseg%d.m4s", cam1, n))
			handoff.TargetOf(r.Context()).Org = org
			c, v := begin(h, s, r)
			c.wait(v)
			s.next <- "abc"
			c.expect(t, "abc")
			c.leave()
			synctest.Wait()
			all = append(all, s)
		}
		going := func() (n int) {
			for _, s := range all {
				if !s.ended.Load() {
					n++
				}
			}
			return n
		}
		for i := range 40 {
			leave("acme", i)
		}
		if n := going(); n != maxUnattended {
			t.Errorf("%d of 40 go on", n)
		}
		leave("other", 0)
		if n := going(); n != maxUnattended+1 {
			t.Errorf("another organisation has none")
		}
		// One who comes joins what goes on, and makes room.
		c, v := begin(h, all[0], ask(http.MethodGet, cam1+"seg0.m4s"))
		c.wait(v)
		c.expect(t, "abc")
		leave("acme", 100)
		if n := going(); n != maxUnattended+2 {
			t.Errorf("%d go on", n)
		}
		time.Sleep(linger + time.Second)
		if n := going(); n != 1 {
			t.Errorf("later %d go on", n)
		}
		close(all[0].next)
		if rest, err := io.ReadAll(c.body); err != nil || len(rest) != 0 {
			t.Errorf("who joined got %q, %v", rest, err)
		}
		synctest.Wait()
		if n := len(h.store.unattended); n != 0 {
			t.Errorf("%d organisations are still counted", n)
		}
		h.store.close()
	})
}

// Who comes when a fetch has just been given up has one of their own.
func TestAbandonedFetchesAreNotJoined(t *testing.T) {
	h, release := newCache(t, 16<<20), make(chan struct{})
	slow := &origin{answer: func(_ int, w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Cache-Control", "max-age=60")
		w.WriteHeader(http.StatusOK)
		<-release // whatever the cache wants
		return nil
	}}
	for i := range maxUnattended + 1 {
		c, v := begin(h, slow, ask(http.MethodGet, fmt.Sprintf("%sseg%d.m4s", cam1, i)))
		c.wait(v)
		c.leave()
		<-c.err
	}
	last := fmt.Sprintf("%sseg%d.m4s", cam1, maxUnattended)
	if w := get(t, h, says("Cache-Control: max-age=60"), last); bodyOf(w) != "answer 1" {
		t.Errorf("%d %q", w.Code, bodyOf(w))
	}
	close(release)
	settled(t, h)
}

// What has been served and has left the store takes no memory, however much came just
// before.
func TestServedBodiesAreNotHeld(t *testing.T) {
	const size = 4 << 20
	h := newCache(t, 64<<20)
	o := &origin{answer: func(_ int, w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Cache-Control", "max-age=60")
		w.Header().Set("Content-Length", fmt.Sprint(size))
		_, err := w.Write(make([]byte, size))
		return err
	}}
	heap := func() int64 {
		h.store.objects.CleanUp()
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	for i := range 100 {
		lines := []string{"Range: bytes=0-0"}
		if i%2 == 0 {
			lines = nil
		}
		if w := get(t, h, o, fmt.Sprintf("%sseg%d.m4s", cam1, i), lines...); w.Code != http.StatusOK && w.Code != http.StatusPartialContent {
			t.Fatal(w.Code)
		}
		settled(t, h)
	}
	if grown := heap() - before; grown > 64<<20 {
		t.Errorf("%d MiB are held", grown>>20)
	}
}

// That something is not there is told to nobody who comes when it may be there, however
// slowly its text comes.
func TestMissingIsNotJoinedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, o := newCache(t, 16<<20), &origin{}
		o.answer = func(n int, w http.ResponseWriter, _ *http.Request) error {
			if n > 1 {
				_, err := io.WriteString(w, "here")
				return err
			}
			w.WriteHeader(http.StatusNotFound)
			time.Sleep(3 * time.Second)
			_, err := io.WriteString(w, "not here")
			return err
		}
		got := make(chan int, 2)
		for range cap(got) {
			go func() { got <- get(t, h, o, seg).Code }()
			time.Sleep(missing / 2)
		}
		time.Sleep(missing)
		if w := get(t, h, o, seg); w.Code != http.StatusOK || bodyOf(w) != "here" {
			t.Errorf("%d %q", w.Code, bodyOf(w))
		}
		if a, b := <-got, <-got; a != http.StatusNotFound || b != a || o.count() != 2 {
			t.Errorf("%d %d after %d requests", a, b, o.count())
		}
		h.store.close()
	})
}

// An error that is for nobody else is not asked for twice by each who comes.
func TestErrorsForNobodyAreAskedOnce(t *testing.T) {
	for _, status := range []int{400, 404, 429, 503} {
		synctest.Test(t, func(t *testing.T) {
			h := newCache(t, 16<<20)
			o := &origin{answer: func(_ int, w http.ResponseWriter, _ *http.Request) error {
				w.Header().Set("Cache-Control", "no-store")
				w.WriteHeader(status)
				return nil
			}}
			for range 5 {
				if w := get(t, h, o, seg); w.Code != status {
					t.Errorf("%d instead of %d", w.Code, status)
				}
			}
			if n := o.count(); n != 6 {
				t.Errorf("%d: %d requests for 5 viewers", status, n)
			}
			time.Sleep(brieflyUncached + time.Second)
			o.answer = says("Cache-Control: max-age=60").answer
			for range 3 {
				get(t, h, o, seg)
			}
			if n := o.count(); n != 7 {
				t.Errorf("%d: %d requests, and what came later is for everybody", status, n)
			}
			h.store.close()
		})
	}
}

// What tracing adds is each request's own.
func TestTracesAreNobodysKey(t *testing.T) {
	h, o := newCache(t, 16<<20), says("Cache-Control: max-age=60")
	for i := range 3 {
		r := ask(http.MethodGet, seg)
		r.Header.Set("Traceparent", fmt.Sprintf("00-%032d-0000000000000001-01", i))
		r.Header.Set("Tracestate", fmt.Sprint("a=", i))
		if w := do(t, h, o, r); bodyOf(w) != "answer 1" {
			t.Errorf("%q", bodyOf(w))
		}
	}
	if h := o.last().Header; h.Get("Traceparent") != "" || h.Get("Tracestate") != "" {
		t.Errorf("the origin got %v", h)
	}
}

// A unit that is not known makes no range.
func TestRangesOfOtherUnits(t *testing.T) {
	h, o := newCache(t, 16<<20), says("Cache-Control: max-age=60")
	for range 2 {
		if w := get(t, h, o, seg, "Range: lines=1-2"); w.Code != http.StatusOK || bodyOf(w) != "answer 1" {
			t.Errorf("%d %q", w.Code, bodyOf(w))
		}
		settled(t, h)
	}
	if w := get(t, h, o, seg, "Range: bytes=1-2"); w.Code != http.StatusPartialContent || bodyOf(w) != "ns" {
		t.Errorf("%d %q", w.Code, bodyOf(w))
	}
}
