package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/handoff"
	"github.com/playgate/playgate/module/internal/loadcheck"
	"github.com/playgate/playgate/module/internal/target"
)

// origin is what stands below the cache.
type origin struct {
	mu       sync.Mutex
	requests []*http.Request // as they came
	answer   func(n int, w http.ResponseWriter, r *http.Request) error
}

func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) error {
	o.mu.Lock()
	o.requests = append(o.requests, r)
	n := len(o.requests)
	o.mu.Unlock()
	return o.answer(n, w, r)
}

func (o *origin) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.requests)
}

// last is the newest request.
func (o *origin) last() *http.Request {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.requests[len(o.requests)-1]
}

// says answers with a header, given as "Name: value" lines, and the number of the
// request as the body.
func says(lines ...string) *origin {
	return &origin{answer: func(n int, w http.ResponseWriter, _ *http.Request) error {
		for _, line := range lines {
			name, value, _ := strings.Cut(line, ": ")
			w.Header().Add(name, value)
		}
		_, err := fmt.Fprintf(w, "answer %d", n)
		return err
	}}
}

// newCache returns a cache with memory of its own.
func newCache(tb testing.TB, memory int64, ttl ...TTL) *Handler {
	tb.Helper()
	h := &Handler{TTL: ttl, id: "test/0", store: newStore(memory), logger: zap.NewNop()}
	h.behind = loadcheck.Behind{Words: "{http.vars.tier} {http.vars.x}", Placeholders: []string{"backend", "mine"}}
	tb.Cleanup(h.store.close)
	for _, rule := range ttl {
		p, err := target.ParsePattern(rule.Path)
		if err != nil {
			tb.Fatal(err)
		}
		h.patterns = append(h.patterns, p)
	}
	return h
}

const (
	cam1 = "http://live.example.com/live/acme/cam1/"
	seg  = cam1 + "seg1.m4s"
)

// ask makes a request as it comes from a gate that let it through for a stream,
// with header lines.
func ask(method, url string, lines ...string) *http.Request {
	r := httptest.NewRequest(method, url, nil)
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	return allowed(r, targetOf(r))
}

// targetOf is what a gate says of a request.
func targetOf(r *http.Request) *handoff.Target {
	return &handoff.Target{Org: "acme", Stream: "cam1", Host: r.Host, URI: r.URL.RequestURI(), Pages: true, Identity: true, Sent: handoff.Keep(r)}
}

// allowed is a request with what a gate and the server put into its context.
func allowed(r *http.Request, t *handoff.Target) *http.Request {
	r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), nil, nil)
	if t == nil {
		return r
	}
	return r.WithContext(context.WithValue(r.Context(), handoff.TargetKey, t))
}

// do sends a request through the cache.
func do(tb testing.TB, h *Handler, o caddyhttp.Handler, r *http.Request) *httptest.ResponseRecorder {
	tb.Helper()
	w := httptest.NewRecorder()
	if err := h.ServeHTTP(w, r, o); err != nil {
		var of caddyhttp.HandlerError
		if !errors.As(err, &of) {
			tb.Fatalf("%s %s: %v", r.Method, r.URL, err)
		}
		w.Code = of.StatusCode
	}
	return w
}

func get(tb testing.TB, h *Handler, o caddyhttp.Handler, url string, lines ...string) *httptest.ResponseRecorder {
	tb.Helper()
	return do(tb, h, o, ask(http.MethodGet, url, lines...))
}

// settled waits until nothing is being fetched any more.
func settled(tb testing.TB, h *Handler) {
	tb.Helper()
	eventually(tb, "the fetches end", func() bool {
		h.store.mu.Lock()
		defer h.store.mu.Unlock()
		return len(h.store.fetches) == 0
	})
}

func eventually(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	for begun := time.Now(); !holds(); time.Sleep(time.Millisecond) {
		if time.Since(begun) > 20*time.Second {
			tb.Fatalf("waited in vain: %s", what)
		}
	}
}

// server serves a cache over real connections, to any number of clients at once.
// Requests are for the stream that their path names.
func server(tb testing.TB, h *Handler, o caddyhttp.Handler) *httptest.Server {
	tb.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = allowed(r, targetOf(r))
		if err := h.ServeHTTP(w, r, o); err != nil {
			panic(http.ErrAbortHandler)
		}
	}))
	tb.Cleanup(s.Close)
	return s
}

// steps is an origin that answers one piece after the other, each when it is told
// to.
type steps struct {
	origin
	lines []string
	next  chan any // a string to write, an error to fail with; closed at the end
	ended atomic.Bool
}

func newSteps(lines ...string) *steps {
	s := &steps{lines: lines, next: make(chan any)}
	s.answer = func(_ int, w http.ResponseWriter, r *http.Request) error {
		defer s.ended.Store(true)
		for _, line := range s.lines {
			name, value, _ := strings.Cut(line, ": ")
			w.Header().Add(name, value)
		}
		w.WriteHeader(http.StatusOK)
		for {
			select {
			case step, open := <-s.next:
				if !open {
					return nil
				}
				switch step := step.(type) {
				case string:
					if _, err := io.WriteString(w, step); err != nil {
						return err
					}
				case error:
					panic(http.ErrAbortHandler)
				}
			case <-r.Context().Done():
				panic(http.ErrAbortHandler)
			}
		}
	}
	return s
}
