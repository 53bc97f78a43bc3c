package cache

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
)

// outcome is what a fetch is for those who wait for it.
type outcome uint8

const (
	undecided outcome = iota
	shared            // all who wait read its object
	alone             // who leads it reads its object, which is too large for more
	again             // all of them ask on their own
	renewed           // the stale object is good again, with the new header
	failed            // nobody gets an answer
)

// fetch is one request to the origin for everybody who asks for the same at the
// same time. It does not belong to any of them: whoever leaves leaves the others
// what they wait for.
type fetch struct {
	store *store
	key   key
	asked time.Time
	stale *object // that the origin is asked to validate
	body  *body
	ttl   time.Duration
	log   *zap.Logger

	ctx    context.Context
	cancel context.CancelFunc

	touched atomic.Int64 // when the last news came, in nanoseconds since the process began

	// What follows is under the store's lock.
	invalidated bool        // what it brings is not stored
	needed      bool        // it goes on though nobody waits for it
	unattended  *time.Timer // it ends it; nil as long as somebody waits for it

	// What follows is written before decided is closed, by the one goroutine that
	// fetches.
	decided chan struct{}
	outcome outcome
	object  *object
	err     error

	keeps  bool // it is to be stored when it is complete
	header http.Header
}

func newFetch(s *store, k key, now time.Time, stale *object) *fetch {
	f := &fetch{
		store: s, key: k, asked: now, stale: stale, header: make(http.Header), decided: make(chan struct{}),
	}
	f.body = newBody(&s.room, s.most)
	f.touch(now)
	return f
}

var began = time.Now()

func (f *fetch) touch(now time.Time) { f.touched.Store(int64(now.Sub(began))) }

// silent is for how long a fetch has brought nothing.
func (f *fetch) silent(now time.Time) time.Duration {
	return now.Sub(began) - time.Duration(f.touched.Load())
}

// leave is the end of having joined a fetch. One that nobody waits for any more goes on
// for a while, if it is one of few: what one viewer has asked for, the next one may want.
func (f *fetch) leave() {
	if !f.body.letGo() {
		return
	}
	s := f.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, running := s.fetches[f]; !running || f.body.holders.Load() > 0 || f.unattended != nil {
		return
	}
	if f.isDecided() && !f.keeps || !s.leaveAlone(f) {
		s.abandon(f)
	}
}

func (f *fetch) isDecided() bool {
	select {
	case <-f.decided:
		return true
	default:
		return false
	}
}

// isOver reports whether what a fetch brings is that something is not there, and that is
// not fresh any more: who comes now may find it.
func (f *fetch) isOver(now time.Time) bool {
	return f.isDecided() && f.object != nil && f.object.missing() && !f.object.fresh(now)
}

// run asks the origin.
func (f *fetch) run(r *http.Request, next caddyhttp.Handler) {
	defer f.cancel()
	defer f.land()
	defer func() {
		switch p := recover(); {
		case p == nil:
		case p == any(http.ErrAbortHandler):
			f.fail(errBrokeOff)
		default:
			f.log.Error("a request failed below the cache", zap.Any("panic", p), zap.StackSkip("stack", 1))
			f.fail(errBelow)
		}
	}()
	err := next.ServeHTTP(f, r)
	if err == nil && f.outcome == undecided {
		err = errNoAnswer
	}
	if err != nil {
		f.fail(err)
		return
	}
	f.body.end(f.ctx.Err())
}

var (
	errBelow    = caddyhttp.Error(http.StatusInternalServerError, errors.New("a handler below the cache failed"))
	errNoAnswer = caddyhttp.Error(http.StatusBadGateway, errors.New("nothing below the cache answered; is there a reverse_proxy?"))
)

// fail ends the fetch without a complete answer.
func (f *fetch) fail(err error) {
	f.body.end(err)
	if f.outcome != undecided {
		return
	}
	if errors.Is(err, errBrokeOff) {
		err = caddyhttp.Error(http.StatusBadGateway, errBrokeOff)
	}
	f.err = err
	f.decide(failed)
}

// land ends the fetch, and stores what is complete.
func (f *fetch) land() {
	s := f.store
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(f)
	s.attend(f)
	delete(s.fetches, f)
	keep := f.keeps && !f.invalidated && f.body.ended && f.body.err == nil && !f.body.window
	f.count(keep)
	if keep {
		s.put(f.key, f.object)
		return
	}
	f.body.leaveStore()
}

