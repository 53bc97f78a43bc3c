package cache

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/playgate/playgate/module/internal/handoff"
)

// client is a viewer whose answer is read as it comes.
type client struct {
	status int
	header http.Header
	body   *io.PipeReader
	leave  context.CancelFunc
	err    chan error // of the handler
	by     *visitor
}

// visitor is a response writer that hands on what it gets, as fast as its reader
// takes it.
type visitor struct {
	h     http.Header
	begun chan int
	once  sync.Once
	to    *io.PipeWriter

	interrupted atomic.Bool
}

func (v *visitor) Header() http.Header    { return v.h }
func (v *visitor) WriteHeader(status int) { v.once.Do(func() { v.begun <- status }) }
func (v *visitor) FlushError() error      { return nil }
func (v *visitor) SetWriteDeadline(time.Time) error {
	defer v.interrupted.Store(true)
	return v.to.CloseWithError(os.ErrDeadlineExceeded)
}
func (v *visitor) Write(p []byte) (int, error) {
	v.WriteHeader(http.StatusOK)
	return v.to.Write(p)
}

// begin sends a request; the answer comes with [client.wait].
func begin(h *Handler, o caddyhttp.Handler, r *http.Request) (*client, *visitor) {
	ctx, leave := context.WithCancel(r.Context())
	from, to := io.Pipe()
	v := &visitor{h: make(http.Header), begun: make(chan int, 1), to: to}
	c := &client{header: v.h, body: from, leave: func() { leave(); from.CloseWithError(errors.New("left")) }, err: make(chan error, 1), by: v}
	go func() {
		err := serve(h, v, r.WithContext(ctx), o)
		v.once.Do(func() { v.begun <- 0 })
		if err != nil {
			to.CloseWithError(err)
		} else {
			to.Close()
		}
		c.err <- err
	}()
	return c, v
}

// serve turns the abort of a connection into an error.
func serve(h *Handler, w http.ResponseWriter, r *http.Request, o caddyhttp.Handler) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return h.ServeHTTP(w, r, o)
}

func (c *client) wait(v *visitor) *client {
	c.status = <-v.begun
	return c
}

// read returns the next bytes, as many as the text has that they should be.
func (c *client) expect(t *testing.T, text string) {
	t.Helper()
	got := make([]byte, len(text))
	if _, err := io.ReadFull(c.body, got); err != nil || string(got) != text {
		t.Fatalf("%q %v, want %q", got, err, text)
	}
}

// Every viewer gets each byte as soon as the origin has sent it, from one request,
// whenever it came; and who comes after the end gets all at once.
func TestViewersGetBytesAsTheyArrive(t *testing.T) {
	for _, lines := range [][]string{{"Cache-Control: max-age=60"}, {"Cache-Control: max-age=60", "Content-Length: 9"}} {
		h, o := newCache(t, 16<<20), newSteps(lines...)
		first := newViewer(h, o)
		o.next <- "abc"
		first.expect(t, "abc")
		second := newViewer(h, o)
		second.expect(t, "abc")
		o.next <- "def"
		first.expect(t, "def")
		second.expect(t, "def")
		third := newViewer(h, o)
		third.expect(t, "abcdef")
		o.next <- "ghi"
		close(o.next)
		for i, c := range []*client{first, second, third} {
			if rest, err := io.ReadAll(c.body); string(rest) != "ghi" || err != nil || c.status != http.StatusOK {
				t.Errorf("viewer %d: %q %v", i+1, rest, err)
			}
		}
		settled(t, h)
		if w := get(t, h, o, seg); bodyOf(w) != "abcdefghi" || o.count() != 1 {
			t.Errorf("%q after %d requests", bodyOf(w), o.count())
		}
		if got := second.header.Get("Cache-Status"); !strings.HasPrefix(got, "Playgate; fwd=uri-miss; collapsed") {
			t.Error(got)
		}
	}
}

func newViewer(h *Handler, o caddyhttp.Handler, lines ...string) *client {
	c, v := begin(h, o, ask(http.MethodGet, seg, lines...))
	return c.wait(v)
}

