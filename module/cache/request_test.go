package cache

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// text is all that an origin can learn of a request.
func text(r *http.Request) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s\nhost %s, from %s, tls %v, %s\n", r.Method, r.URL, r.Proto, r.Host, r.RemoteAddr, r.TLS != nil, r.RequestURI)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		fmt.Fprintf(&b, "%s: %q\n", name, r.Header[name])
	}
	vars := maps.Clone(r.Context().Value(caddyhttp.VarsCtxKey).(map[string]any))
	delete(vars, "start_time")
	fmt.Fprintf(&b, "length %d, trailer %v, %v\n", r.ContentLength, r.Trailer, vars)
	return b.String()
}

// Whatever a client sends, once or twice and with any value, the request that is made for
// everybody is the one that a bare request makes.
func TestWhateverIsSentTheRequestIsTheSame(t *testing.T) {
	const seed = 20261201
	r := rand.New(rand.NewPCG(seed, seed))
	names := []string{
		"X-Host", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Server", "Forwarded", "User-Agent", "Accept",
		"Accept-Language", "Accept-Encoding", "Referer", "Origin", "Range", "If-Range", "If-None-Match", "If-Modified-Since",
		"Cache-Control", "Pragma", "X-Real-Ip", "True-Client-Ip", "Via", "Te", "Dnt", "Sec-Fetch-Mode", "X-Playgate-Org", "X-Playgate-Tag", "X-Anything", "Host",
		"Cmcd-Object", "Traceparent", "Save-Data", "Priority", "X-Original-Host", "Cookie2", "Content-Type", "Expect", "X-Added", "X-Set",
	}
	values := []string{"", "a", "evil.example", "https", "bytes=0-", "\"1\"", "Sat, 28 Nov 2026 12:00:00 GMT", "*", "gzip;q=0", "no-cache", "acme", "live.example.com", "by the site", strings.Repeat("x", 9000), "1, 2", "\x80"}
	bare := ""
	for range 2_000 {
		h, o := newCache(t, 16<<20), says("Cache-Control: max-age=60")
		q := httptest.NewRequest(http.MethodGet, seg, nil)
		for n := r.IntN(8); bare != "" && n > 0; n-- {
			name := names[r.IntN(len(names))]
			for range 1 + r.IntN(2) {
				q.Header[name] = append(q.Header[name], values[r.IntN(len(values))])
			}
		}
		q = allowed(q, targetOf(q))
		// The site's own, as request_header sets it, with values that a client sends as well.
		q.Header.Add("X-Added", strings.Clone("by the site"))
		q.Header.Set("X-Set", strings.Clone("acme"))
		do(t, h, o, q)
		got := text(o.requests[0]) // a range of what has no length yet is asked for once more
		if bare == "" {
			bare = got
		}
		if got != bare {
			t.Fatalf("%v made\n%s\nand a bare request makes\n%s", q.Header, got, bare)
		}
		h.store.close()
	}
	for _, want := range []string{"X-Added: [\"by the site\"]\n", "X-Set: [\"acme\"]\n", "X-Forwarded-Host: [\"live.example.com\"]\n", "Host live.example.com"} {
		if !strings.Contains(bare, strings.Replace(want, "Host live", "host live", 1)) {
			t.Errorf("no %q in\n%s", want, bare)
		}
	}
}

