package cache

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/playgate/playgate/module/internal/handoff"
)

// lookup is one request on its way through the cache.
type lookup struct {
	h     *Handler
	w     http.ResponseWriter
	r     *http.Request
	next  caddyhttp.Handler
	key   key
	given given // by handlers of the site
	now   time.Time
	stale *object
	why   string // the request is forwarded, as a parameter of Cache-Status
}

// fetch gets the answer from the origin, together with all who want the same.
func (l *lookup) fetch() error {
	if len(l.r.Header["If-Match"]) > 0 || len(l.r.Header["If-Unmodified-Since"]) > 0 {
		return l.alone(l.why)
	}
	mayLead := l.r.Method == http.MethodGet // nobody fetches a whole to learn its header
	f, lead, o := l.h.store.join(l.key, l.now, mayLead, l.stale)
	switch {
	case o != nil && o.kind == uncached:
		return l.alone("fwd=miss; detail=uncacheable")
	case o != nil:
		requests.hit.Inc()
		return l.serve(o, "hit")
	case f == nil:
		return l.alone(l.why)
	}
	if lead {
		if err := f.begin(l); err != nil {
			return err
		}
	}
	return l.await(f, lead)
}

// begin starts the fetch.
func (f *fetch) begin(l *lookup) error {
	f.ttl, f.log = l.h.ttl(l.path()), l.h.logger
	server, _ := l.r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	r, err := f.request(server, l.given)
	if err != nil {
		f.ctx, f.cancel = context.WithCancel(context.Background())
		f.fail(err)
		f.land()
		return err
	}
	go f.run(r, l.next)
	return nil
}

// refresh asks the origin for what a stale object is served for meanwhile.
func (l *lookup) refresh(stale *object) {
	s := l.h.store
	f, lead, _ := s.join(l.key, l.now, true, stale)
	if f == nil {
		return
	}
	defer f.leave()
	if lead {
		s.mu.Lock()
		f.needed = stale != nil
		s.mu.Unlock()
		_ = f.begin(l) // it is in the log of the handler below
	}
}

// path is the public path.
func (l *lookup) path() string {
	path, _, _ := strings.Cut(l.key.uri, "?")
	return path
}

// await waits for the header of the answer, and serves it.
func (l *lookup) await(f *fetch, lead bool) error {
	defer f.leave()
	select {
	case <-f.decided:
	case <-l.r.Context().Done():
		return errLeft
	}
	if l.failed(f) && l.stale != nil && l.stale.onFailure(time.Now()) {
		requests.stale.Inc()
		return l.serve(l.stale, "fwd=stale; detail=stale-if-error")
	}
	switch f.outcome {
	case failed:
		requests.failed.Inc()
		return f.err
	case renewed:
		requests.renewed.Inc()
		return l.serve(f.object, l.why+"; fwd-status=304")
	case shared:
		return l.follow(f, lead)
	case alone:
		if lead {
			return l.follow(f, lead)
		}
	}
	return l.alone(l.why)
}

// failed reports whether the origin has not answered what was asked.
func (l *lookup) failed(f *fetch) bool {
	return f.outcome == failed || f.object != nil && f.object.status >= http.StatusInternalServerError && failure(f.object.status)
}

// follow serves what a fetch brings, as it comes.
func (l *lookup) follow(f *fetch, lead bool) error {
	how := l.why
	switch {
	case !lead:
		how += "; collapsed"
	case f.keeps:
		how += "; stored"
	}
	if lead {
		requests.miss.Inc()
	} else {
		requests.collapsed.Inc()
	}
	err := l.serve(f.object, how)
	if errors.Is(err, errGoAlone) {
		return l.alone(l.why)
	}
	return err
}

// alone asks the origin for this client alone.
func (l *lookup) alone(why string) error {
	requests.pass.Inc()
	p := &passing{ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: l.w}, status: why}
	if l.r.Method == http.MethodHead {
		p.judge = l.wouldKeep
	}
	err := l.next.ServeHTTP(p, l.h.dropCMCDFrom(l.r))
	if err == nil && p.fills {
		l.refresh(nil)
	}
	return err
}

// wouldKeep reports whether an answer with this header would be stored, and is short enough
// to be fetched though only its length was asked for.
func (l *lookup) wouldKeep(status int, h http.Header) bool {
	n := contentLength(h)
	if n <= 0 || n > mostAfterHead || status != http.StatusOK {
		return false
	}
	a := answer{status: status, header: h, asked: l.now, now: time.Now(), ttl: l.h.ttl(l.path()), key: &l.key}
	return a.judge().use == useStored
}

// mostAfterHead is how long an answer may be that is fetched because its length was asked
// for.
const mostAfterHead = 8 << 20

// bypass lets a request pass that is not for the cache.
func (l *lookup) bypass(t *handoff.Target, why string) error {
	requests.pass.Inc()
	if t == nil || t.Own || len(l.r.Header["Upgrade"]) > 0 {
		return l.next.ServeHTTP(l.w, l.r)
	}
	p := &passing{ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: l.w}, status: why}
	if unsafe(l.r.Method) {
		changed := l.h.key(l.r, t, given{})
		p.changes = func() { // it may have changed something (RFC 9111, section 4.4)
			l.h.store.forget(func(k *key) bool {
				return k.secure == changed.secure && k.host == changed.host && k.uri == changed.uri && k.org == changed.org && k.stream == changed.stream
			})
		}
	}
	return l.next.ServeHTTP(p, l.h.dropCMCDFrom(l.r))
}

// unsafe reports whether a method may change what it is applied to (RFC 9110,
// section 9.2.1).
func unsafe(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return false
	}
	return true
}

// passing adds Cache-Status to an answer that is not the cache's.
type passing struct {
	*caddyhttp.ResponseWriterWrapper
	status  string
	changes func() // called when the origin has not refused
	begun   bool
	judge   func(status int, h http.Header) bool
	fills   bool // it said that such an answer would be stored
}

// WriteHeader implements [http.ResponseWriter].
func (p *passing) WriteHeader(status int) {
	if status >= 200 && !p.begun {
		p.begun = true
		p.fills = p.judge != nil && p.judge(status, p.Header())
		setStatus(p.Header(), p.status)
		if p.changes != nil && status < http.StatusBadRequest {
			p.changes()
		}
	}
	p.ResponseWriterWrapper.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (p *passing) Write(b []byte) (int, error) {
	if !p.begun {
		p.WriteHeader(http.StatusOK)
	}
	return p.ResponseWriterWrapper.Write(b)
}

// ReadFrom implements [io.ReaderFrom].
func (p *passing) ReadFrom(r io.Reader) (int64, error) {
	if !p.begun {
		p.WriteHeader(http.StatusOK)
	}
	return p.ResponseWriterWrapper.ReadFrom(r)
}

// product is what this cache is called in Cache-Status (RFC 9211).
const product = "Playgate; "

// setStatus adds a member to Cache-Status.
func setStatus(h http.Header, how string) {
	h["Cache-Status"] = append(h["Cache-Status"], product+how)
}

// withTTL adds how long the answer stays fresh.
func withTTL(how string, left time.Duration) string {
	return how + "; ttl=" + strconv.FormatInt(int64(left/time.Second), 10)
}