// A viewer who leaves, the first one too, does not end the fetch for others.
func TestLeaversEndNothing(t *testing.T) {
	h, o := newCache(t, 16<<20), newSteps("Cache-Control: max-age=60")
	leader := newViewer(h, o)
	o.next <- "abc"
	second := newViewer(h, o)
	leader.expect(t, "abc")
	leader.leave()
	if err := <-leader.err; err == nil {
		t.Error("the handler of one who left knows nothing of it")
	}
	o.next <- "def"
	second.expect(t, "abcdef")
	third := newViewer(h, o)
	second.leave()
	o.next <- "ghi"
	close(o.next)
	third.expect(t, "abcdefghi")
	settled(t, h)
	if w := get(t, h, o, seg); bodyOf(w) != "abcdefghi" || o.count() != 1 {
		t.Errorf("%q after %d requests", bodyOf(w), o.count())
	}
}

// What everybody has left is still fetched for a while, and then no longer. What
// would not be stored is given up at once.
func TestAbandonedFetches(t *testing.T) {
	for _, line := range []string{"Cache-Control: max-age=60", "Cache-Control: no-store", "X-None: 1"} {
		synctest.Test(t, func(t *testing.T) {
			h, o := newCache(t, 16<<20), newSteps(line)
			c := newViewer(h, o)
			o.next <- "abc"
			c.expect(t, "abc")
			c.leave()
			synctest.Wait()
			if stored := strings.Contains(line, "max-age"); stored == o.ended.Load() {
				t.Errorf("%s: the fetch has ended: %v", line, o.ended.Load())
			}
			time.Sleep(linger + time.Second)
			if !o.ended.Load() {
				t.Errorf("%s: the fetch goes on for nobody", line)
			}
			h.store.close()
		})
	}
}

// One who reads nothing slows nobody.
func TestSlowViewersSlowNobody(t *testing.T) {
	for _, lines := range [][]string{{"Cache-Control: max-age=60", fmt.Sprintf("Content-Length: %d", 1<<20)}, {"Cache-Control: max-age=60"}} {
		h := newCache(t, 64<<20)
		whole := bytes.Repeat([]byte("x"), 1<<20)
		o := says(lines...)
		o.answer = func(_ int, w http.ResponseWriter, _ *http.Request) error {
			for _, line := range lines {
				name, value, _ := strings.Cut(line, ": ")
				w.Header().Set(name, value)
			}
			_, err := w.Write(whole)
			return err
		}
		slow := newViewer(h, o)
		fast := newViewer(h, o)
		if got, err := io.ReadAll(fast.body); !bytes.Equal(got, whole) || err != nil {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		if got, err := io.ReadAll(slow.body); !bytes.Equal(got, whole) || err != nil {
			t.Errorf("the slow one: %d bytes, %v", len(got), err)
		}
		if o.count() != 1 {
			t.Errorf("%d requests", o.count())
		}
	}
}

// A fetch that fails fails for all who wait, before the answer as an error, in its
// midst as an answer that is not complete; and the next one tries again.
func TestFailedFetchesFailCleanly(t *testing.T) {
	t.Run("before", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := newCache(t, 16<<20)
			o := &origin{answer: func(int, http.ResponseWriter, *http.Request) error {
				time.Sleep(time.Second)
				return caddyhttp.Error(http.StatusBadGateway, errors.New("refused"))
			}}
			got := make(chan int, 20)
			for range cap(got) {
				go func() { got <- get(t, h, o, seg).Code }()
			}
			for range cap(got) {
				if code := <-got; code != http.StatusBadGateway {
					t.Errorf("%d", code)
				}
			}
			if o.count() != 1 {
				t.Errorf("%d requests", o.count())
			}
			h.store.close()
		})
	})
	t.Run("amid", func(t *testing.T) {
		h, o := newCache(t, 16<<20), newSteps("Cache-Control: max-age=60")
		all := []*client{newViewer(h, o)}
		o.next <- "abc"
		all = append(all, newViewer(h, o), newViewer(h, o))
		o.next <- errors.New("reset")
		for i, c := range all {
			if got, err := io.ReadAll(c.body); string(got) != "abc" || err == nil {
				t.Errorf("viewer %d: %q, %v", i, got, err)
			}
		}
		settled(t, h)
		if w := get(t, h, says(), seg); bodyOf(w) != "answer 1" {
			t.Errorf("the next one got %q", bodyOf(w))
		}
	})
}