// What handlers of the site add is in the key, so that viewers for whom it differs do not
// get the same, and those for whom it is the same do.
func TestAdditionsAreInTheKey(t *testing.T) {
	h, o := newCache(t, 16<<20), says("Cache-Control: max-age=60")
	added := func(name string, values ...string) *http.Request {
		r := ask(http.MethodGet, seg)
		for _, v := range values {
			r.Header.Add(name, v)
		}
		return r
	}
	variable := func(name string, value any) *http.Request {
		r := ask(http.MethodGet, seg)
		caddyhttp.SetVar(r.Context(), name, value)
		return r
	}
	host := func(name string) *http.Request { r := ask(http.MethodGet, seg); r.Host = name; return r }
	all := map[string]func() *http.Request{
		"nothing":               func() *http.Request { return ask(http.MethodGet, seg) },
		"a tier":                func() *http.Request { return added("X-Tier", "gold") },
		"another tier":          func() *http.Request { return added("X-Tier", "silver") },
		"two":                   func() *http.Request { return added("X-Tier", "gold", "silver") },
		"two in one":            func() *http.Request { return added("X-Tier", "gold, silver") },
		"another name":          func() *http.Request { return added("X-Level", "gold") },
		"a name in a value":     func() *http.Request { return added("X-Tier", "gold\x07X-Level\x01\x04gold") },
		"a variable":            func() *http.Request { return variable("tier", "1") },
		"a variable, a number":  func() *http.Request { return variable("tier", 1) },
		"credentials":           func() *http.Request { return added("Authorization", "Basic YTpi") },
		"another host":          func() *http.Request { return host("inner.example") },
		"yet another host":      func() *http.Request { return host("other.example") },
		"the public host again": func() *http.Request { return host("live.example.com:80") },
	}
	for range 2 {
		for name, r := range all {
			w := do(t, h, o, r())
			settled(t, h)
			if o.count() > len(all) {
				t.Fatalf("%s: %q is not from the cache: %s", name, bodyOf(w), statusOf(w))
			}
		}
	}
	if o.count() != len(all) {
		t.Errorf("%d answers for %d kinds of requests", o.count(), len(all))
	}
	for _, r := range o.requests {
		if r.Header.Get("X-Level") == "gold" && r.Header.Get("X-Tier") != "" {
			t.Errorf("a value has become a field: %v", r.Header)
		}
	}
}

// A placeholder that a handler above has set may depend on the client: who has another
// value gets another answer.
func TestPlaceholdersThatDiffer(t *testing.T) {
	h := newCache(t, 16<<20)
	o := &origin{answer: func(_ int, w http.ResponseWriter, r *http.Request) error {
		repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
		w.Header().Set("Cache-Control", "max-age=60")
		_, err := io.WriteString(w, "from "+repl.ReplaceAll("{backend} {nobody}", "?"))
		return err
	}}
	with := func(backend string) *http.Request {
		r := ask(http.MethodGet, seg)
		if backend != "" {
			r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer).Set("backend", backend)
		}
		return r
	}
	for i, tt := range []struct {
		backend string
		asked   int
	}{{"a", 1}, {"a", 1}, {"b", 2}, {"b", 2}, {"", 3}, {"a", 3}} {
		w := do(t, h, o, with(tt.backend))
		settled(t, h)
		want := "from " + tt.backend + " ?"
		if tt.backend == "" {
			want = "from ? ?"
		}
		if bodyOf(w) != want || o.count() != tt.asked {
			t.Errorf("%d: backend %q got %q after %d requests: %s", i, tt.backend, bodyOf(w), o.count(), statusOf(w))
		}
	}
}

