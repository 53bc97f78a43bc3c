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

// visit is one request on its way through the cache.
type visit struct {
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
func (v *visit) fetch(t *handoff.Target) error {
	if len(v.r.Header["If-Match"]) > 0 || len(v.r.Header["If-Unmodified-Since"]) > 0 {
		return v.alone(v.why)
	}
	for range tries {
		stale := v.stale
		if stale != nil && !stale.validates() {
			stale = nil
		}
		// Who shows a cookie may join others. Nobody joins who shows one, and
		// nobody fetches a whole to learn its header.
		mayLead := v.r.Method == http.MethodGet && len(v.r.Header["Cookie"]) == 0
		f, lead, o := v.h.store.join(v.key, v.coding, v.now, mayLead, stale)
		switch {
		case o != nil && o.kind == uncached:
			return v.alone("fwd=miss; detail=uncacheable")
		case o != nil:
			requests.hit.Inc()
			return v.serve(o, "hit")
		case f == nil:
			return v.alone(v.why)
		}
		if lead {
			f.begin(v, t)
		}
		done, err := v.await(f, lead)
		if done {
			return err
		}
		v.now = time.Now()
	}
	return v.alone(v.why)
}

// begin starts the fetch.
func (f *fetch) begin(v *visit, t *handoff.Target) {
	f.ttl, f.pages, f.log = v.h.ttl(v.path()), t.Pages, v.h.logger
	go f.run(f.request(v.r, t), v.next)
}

// path is the public path.
func (v *visit) path() string {
	path, _, _ := strings.Cut(v.key.uri, "?")
	return path
}

// await waits for the header of the answer, and serves it. It is not done when
// the fetch was of another content coding.
func (v *visit) await(f *fetch, lead bool) (done bool, err error) {
	defer f.leave()
	select {
	case <-f.decided:
	case <-v.r.Context().Done():
		return true, errLeft
	}
	if v.failed(f) && v.stale != nil && v.stale.onFailure(time.Now()) {
		requests.stale.Inc()
		return true, v.serve(v.stale, "fwd=stale; detail=stale-if-error")
	}
	switch f.outcome {
	case failed:
		requests.failed.Inc()
		return true, f.err
	case renewed:
		requests.renewed.Inc()
		return true, v.serve(f.object, v.why+"; fwd-status=304")
	case shared:
		if f.object.varies && f.as != v.coding {
			return false, nil
		}
		return true, v.follow(f, lead)
	case alone:
		if lead {
			return true, v.follow(f, lead)
		}
	}
	return true, v.alone(v.why)
}

// failed reports whether the origin has not answered what was asked.
func (v *visit) failed(f *fetch) bool {
	return f.outcome == failed || f.object != nil && f.object.status >= http.StatusInternalServerError && failure(f.object.status)
}

// follow serves what a fetch brings, as it comes.
func (v *visit) follow(f *fetch, lead bool) error {
	how := v.why
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
	err := v.serve(f.object, how)
	if errors.Is(err, errGoAlone) {
		return v.alone(v.why)
	}
	return err
}

// alone asks the origin for this client alone.
func (v *visit) alone(why string) error {
	requests.pass.Inc()
	return v.next.ServeHTTP(&passing{ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: v.w}, status: why}, v.r)
}

// bypass lets a request pass that is not for the cache.
func (v *visit) bypass(t *handoff.Target, why string) error {
	requests.pass.Inc()
	if t == nil || t.Own || len(v.r.Header["Upgrade"]) > 0 {
		return v.next.ServeHTTP(v.w, v.r)
	}
	p := &passing{ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: v.w}, status: why}
	if unsafe(v.r.Method) {
		k := v.h.key(v.r, t)
		p.changes = func() { v.h.store.invalidate(k) }
	}
	return v.next.ServeHTTP(p, v.r)
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