// A dead connection to the origin is not everybody's: who comes when nothing has
// come for a while gets a fetch of its own.
func TestStalledFetchesAreNotJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, o := newCache(t, 16<<20), newSteps("Cache-Control: max-age=60")
		stuck := newViewer(h, o)
		o.next <- "abc"
		time.Sleep(stalled + time.Second)
		if w := get(t, h, says("Cache-Control: max-age=60"), seg); bodyOf(w) != "answer 1" {
			t.Errorf("%q", bodyOf(w))
		}
		synctest.Wait()
		// The old one comes back, and is not what is stored.
		close(o.next)
		stuck.expect(t, "abc")
		synctest.Wait()
		if w := get(t, h, o, seg); bodyOf(w) != "answer 1" {
			t.Errorf("then %q", bodyOf(w))
		}
		h.store.close()
	})
}

// An answer that may not be used later is given to those who were waiting for it,
// and to nobody else.
func TestWhatIsStaleAtOnceGoesToThoseWhoWait(t *testing.T) {
	for _, line := range []string{"Cache-Control: no-cache", "Cache-Control: max-age=0", "X-None: 1"} {
		synctest.Test(t, func(t *testing.T) {
			h, o := newCache(t, 16<<20), says(line)
			answer := o.answer
			o.answer = func(n int, w http.ResponseWriter, r *http.Request) error {
				time.Sleep(time.Second)
				return answer(n, w, r)
			}
			got := make(chan string, 20)
			for range cap(got) {
				go func() { got <- bodyOf(get(t, h, o, seg)) }()
			}
			for range cap(got) {
				if body := <-got; body != "answer 1" {
					t.Errorf("%s: %q", line, body)
				}
			}
			if w := get(t, h, o, seg); bodyOf(w) != "answer 2" {
				t.Errorf("%s: a later one got %q", line, bodyOf(w))
			}
			h.store.close()
		})
	}
}

// Nor to who comes while it is on its way.
func TestWhatIsStaleAtOnceIsNotJoined(t *testing.T) {
	for _, lines := range [][]string{{"Cache-Control: no-cache"}, {"Cache-Control: max-age=0", "Etag: \"1\""}, {"X-None: 1", "Content-Length: 6"}} {
		h, o := newCache(t, 16<<20), newSteps(lines...)
		first := newViewer(h, o)
		o.next <- "abc"
		first.expect(t, "abc")
		if w := get(t, h, says(), seg); bodyOf(w) != "answer 1" {
			t.Errorf("%v: a later one got %q", lines, bodyOf(w))
		}
		o.next <- "def"
		close(o.next)
		first.expect(t, "def")
	}
}