// Those who wait for a fetch get its answer if their placeholders have the same values, and
// who began it may leave.
func TestPlaceholdersOfThoseWhoWait(t *testing.T) {
	h := newCache(t, 16<<20)
	on := make(chan struct{})
	o := &origin{answer: func(_ int, w http.ResponseWriter, r *http.Request) error {
		<-on
		repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
		_, err := io.WriteString(w, "from "+repl.ReplaceAll("{backend}", "?"))
		return err
	}}
	with := func(backend string) *http.Request {
		r := ask(http.MethodGet, seg)
		r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer).Set("backend", backend)
		return r
	}
	waiting := func(n int32) {
		eventually(t, "all wait", func() bool {
			h.store.mu.Lock()
			defer h.store.mu.Unlock()
			all := int32(0)
			for f := range h.store.fetches {
				all += f.body.holders.Load()
			}
			return all == n
		})
	}
	var viewers sync.WaitGroup
	leader := with("a")
	ctx, leave := context.WithCancel(leader.Context())
	viewers.Go(func() { do(t, h, o, leader.WithContext(ctx)) })
	waiting(1)
	for i := range 20 {
		backend := []string{"a", "b"}[i%2]
		viewers.Go(func() {
			if w := do(t, h, o, with(backend)); bodyOf(w) != "from "+backend {
				t.Errorf("backend %s got %q: %s", backend, bodyOf(w), statusOf(w))
			}
		})
	}
	waiting(21)
	leave()
	waiting(20)
	close(on)
	viewers.Wait()
	settled(t, h)
	if o.count() != 2 {
		t.Errorf("%d requests for two backends", o.count())
	}
}

// CMCD makes no difference: viewers share answers, and the origin does not see it. With
// keep it does, and each viewer has answers of its own.
func TestCMCD(t *testing.T) {
	queries := []string{"?CMCD=sid%3D%221%22", "?CMCD=sid%3D%222%22&a=1", "?a=1&CMCD=x&b=2", "?b=%26&CMCD", "?%43MCD=1", "?CMCD=1&CMCD=2", "?cmcd=other", ""}
	for _, keep := range []bool{false, true} {
		h, o := newCache(t, 16<<20), says("Cache-Control: max-age=60")
		if keep {
			h.CMCD = keepCMCD
		}
		for i, query := range queries {
			lines := []string{fmt.Sprintf("CMCD-Request: bl=%d", i), "CMCD-Object: br=1", "CMCD-Status: bs", "CMCD-Session: sid=1"}
			get(t, h, o, seg+query, lines...)
			settled(t, h)
			last := o.last()
			if told := last.Header.Get("Cmcd-Request") != "" || strings.Contains(strings.ReplaceAll(last.URL.RawQuery, "%43", "C"), "CMCD"); told != keep {
				t.Errorf("keep %v: the origin got %s %v", keep, last.URL, last.Header)
			}
		}
		want := []string{"", "a=1", "a=1&b=2", "b=%26", "cmcd=other"}
		if keep {
			if o.count() != len(queries) {
				t.Errorf("kept: %d requests", o.count())
			}
			continue
		}
		var got []string
		for _, r := range o.requests {
			got = append(got, r.URL.RawQuery)
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("the origin got the queries %q", got)
		}
		// One client alone: what goes to the origin has none either.
		get(t, h, o, seg+"?x=1&CMCD=2", "CMCD-Object: br=1", "Cookie: a=b", "Cache-Control: no-store")
		if last := o.last(); last.URL.RawQuery != "x=1" || last.Header.Get("Cmcd-Object") != "" || last.Header.Get("Cookie") != "a=b" {
			t.Errorf("alone: the origin got %s %v", last.URL, last.Header)
		}
	}
}

// Names that make no difference are in no key, and not in requests for everybody.
func TestIgnoredNames(t *testing.T) {
	h, o := newCache(t, 16<<20), says("Cache-Control: max-age=60")
	h.IgnoreQuery = []string{"utm_source", "a b"}
	for _, query := range []string{"?q=1", "?utm_source=x&q=1", "?q=1&utm_source=", "?q=1&a+b=3", "?a%20b&q=1&utm_source=1&utm_source=2"} {
		get(t, h, o, seg+query)
		settled(t, h)
	}
	if o.count() != 1 || o.last().URL.RawQuery != "q=1" {
		t.Errorf("%d requests, the last with %q", o.count(), o.last().URL.RawQuery)
	}
	get(t, h, o, seg+"?q=1&UTM_SOURCE=x")
	if o.count() != 2 {
		t.Error("another name is ignored as well")
	}
}

