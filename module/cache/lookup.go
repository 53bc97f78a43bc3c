package cache

import (
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
	h      *Handler
	w      http.ResponseWriter
	r      *http.Request
	next   caddyhttp.Handler
	key    key
	coding coding
	now    time.Time
	stale  *object
	why    string // the request is forwarded, as a parameter of Cache-Status
}

// tries is how often a request looks for a fetch to join, before it goes alone.
const tries = 3

// fetch gets the answer from the origin, together with all who want the same.
func (l *lookup) fetch(t *handoff.Target) error {
	if len(l.r.Header["If-Match"]) > 0 || len(l.r.Header["If-Unmodified-Since"]) > 0 {
		return l.alone(l.why)
	}
	for range tries {
		stale := l.stale
		if stale != nil && !stale.validates() {
			stale = nil
		}
		// Who shows a cookie may join others. Nobody joins who shows one, and
		// nobody fetches a whole to learn its header.
		mayLead := l.r.Method == http.MethodGet && len(l.r.Header["Cookie"]) == 0
		f, lead, o := l.h.store.join(l.key, l.coding, l.now, mayLead, stale)
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
			f.begin(l, t)
		}
		done, err := l.await(f, lead)
		if done {
			return err
		}
		l.now = time.Now()
	}
	return l.alone(l.why)
}

// begin starts the fetch.
func (f *fetch) begin(l *lookup, t *handoff.Target) {
	f.ttl, f.pages, f.log = l.h.ttl(l.path()), t.Pages, l.h.logger
	go f.run(f.request(l.r, t), l.next)
}

// path is the public path.
func (l *lookup) path() string {
	path, _, _ := strings.Cut(l.key.uri, "?")
	return path
}

// await waits for the header of the answer, and serves it. It is not done when
// the fetch was of another content coding.
func (l *lookup) await(f *fetch, lead bool) (done bool, err error) {
	defer f.leave()
	select {
	case <-f.decided:
	case <-l.r.Context().Done():
		return true, errLeft
	}
	if l.failed(f) && l.stale != nil && l.stale.onFailure(time.Now()) {
		requests.stale.Inc()
		return true, l.serve(l.stale, "fwd=stale; detail=stale-if-error")
	}
	switch f.outcome {
	case failed:
		requests.failed.Inc()
		return true, f.err
	case renewed:
		requests.renewed.Inc()
		return true, l.serve(f.object, l.why+"; fwd-status=304")
	case shared:
		if f.object.varies && f.as != l.coding {
			return false, nil
		}
		return true, l.follow(f, lead)
	case alone:
		if lead {
			return true, l.follow(f, lead)
		}
	}
	return true, l.alone(l.why)
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
	return l.next.ServeHTTP(&passing{ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: l.w}, status: why}, l.r)
}

// bypass lets a request pass that is not for the cache.
func (l *lookup) bypass(t *handoff.Target, why string) error {
	requests.pass.Inc()
	if t == nil || t.Own || len(l.r.Header["Upgrade"]) > 0 {
		return l.next.ServeHTTP(l.w, l.r)
	}
	p := &passing{ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: l.w}, status: why}
	if unsafe(l.r.Method) {
		k := l.h.key(l.r, t)
		p.changes = func() { l.h.store.invalidate(k) }
	}
	return l.next.ServeHTTP(p, l.r)
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
}

// WriteHeader implements [http.ResponseWriter].
func (p *passing) WriteHeader(status int) {
	if status >= 200 && !p.begun {
		p.begun = true
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