// A reader whose body has had to go learns it, also when all of it was there.
func TestDroppedReadersEnd(t *testing.T) {
	room := &budget{limit: 1 << 20}
	b := newBody(room, 1<<20)
	b.begin(-1, 1<<20)
	b.hold()
	if _, err := b.write(t.Context(), make([]byte, 600<<10)); err != nil {
		t.Fatal(err)
	}
	b.end(nil)
	r := b.read()
	defer r.close()
	if _, err := r.next(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	b.leaveStore()
	if room.inUse() < 600<<10 {
		t.Errorf("%d bytes are counted", room.inUse())
	}
	if !room.take(900 << 10) {
		t.Error("a reader holds the memory")
	}
	if _, err := r.next(t.Context(), nil); !errors.Is(err, errBehind) {
		t.Errorf("%v", err)
	}
	b.letGo()
	if room.inUse() != 900<<10 {
		t.Errorf("%d bytes are counted at the end", room.inUse())
	}
}

// One who reads what is stored too slowly loses it when it is not stored any more
// and there is no room.
func TestSlowReadersOfWhatIsStored(t *testing.T) {
	h := newCache(t, 16<<20)
	whole := make([]byte, 1<<20)
	o := &origin{answer: func(_ int, w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Cache-Control", "max-age=60")
		_, err := w.Write(whole)
		return err
	}}
	get(t, h, o, seg)
	settled(t, h)
	for _, room := range []bool{true, false} {
		get(t, h, o, seg)
		settled(t, h)
		slow := newViewer(h, o) // it has read nothing of the first piece
		h.store.forget(func(*key) bool { return true })
		eventually(t, "it is counted", func() bool { return h.store.room.inUse() >= 1<<20 })
		if !room {
			all := h.store.room.limit
			if !h.store.room.take(all) {
				t.Fatal("one reader holds the memory")
			}
			defer h.store.room.give(all)
			eventually(t, "it is interrupted", slow.by.interrupted.Load)
		}
		got, err := io.ReadAll(slow.body)
		if room && (err != nil || len(got) != len(whole)) {
			t.Errorf("with room it got %d bytes, %v", len(got), err)
		}
		if !room && (err == nil || len(got) > maxPiece) {
			t.Errorf("without room it got %d bytes, %v", len(got), err)
		}
	}
}

// Who has a cookie gets what is being fetched for all.
func TestCookiesJoin(t *testing.T) {
	h, o := newCache(t, 16<<20), newSteps("Cache-Control: max-age=60")
	newViewer(h, o)
	o.next <- "abc"
	with := newViewer(h, o, "Cookie: a=b")
	close(o.next)
	with.expect(t, "abc")
	if o.count() != 1 {
		t.Errorf("%d requests", o.count())
	}
}

// A range of what is being fetched waits for its bytes alone.
func TestRangeOfWhatArrives(t *testing.T) {
	h, o := newCache(t, 16<<20), newSteps("Cache-Control: max-age=60", "Content-Length: 9")
	newViewer(h, o)
	o.next <- "abcdef"
	part := newViewer(h, o, "Range: bytes=2-4")
	if got, err := io.ReadAll(part.body); string(got) != "cde" || err != nil || part.status != http.StatusPartialContent {
		t.Errorf("%d %q %v", part.status, got, err)
	}
	later := newViewer(h, o, "Range: bytes=4-8")
	o.next <- "ghi"
	if got, err := io.ReadAll(later.body); string(got) != "efghi" || err != nil || later.header.Get("Content-Range") != "bytes 4-8/9" {
		t.Errorf("%q %v %v", got, err, later.header)
	}
	close(o.next)
	broken := newSteps("Cache-Control: max-age=60", "Content-Length: 9")
	h = newCache(t, 16<<20)
	newViewer(h, broken)
	cut := newViewer(h, broken, "Range: bytes=0-8")
	broken.next <- "abc"
	broken.next <- errors.New("reset")
	if got, err := io.ReadAll(cut.body); string(got) != "abc" || err == nil {
		t.Errorf("%q %v", got, err)
	}
}

// A purge during a fetch: who reads reads on, who comes later asks the origin, and
// what was on its way is not stored.
func TestPurgeDuringAFetch(t *testing.T) {
	h, o := newCache(t, 16<<20), newSteps("Cache-Control: max-age=60")
	before := newViewer(h, o)
	o.next <- "old "
	if n := h.store.forget(func(k *key) bool { return k.stream == "cam1" }); n != 1 {
		t.Errorf("%d", n)
	}
	newer := says("Cache-Control: max-age=60")
	if w := get(t, h, newer, seg); bodyOf(w) != "answer 1" {
		t.Errorf("after the purge %q", bodyOf(w))
	}
	o.next <- "bytes"
	close(o.next)
	before.expect(t, "old bytes")
	settled(t, h)
	if w := get(t, h, newer, seg); bodyOf(w) != "answer 1" || newer.count() != 1 {
		t.Errorf("then %q", bodyOf(w))
	}
}

// A purge while the origin is asked whether the old answer is still good does not
// bring it back.
func TestPurgeDuringARevalidation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newCache(t, 16<<20)
		o := &origin{answer: func(n int, w http.ResponseWriter, r *http.Request) error {
			w.Header().Set("Cache-Control", "max-age=1")
			w.Header().Set("Etag", `"1"`)
			if r.Header.Get("If-None-Match") != "" {
				time.Sleep(time.Second)
				w.WriteHeader(http.StatusNotModified)
				return nil
			}
			_, err := fmt.Fprintf(w, "answer %d", n)
			return err
		}}
		get(t, h, o, seg)
		time.Sleep(2 * time.Second)
		go get(t, h, o, seg)
		synctest.Wait()
		h.store.forget(func(*key) bool { return true })
		time.Sleep(2 * time.Second)
		if w := get(t, h, o, seg); bodyOf(w) != "answer 3" {
			t.Errorf("%q", bodyOf(w))
		}
		h.store.close()
	})
}