// That something is not there is remembered for a quarter of a second, whoever asks
// meanwhile.
func TestNotFoundIsRemembered(t *testing.T) {
	for _, status := range []int{http.StatusNotFound, http.StatusGone} {
		synctest.Test(t, func(t *testing.T) {
			h := newCache(t, 16<<20)
			o := &origin{answer: func(_ int, w http.ResponseWriter, _ *http.Request) error {
				w.Header().Set("Etag", `"1"`)
				w.WriteHeader(status)
				return nil
			}}
			for range 24 { // in 240 ms
				if w := get(t, h, o, seg); w.Code != status || o.count() != 1 {
					t.Fatalf("%d after %d requests", w.Code, o.count())
				}
				synctest.Wait()
				time.Sleep(10 * time.Millisecond)
			}
			time.Sleep(20 * time.Millisecond)
			if get(t, h, o, seg); o.count() != 2 || o.last().Header.Get("If-None-Match") != "" {
				t.Errorf("%d requests, the last with %v", o.count(), o.last().Header)
			}
			for n := range 2 {
				if get(t, h, o, cam1+"index.m3u8?_HLS_msn=9"); o.count() != 3+n {
					t.Errorf("a blocking reload is answered from memory")
				}
			}
			h.store.close()
		})
	}
}

// A stale answer serves at once where the origin says so, while one request asks for a new
// one.
func TestStaleWhileRevalidate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, o := newCache(t, 16<<20), says("Cache-Control: max-age=10, stale-while-revalidate=60")
		answer := o.answer
		o.answer = func(n int, w http.ResponseWriter, r *http.Request) error {
			if n > 1 {
				time.Sleep(2 * time.Second)
			}
			return answer(n, w, r)
		}
		get(t, h, o, seg)
		time.Sleep(30 * time.Second)
		for range 3 {
			begun := time.Now()
			w := get(t, h, o, seg)
			if bodyOf(w) != "answer 1" || statusOf(w) != "Playgate; hit; detail=stale-while-revalidate; ttl=-20" || w.Header().Get("Age") != "30" || time.Since(begun) > 0 {
				t.Errorf("%q after %v: %s, %v", bodyOf(w), time.Since(begun), statusOf(w), w.Header())
			}
		}
		time.Sleep(5 * time.Second)
		if w := get(t, h, o, seg); bodyOf(w) != "answer 2" || o.count() != 2 {
			t.Errorf("then %q after %d requests", bodyOf(w), o.count())
		}
		time.Sleep(90 * time.Second) // beyond what the origin allows
		if w := get(t, h, o, seg); bodyOf(w) != "answer 3" {
			t.Errorf("at last %q", bodyOf(w))
		}
		h.store.close()
	})
}

// A HEAD is asked for alone. Where it tells that the whole is small, that is fetched, and
// what comes next is from memory.
func TestHeadFills(t *testing.T) {
	for length, fills := range map[int64]bool{8: true, mostAfterHead: true, mostAfterHead + 1: false, -1: false} {
		h := newCache(t, 256<<20)
		o := &origin{answer: func(_ int, w http.ResponseWriter, r *http.Request) error {
			w.Header().Set("Cache-Control", "max-age=60")
			if length >= 0 {
				w.Header().Set("Content-Length", fmt.Sprint(length))
			}
			w.WriteHeader(http.StatusOK)
			if r.Method == http.MethodHead {
				return nil
			}
			_, err := w.Write(make([]byte, max(length, 1)))
			return err
		}}
		do(t, h, o, ask(http.MethodHead, seg))
		settled(t, h)
		want := 1
		if fills {
			want = 2
		}
		if o.count() != want || o.requests[0].Method != http.MethodHead {
			t.Errorf("length %d: %d requests", length, o.count())
			continue
		}
		if w := get(t, h, o, seg); strings.Contains(statusOf(w), "hit") != fills {
			t.Errorf("length %d: %s", length, statusOf(w))
		}
		settled(t, h)
	}
}