// Header implements [http.ResponseWriter].
func (f *fetch) Header() http.Header { return f.header }

// WriteHeader decides what becomes of the answer, for all who wait.
func (f *fetch) WriteHeader(status int) {
	if f.outcome != undecided || status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
		return
	}
	now := time.Now()
	f.touch(now)
	if status == http.StatusNotModified && f.stale != nil {
		f.renew(now)
		return
	}
	a := answer{status: status, header: f.header, asked: f.asked, now: now, ttl: f.ttl, key: &f.key}
	j := a.judge()
	f.object = newObject(status, f.header, j, now, f.body)
	if j.use == useAgain {
		f.pass(again)
		return
	}
	f.share(&j)
}

// pass leaves the answer to who leads, or to nobody. The next ones go alone from
// the start, for a while.
func (f *fetch) pass(o outcome) {
	s := f.store
	s.mu.Lock()
	s.remove(f)
	if !f.invalidated {
		s.put(f.key, &object{kind: uncached, brief: f.object.status >= http.StatusBadRequest && !denies(f.object.status)})
	}
	s.mu.Unlock()
	f.decide(o)
	if o == again {
		f.cancel()
	}
}

// notKept is how much may be kept of an answer that is not stored, and whose
// length is not known: enough for a segment, and little of an endless stream.
const notKept = maxLag

// share gives the answer to all who wait, and to later ones where it stays fresh.
func (f *fetch) share(j *judged) {
	s := f.store
	length := contentLength(f.header)
	s.mu.Lock()
	most := s.most
	f.keeps = j.use == useStored
	if !f.keeps && length < 0 {
		most = notKept
		if f.body.holders.Load() <= 1 {
			most = 0
		}
	}
	kept := f.body.begin(length, most)
	switch {
	case !kept && length > 0:
		f.keeps = false
		s.mu.Unlock()
		f.pass(alone) // it is too large
		return
	case !kept:
		f.keeps = false
		s.remove(f)
	case !f.keeps || !f.object.fresh(f.object.came):
		s.remove(f) // those who wait get it, and nobody else
	}
	s.mu.Unlock()
	f.decide(shared)
	if !f.keeps && f.body.holders.Load() == 0 {
		f.cancel() // it is of no use to anybody
	}
}

// renew makes the stale object a new one, with what the origin says of it now
// (RFC 9111, section 4.3.4).
func (f *fetch) renew(now time.Time) {
	h := make(http.Header)
	for i := range f.stale.fields {
		h[f.stale.fields[i].name] = f.stale.fields[i].values
	}
	delete(h, "Age")
	delete(h, "Date")
	for name, values := range f.header {
		switch name {
		case "Content-Length", "Content-Encoding", "Content-Type", "Content-Range", "Etag":
		default:
			h[name] = values
		}
	}
	a := answer{status: http.StatusOK, header: h, asked: f.asked, now: now, ttl: f.ttl, key: &f.key}
	j := a.judge()
	f.object = newObject(http.StatusOK, h, j, now, f.stale.body)
	if told := f.header.Get("Etag"); told != "" && told != f.stale.etag || j.use < useShared {
		f.pass(again) // another one than was asked about, or no longer for everybody
		return
	}
	s := f.store
	s.mu.Lock()
	s.remove(f)
	if j.use == useStored && !f.invalidated {
		s.put(f.key, f.object)
	}
	s.mu.Unlock()
	f.decide(renewed)
}

func (f *fetch) decide(o outcome) {
	f.outcome = o
	close(f.decided)
}

// Write implements [http.ResponseWriter].
func (f *fetch) Write(p []byte) (int, error) {
	if f.outcome == undecided {
		f.WriteHeader(http.StatusOK)
	}
	switch f.outcome {
	case shared, alone:
	case renewed:
		return len(p), nil
	default:
		return 0, errAbandoned
	}
	f.touch(time.Now())
	narrowed, err := f.body.write(f.ctx, p)
	if narrowed {
		f.store.unlist(f)
	}
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// FlushError implements what [http.ResponseController] looks for. There is nothing
// to flush: readers see each byte when it has been written.
func (f *fetch) FlushError() error { return nil }

// Interface guards.
var _ http.ResponseWriter = (*fetch)(nil)