// An answer without an end costs little memory, whoever reads it, and ends with
// its readers.
func TestEndlessAnswers(t *testing.T) {
	h := newCache(t, 64<<20)
	var ended atomic.Bool
	var written atomic.Int64
	both := make(chan struct{})
	o := &origin{answer: func(_ int, w http.ResponseWriter, r *http.Request) error {
		defer ended.Store(true)
		w.Header().Set("Cache-Control", "max-age=3600")
		chunk := make([]byte, 32<<10)
		for i := range chunk {
			chunk[i] = byte(i)
		}
		for {
			n, err := w.Write(chunk)
			written.Add(int64(n))
			if err != nil {
				panic(http.ErrAbortHandler)
			}
			<-both
		}
	}}
	fast, slow := newViewer(h, o), newViewer(h, o)
	close(both)
	const much = 100 << 20
	if n, err := io.CopyN(io.Discard, fast.body, much); n != much || err != nil {
		t.Fatalf("%d %v", n, err)
	}
	// The slow one has read nothing all the while.
	if _, err := io.Copy(io.Discard, slow.body); err == nil {
		t.Error("the slow one got an end")
	}
	if used := h.store.room.inUse(); used > 16<<20 {
		t.Errorf("%d bytes are in use", used)
	}
	if ahead := written.Load() - much; ahead > 16<<20 {
		t.Errorf("the origin was read %d bytes ahead", ahead)
	}
	alone := newViewer(h, o)
	if o.count() != 2 {
		t.Errorf("one who came late is one of %d requests", o.count())
	}
	alone.leave()
	fast.leave()
	settled(t, h)
	if !ended.Load() {
		t.Error("the origin writes on")
	}
	if used := h.store.room.inUse(); used != 0 {
		t.Errorf("%d bytes are in use at the end", used)
	}
}

// Property: whatever viewers and origin do, and when, each viewer gets a prefix of
// one answer of the origin, all of it where no error is told, and nobody waits for
// ever. The origin is never asked by two at the same time, and nothing is left.
func TestCollapsingHoldsWhateverHappens(t *testing.T) {
	rounds := 300
	if testing.Short() {
		rounds = 50
	}
	for i := range rounds {
		seed := rand.Uint64()
		t.Run(fmt.Sprintf("%d", i), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { collapseRandomly(t, seed) })
			if t.Failed() {
				t.Logf("seed %d", seed)
			}
		})
		if t.Failed() {
			return
		}
	}
}

func collapseRandomly(t *testing.T, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 1))
	h := newCache(t, 16<<20)
	defer h.store.close()

	// The origin: answers of random size, in random pieces, some of which fail at a
	// random byte, with or without a length.
	length := random.IntN(300 << 10)
	announced, failing := random.IntN(2) == 0, random.IntN(3)
	lifetime := []string{"max-age=60", "no-cache", "max-age=1, stale-if-error=1"}[random.IntN(3)]
	var atOnce, most atomic.Int64
	content := func(n int) []byte { return bytes.Repeat([]byte(fmt.Sprintf("%07d\n", n)), length/8+1)[:length] }
	o := &origin{}
	o.answer = func(n int, w http.ResponseWriter, r *http.Request) error {
		most.Store(max(most.Load(), atOnce.Add(1)))
		defer atOnce.Add(-1)
		mine := rand.New(rand.NewPCG(seed, uint64(n+2)))
		time.Sleep(time.Duration(mine.IntN(500)) * time.Millisecond)
		fails := -1
		if failing > 0 && mine.IntN(failing+1) > 0 {
			fails = mine.IntN(length + 1)
		}
		if fails == 0 {
			return caddyhttp.Error(http.StatusBadGateway, errors.New("refused"))
		}
		w.Header().Set("Cache-Control", lifetime)
		w.Header().Set("X-Answer", fmt.Sprint(n))
		if announced {
			w.Header().Set("Content-Length", fmt.Sprint(length))
		}
		w.WriteHeader(http.StatusOK)
		for at, text := 0, content(n); at < length; {
			size := min(1+mine.IntN(40<<10), length-at)
			if fails >= 0 && at+size >= fails {
				size = fails - at
			}
			if _, err := w.Write(text[at : at+size]); err != nil {
				panic(http.ErrAbortHandler)
			}
			if at += size; at == fails {
				panic(http.ErrAbortHandler)
			}
			select {
			case <-time.After(time.Duration(mine.IntN(50)) * time.Millisecond):
			case <-r.Context().Done():
				panic(http.ErrAbortHandler)
			}
		}
		return nil
	}

	var all sync.WaitGroup
	for v := range 1 + random.IntN(20) {
		comes := time.Duration(random.IntN(1500)) * time.Millisecond
		leaves, pause := -1, time.Duration(random.IntN(20))*time.Millisecond
		if random.IntN(3) == 0 {
			leaves = random.IntN(length + 1)
		}
		var part []string
		if announced && random.IntN(5) == 0 {
			part = []string{fmt.Sprintf("Range: bytes=%d-", random.IntN(length+1))}
		}
		all.Go(func() {
			time.Sleep(comes)
			c, w := begin(h, o, ask(http.MethodGet, seg, part...))
			c.wait(w)
			var got []byte
			buf := make([]byte, 8<<10)
			for {
				n, err := c.body.Read(buf)
				got = append(got, buf[:n]...)
				if leaves >= 0 && len(got) >= leaves {
					c.leave()
					<-c.err
					return
				}
				if err != nil {
					checkAnswer(t, v, c, got, err, content, part)
					<-c.err
					return
				}
				time.Sleep(pause)
			}
		})
	}
	all.Wait()
	time.Sleep(linger + time.Minute)
	h.store.mu.Lock()
	fetches, open := len(h.store.fetches), len(h.store.open)
	h.store.mu.Unlock()
	if fetches != 0 || open != 0 || h.store.room.inUse() != 0 {
		t.Errorf("%d fetches, %d of them open, %d bytes are left", fetches, open, h.store.room.inUse())
	}
	if lifetime != "no-cache" && most.Load() > 1 {
		t.Errorf("%d requests at once", most.Load())
	}
	if lifetime == "max-age=60" && failing == 0 && o.count() != 1 {
		t.Errorf("%d requests", o.count())
	}
}

// checkAnswer compares what a viewer got with what the origin has sent.
func checkAnswer(t *testing.T, v int, c *client, got []byte, err error, content func(int) []byte, part []string) {
	if c.status == 0 || c.status == http.StatusRequestedRangeNotSatisfiable {
		return // an error, before the answer
	}
	var n int
	if _, err := fmt.Sscan(c.header.Get("X-Answer"), &n); err != nil {
		t.Errorf("viewer %d: no answer of the origin: %v", v, c.header)
		return
	}
	whole := content(n)
	if c.status == http.StatusPartialContent {
		var from int
		if _, err := fmt.Sscanf(part[0], "Range: bytes=%d-", &from); err != nil {
			t.Error(err)
		}
		whole = whole[from:]
	}
	switch {
	case !bytes.HasPrefix(whole, got):
		at := slices.IndexFunc(got, func(byte) bool { return true })
		t.Errorf("viewer %d: %d bytes that are not those of answer %d (from %d)", v, len(got), n, at)
	case errors.Is(err, io.EOF) && len(got) != len(whole):
		t.Errorf("viewer %d: %d of %d bytes, and no error", v, len(got), len(whole))
	}
}

// 200 viewers come to one cold object of a slow origin: one request, and the last
// one's first byte comes with the first one's.
func TestManyViewersOfAColdObject(t *testing.T) {
	h := newCache(t, 64<<20)
	gate := make(chan struct{})
	const size = 1 << 20
	o := &origin{answer: func(_ int, w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Cache-Control", "max-age=60")
		w.Header().Set("Content-Length", fmt.Sprint(size))
		for range 16 {
			if _, err := w.Write(make([]byte, size/16)); err != nil {
				return err
			}
			<-gate
		}
		return nil
	}}
	s := server(t, h, o)
	var begun, done sync.WaitGroup
	for range 200 {
		begun.Add(1)
		done.Go(func() {
			r, err := s.Client().Get(s.URL + "/live/acme/cam1/seg1.m4s")
			if err != nil {
				t.Error(err)
				begun.Done()
				return
			}
			defer r.Body.Close()
			body := bufio.NewReader(r.Body)
			_, err = body.ReadByte()
			begun.Done()
			rest, err2 := io.Copy(io.Discard, body)
			if err != nil || err2 != nil || rest != size-1 {
				t.Errorf("%v, %v, %d bytes", err, err2, rest)
			}
		})
	}
	begun.Wait() // each has a byte while the origin has not sent the second piece
	close(gate)
	done.Wait()
	if o.count() != 1 {
		t.Errorf("%d requests", o.count())
	}
}

// Under churn, with readers who hold on to what they began, the memory stays
// within the budget.
func TestMemoryStaysWithinTheBudget(t *testing.T) {
	const memory = 16 << 20
	h := newCache(t, memory)
	o := &origin{answer: func(n int, w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Cache-Control", "max-age=60")
		size := 50<<10 + n%7*(100<<10)
		if n%2 == 0 {
			w.Header().Set("Content-Length", fmt.Sprint(size))
		}
		_, err := w.Write(make([]byte, size))
		return err
	}}
	var stuck []*client
	defer func() {
		for _, c := range stuck {
			c.leave()
		}
	}()
	most := int64(0)
	for i := range 300 {
		url := fmt.Sprintf("%sseg%d.m4s", cam1, i)
		if i%4 == 0 {
			c, v := begin(h, o, ask(http.MethodGet, url))
			c.wait(v)
			stuck = append(stuck, c)
		} else if w := get(t, h, o, url); w.Code != http.StatusOK {
			t.Fatalf("%d", w.Code)
		}
		h.store.objects.CleanUp()
		most = max(most, int64(h.store.objects.WeightedSize())+h.store.room.inUse())
	}
	if most > memory {
		t.Errorf("%d bytes of %d", most, memory)
	}
	if most < memory/2 {
		t.Errorf("only %d bytes of %d were ever used", most, memory)
	}
}

// An origin that announces much and sends nothing holds no memory: it cannot keep
// others out of the cache.
func TestAnnouncedBytesTakeNoMemory(t *testing.T) {
	h := newCache(t, 16<<20)
	for i := range 10 {
		lame := newSteps("Cache-Control: max-age=60", "Content-Length: 2000000")
		c, v := begin(h, lame, ask(http.MethodGet, fmt.Sprintf("%slame%d", cam1, i)))
		c.wait(v)
		defer c.leave()
		lame.next <- "few bytes"
	}
	o := says("Cache-Control: max-age=60")
	get(t, h, o, seg)
	eventually(t, "it is stored", func() bool {
		return strings.HasPrefix(statusOf(get(t, h, o, seg)), "Playgate; hit")
	})
	if used := h.store.room.inUse(); used > 10*maxPiece {
		t.Errorf("%d bytes are in use", used)
	}
}

// What no gate has let through is never answered from the cache.
func TestRefusedRequestsNeverReachTheCache(t *testing.T) {
	h, o := newCache(t, 16<<20), says("Cache-Control: max-age=60")
	get(t, h, o, seg)
	settled(t, h)
	var nobody *handoff.Target
	for _, r := range []*http.Request{
		allowed(httptest.NewRequest(http.MethodGet, seg, nil), nil),
		allowed(httptest.NewRequest(http.MethodGet, seg, nil), nobody),
	} {
		if w := do(t, h, o, r); bodyOf(w) == "answer 1" {
			t.Errorf("%q %s", bodyOf(w), statusOf(w))
		}
	}
}
