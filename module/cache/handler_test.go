package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/playgate/playgate/module/internal/handoff"
)

func bodyOf(w *httptest.ResponseRecorder) string { return w.Body.String() }

func statusOf(w *httptest.ResponseRecorder) string {
	return strings.Join(w.Header()["Cache-Status"], ", ")
}

func TestHit(t *testing.T) {
	h, o := newCache(t, 16<<20), says("Cache-Control: max-age=60", "Content-Type: video/mp4", "Etag: \"1\"")
	first := get(t, h, o, seg)
	settled(t, h)
	if got := statusOf(first); bodyOf(first) != "answer 1" || got != "Playgate; fwd=uri-miss; stored; ttl=60" && got != "Playgate; fwd=uri-miss; stored; ttl=59" {
		t.Fatalf("%q, %s", bodyOf(first), got)
	}
	second := get(t, h, o, seg)
	if bodyOf(second) != "answer 1" || o.count() != 1 {
		t.Fatalf("%q after %d requests", bodyOf(second), o.count())
	}
	if got := statusOf(second); !strings.HasPrefix(got, "Playgate; hit; ttl=") {
		t.Error(got)
	}
	for name, want := range map[string]string{"Content-Type": "video/mp4", "Etag": `"1"`, "Content-Length": "8", "Age": "0", "Cache-Control": "max-age=60"} {
		if got := second.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	head := do(t, h, o, ask(http.MethodHead, seg))
	if head.Body.Len() != 0 || head.Header().Get("Content-Length") != "8" || o.count() != 1 {
		t.Errorf("HEAD: %q, %v, %d requests", head.Body, head.Header(), o.count())
	}
}

// A stored answer tells when it was made, also where the origin does not.
func TestDate(t *testing.T) {
	for _, told := range []string{"", "Sat, 01 Jan 2000 12:00:00 GMT"} {
		synctest.Test(t, func(t *testing.T) { // where it is midnight of that day
			h, o := newCache(t, 16<<20), says("Cache-Control: max-age=60, s-maxage=86400", "Date: "+told)
			if told == "" {
				o = says("Cache-Control: max-age=60")
			}
			get(t, h, o, seg)
			time.Sleep(10 * time.Second)
			want := told
			if told == "" {
				want = "Sat, 01 Jan 2000 00:00:00 GMT"
			}
			if w := get(t, h, o, seg); w.Header().Get("Date") != want || w.Header().Get("Age") != "10" {
				t.Errorf("%q: %v", told, w.Header())
			}
			h.store.close()
		})
	}
}

// What is served to one must not change what is served to the next.
func TestHeadersAreEachClientsOwn(t *testing.T) {
	h, o := newCache(t, 16<<20), says("Cache-Control: max-age=60", "X-A: 1", "X-A: 2")
	get(t, h, o, seg)
	settled(t, h)
	w := get(t, h, o, seg)
	for _, values := range w.Header() {
		for i := range values {
			values[i] = "changed"
		}
		_ = append(values, "more")
	}
	if got := get(t, h, o, seg).Header(); strings.Join(got["X-A"], " ") != "1 2" || got.Get("Cache-Control") != "max-age=60" {
		t.Errorf("%v", got)
	}
}

// One key in nothing but one thing different is another answer.
func TestKey(t *testing.T) {
	h, o := newCache(t, 16<<20), says("Cache-Control: max-age=60")
	base := func() (*http.Request, *handoff.Target) {
		return httptest.NewRequest(http.MethodGet, seg+"?a=1", nil), &handoff.Target{Org: "acme", Stream: "cam1", Host: "live.example.com", URI: "/live/acme/cam1/seg1.m4s?a=1"}
	}
	as := func(t *handoff.Target, url string) *http.Request {
		r := httptest.NewRequest(http.MethodGet, url, nil)
		t.URI = r.URL.RequestURI()
		return r
	}
	r, target := base()
	do(t, h, o, allowed(r, target))
	settled(t, h)
	for name, change := range map[string]func(r *http.Request, t *handoff.Target) *http.Request{
		"organisation": func(r *http.Request, t *handoff.Target) *http.Request { t.Org = "other"; return r },
		"stream":       func(r *http.Request, t *handoff.Target) *http.Request { t.Stream = "cam2"; return r },
		"host":         func(r *http.Request, t *handoff.Target) *http.Request { t.Host = "live.example.com:8443"; return r },
		"scheme":       func(r *http.Request, t *handoff.Target) *http.Request { t.Secure = true; return r },
		"query":        func(_ *http.Request, t *handoff.Target) *http.Request { return as(t, seg+"?a=2") },
		"no query":     func(_ *http.Request, t *handoff.Target) *http.Request { return as(t, seg) },
		"more query":   func(_ *http.Request, t *handoff.Target) *http.Request { return as(t, seg+"?a=1&b") },
		"path":         func(_ *http.Request, t *handoff.Target) *http.Request { return as(t, cam1+"seg2.m4s?a=1") },
		"spelling":     func(_ *http.Request, t *handoff.Target) *http.Request { return as(t, cam1+"seg%31.m4s?a=1") },
	} {
		before := o.count()
		r, target := base()
		r = change(r, target)
		w := do(t, h, o, allowed(r, target))
		settled(t, h)
		if o.count() != before+1 || bodyOf(w) == "answer 1" {
			t.Errorf("another %s got %q", name, bodyOf(w))
		}
	}
	other := newCache(t, 16<<20)
	other.store, other.id = h.store, "test/1"
	if r, target := base(); bodyOf(do(t, other, o, allowed(r, target))) == "answer 1" {
		t.Error("another cache of the configuration has the same answer")
	}
	r, target = base()
	target.Host = "LIVE.example.com"
	if w := do(t, h, o, allowed(r, target)); bodyOf(w) != "answer 1" {
		t.Errorf("the same host in capitals got %q", bodyOf(w))
	}
}

// A path that is rewritten in two ways is two answers, and two paths that are
// rewritten to the same are two as well.
func TestKeyOfRewrittenPaths(t *testing.T) {
	h, o := newCache(t, 16<<20), says("Cache-Control: max-age=60")
	rewritten := func(public, below string) *http.Request {
		r := ask(http.MethodGet, public)
		u, err := url.Parse(below)
		if err != nil {
			t.Fatal(err)
		}
		r.URL = u
		return r
	}
	for i, r := range []*http.Request{rewritten(seg, "/a/seg1.m4s"), rewritten(seg, "/b/seg1.m4s"), rewritten(cam1+"x", "/a/seg1.m4s")} {
		do(t, h, o, r)
		settled(t, h)
		if o.count() != i+1 {
			t.Errorf("%d requests after %d", o.count(), i+1)
		}
	}
	do(t, h, o, rewritten(seg, "/a/seg1.m4s"))
	if o.count() != 3 {
		t.Error("the same is not found again")
	}
}

// What one client sends does not decide what all others get: it does not get to the
// origin with a request that is made for all. What the site's own handlers have set
// does.
func TestFetchesAreNobodysOwn(t *testing.T) {
	h, o := newCache(t, 16<<20), says("Cache-Control: max-age=60")
	sent := []string{
		"Referer: https://www.example.com/page", "Range: bytes=2-", "If-None-Match: \"x\"", "If-Modified-Since: Sat, 28 Nov 2026 12:00:00 GMT",
		"Cache-Control: no-cache", "Pragma: no-cache", "Origin: https://www.example.com", "User-Agent: player", "Accept: video/mp4",
		"Accept-Language: de", "X-Host: evil.example.com", "X-Forwarded-Host: evil.example.com", "X-Forwarded-Proto: https", "Forwarded: host=evil.example.com",
		"X-Replaced: by the client", "X-Added: by the client", "X-Changed: by the client",
	}
	r := ask(http.MethodGet, seg, sent...)
	// As the gate and handlers of the site set them, below.
	for name, value := range map[string]string{
		"X-Playgate-Token-Id": "t1", "X-Playgate-Tag": "vip", "X-Playgate-Org": "acme", "X-Playgate-Stream": "cam1",
		"X-Secret": "of the site", "X-Replaced": "by the site",
	} {
		r.Header.Set(name, value)
	}
	r.Header.Add("X-Added", "by the site")
	r.Header["X-Changed"][0] = "by the site"
	do(t, h, o, r)
	want := http.Header{
		"Accept-Encoding": {"identity"}, "User-Agent": {"Playgate"}, "X-Playgate-Org": {"acme"}, "X-Playgate-Stream": {"cam1"},
		"X-Secret": {"of the site"}, "X-Replaced": {"by the site"}, "X-Added": {"by the site"}, "X-Changed": {"by the site"},
		"X-Forwarded-For": nil, "X-Forwarded-Host": {"live.example.com"}, "X-Forwarded-Proto": {"http"},
	}
	if got := o.last().Header; !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("the origin got %v", got)
	}
}

// The origin is told the public origin that was decided, whatever the client has sent.
func TestFetchesSayThePublicOrigin(t *testing.T) {
	h, o := newCache(t, 16<<20), says("Cache-Control: max-age=60")
	r := ask(http.MethodGet, seg, "X-Forwarded-Host: evil.example", "X-Forwarded-Proto: http", "X-Forwarded-For: 192.0.2.1", "Forwarded: host=evil.example")
	target := handoff.TargetOf(r.Context())
	target.Secure, target.Host = true, "Public.Example:8443"
	do(t, h, o, r)
	got := o.last()
	if got.Host != "public.example:8443" || got.TLS == nil || got.Header.Get("X-Forwarded-Host") != got.Host || got.Header.Get("X-Forwarded-Proto") != "https" {
		t.Errorf("the origin got %s, %v", got.Host, got.Header)
	}
	if v, there := got.Header["X-Forwarded-For"]; v != nil || !there || got.Header.Get("Forwarded") != "" {
		t.Errorf("the origin got %v", got.Header)
	}
	if client := caddyhttp.GetVar(got.Context(), caddyhttp.ClientIPVarKey); client != "" || strings.ContainsAny(got.RemoteAddr, "0123456789") {
		t.Errorf("the origin learns of a client: %v, %s", client, got.RemoteAddr)
	}
}

// Where the origin says which pages may read its answers, what it says of one page is
// for no other.
func TestAnswersForPagesAreNotShared(t *testing.T) {
	h, o := newCache(t, 16<<20), says("Cache-Control: max-age=60", "Vary: Origin")
	for n := range 2 {
		r := httptest.NewRequest(http.MethodGet, seg, nil)
		r.Header.Set("Origin", "https://one.example")
		target := targetOf(r)
		target.Pages = false
		w := do(t, h, o, allowed(r, target))
		if got := o.last().Header.Get("Origin"); got != "https://one.example" || bodyOf(w) != fmt.Sprintf("answer %d", n+2) {
			t.Errorf("the origin got %q, and the client %q", got, bodyOf(w))
		}
	}
}

// Nobody's credentials are in the request for everybody. Where the origin wants some, each
// client shows its own, and what it gets goes to nobody else, whatever the origin says.
func TestCredentialsStayTheClientsOwn(t *testing.T) {
	for _, line := range []string{"Cookie: session=1", "Authorization: Basic YTpi"} {
		name, value, _ := strings.Cut(line, ": ")
		for _, status := range []int{http.StatusOK, http.StatusUnauthorized, http.StatusForbidden, http.StatusFound} {
			h := newCache(t, 16<<20)
			o := &origin{answer: func(n int, w http.ResponseWriter, r *http.Request) error {
				w.Header().Set("Cache-Control", "public, s-maxage=60")
				if r.Header.Get(name) == "" {
					w.WriteHeader(status)
				}
				_, err := fmt.Fprintf(w, "for %q", r.Header.Get(name))
				return err
			}}
			want := fmt.Sprintf("for %q", value)
			if status == http.StatusOK {
				want = `for ""`
			}
			for range 2 {
				w := get(t, h, o, seg, line)
				settled(t, h)
				if bodyOf(w) != want || w.Code != http.StatusOK || o.requests[0].Header.Get(name) != "" {
					t.Errorf("%s, and %d without: %d %q", line, status, w.Code, bodyOf(w))
				}
			}
			if w := get(t, h, o, seg); w.Code != status || bodyOf(w) != `for ""` {
				t.Errorf("%s, and %d without: the next one got %d %q", line, status, w.Code, bodyOf(w))
			}
			if status == http.StatusOK && o.count() != 1 {
				t.Errorf("%s: %d requests", line, o.count())
			}
		}
	}
}

// What the origin gives to one alone is given to nobody else; nor is it what those
// get who wait.
func TestOwnAnswersAreNotShared(t *testing.T) {
	for _, line := range []string{"Cache-Control: private, max-age=60", "Cache-Control: no-store", "Set-Cookie: a=b", "Vary: Cookie", "Vary: *"} {
		synctest.Test(t, func(t *testing.T) {
			h, o := newCache(t, 16<<20), says(line, "Cache-Control: max-age=60")
			answer := o.answer
			o.answer = func(n int, w http.ResponseWriter, r *http.Request) error {
				time.Sleep(time.Second) // so that all of them wait
				return answer(n, w, r)
			}
			got := make(chan string, 5)
			for range cap(got) {
				go func() { got <- bodyOf(get(t, h, o, seg)) }()
			}
			seen := make(map[string]bool)
			for range cap(got) {
				body := <-got
				if seen[body] {
					t.Errorf("%s: two got %q", line, body)
				}
				seen[body] = true
			}
			if body := bodyOf(get(t, h, o, seg)); seen[body] {
				t.Errorf("%s: a later one got %q too", line, body)
			}
			h.store.close()
		})
	}
}

// Where the answer depends on what the cache has taken out of the request, the
// request goes to the origin once more, as it came.
func TestRequestsAreRepeatedAsTheyCame(t *testing.T) {
	for _, refusal := range []int{http.StatusUnauthorized, http.StatusForbidden} {
		h := newCache(t, 16<<20)
		o := &origin{answer: func(_ int, w http.ResponseWriter, r *http.Request) error {
			if r.Header.Get("X-Playgate-Token-Id") == "" {
				w.WriteHeader(refusal)
				return nil
			}
			_, err := io.WriteString(w, "for "+r.Header.Get("X-Playgate-Token-Id"))
			return err
		}}
		for _, id := range []string{"t1", "t2"} {
			if w := get(t, h, o, seg, "X-Playgate-Token-Id: "+id); w.Code != http.StatusOK || bodyOf(w) != "for "+id {
				t.Errorf("%s: %d %q", id, w.Code, bodyOf(w))
			}
		}
	}
}

// Without a gate, with the token on its way to the origin, or for a socket, there
// is no cache.
func TestUncachedRequests(t *testing.T) {
	own := &handoff.Target{Org: "acme", Stream: "cam1", Own: true}
	for name, r := range map[string]func() *http.Request{
		"no gate":   func() *http.Request { return allowed(httptest.NewRequest(http.MethodGet, seg, nil), nil) },
		"own":       func() *http.Request { return allowed(httptest.NewRequest(http.MethodGet, seg, nil), own) },
		"a socket":  func() *http.Request { return ask(http.MethodGet, seg, "Connection: Upgrade", "Upgrade: websocket") },
		"a body":    func() *http.Request { r := ask(http.MethodGet, seg); r.ContentLength = 3; return r },
		"POST":      func() *http.Request { return ask(http.MethodPost, seg) },
		"no-store":  func() *http.Request { return ask(http.MethodGet, seg, "Cache-Control: no-store") },
		"If-Match":  func() *http.Request { return ask(http.MethodGet, seg, "If-Match: \"1\"") },
		"a HEAD":    func() *http.Request { return ask(http.MethodHead, seg) },
		"lowercase": func() *http.Request { return ask("get", seg) },
	} {
		h, o := newCache(t, 16<<20), says("Cache-Control: max-age=60")
		for i := range 2 {
			r := r()
			do(t, h, o, r)
			if o.count() != i+1 {
				t.Errorf("%s: %d requests after %d", name, o.count(), i+1)
			}
			if o.last() != r {
				t.Errorf("%s: the origin got another request", name)
			}
		}
	}
}

func TestRanges(t *testing.T) {
	h := newCache(t, 16<<20)
	o := &origin{answer: func(_ int, w http.ResponseWriter, r *http.Request) error {
		if r.Header.Get("Range") != "" {
			t.Error("the origin got a range")
		}
		w.Header().Set("Cache-Control", "max-age=60")
		w.Header().Set("Etag", `"1"`)
		w.Header().Set("Content-Type", "video/mp4")
		_, err := io.WriteString(w, "0123456789")
		return err
	}}
	get(t, h, o, seg)
	settled(t, h)
	for _, tt := range []struct {
		lines  []string
		status int
		body   string
		part   string
	}{
		{[]string{"Range: bytes=2-4"}, 206, "234", "bytes 2-4/10"},
		{[]string{"Range: bytes=7-"}, 206, "789", "bytes 7-9/10"},
		{[]string{"Range: bytes=-2"}, 206, "89", "bytes 8-9/10"},
		{[]string{"Range: bytes=5-500"}, 206, "56789", "bytes 5-9/10"},
		{[]string{"Range: bytes=10-"}, 416, "", "bytes */10"},
		{[]string{"Range: bytes=4-2"}, 416, "", ""},
		{[]string{"Range: bytes=2-4", `If-Range: "1"`}, 206, "234", "bytes 2-4/10"},
		{[]string{"Range: bytes=2-4", `If-Range: "2"`}, 200, "0123456789", ""},
		{[]string{"Range: bytes=" + strings.Repeat("1-1,", mostRanges) + "2-2"}, 200, "0123456789", ""},
		{[]string{`If-None-Match: "1"`}, 304, "", ""},
		{[]string{`If-None-Match: W/"1", "3"`}, 304, "", ""},
		{[]string{`If-None-Match: "2"`}, 200, "0123456789", ""},
		{[]string{`If-Match: "2"`}, 412, "", ""},
	} {
		w := get(t, h, o, seg, tt.lines...)
		if w.Code != tt.status || w.Header().Get("Content-Range") != tt.part || tt.status < 400 && bodyOf(w) != tt.body {
			t.Errorf("%v: %d %q %q", tt.lines, w.Code, w.Header().Get("Content-Range"), bodyOf(w))
		}
		if w.Code < 300 && !strings.HasPrefix(statusOf(w), "Playgate; hit") {
			t.Errorf("%v: %s", tt.lines, statusOf(w))
		}
	}
	if o.count() != 1 {
		t.Errorf("%d requests to the origin", o.count())
	}
}

// Several ranges come as several parts.
func TestManyRanges(t *testing.T) {
	h, o := newCache(t, 16<<20), says("Cache-Control: max-age=60", "Content-Type: video/mp4")
	get(t, h, o, seg)
	settled(t, h)
	w := get(t, h, o, seg, "Range: bytes=0-1,3-4")
	kind, params, err := mime.ParseMediaType(w.Header().Get("Content-Type"))
	if w.Code != http.StatusPartialContent || kind != "multipart/byteranges" || err != nil {
		t.Fatalf("%d %s %v", w.Code, kind, err)
	}
	var parts []string
	for r := multipart.NewReader(w.Body, params["boundary"]); ; {
		part, err := r.NextPart()
		if err != nil {
			break
		}
		text, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, part.Header.Get("Content-Range")+" "+string(text))
	}
	if !slices.Equal(parts, []string{"bytes 0-1/8 an", "bytes 3-4/8 we"}) || o.count() != 1 {
		t.Errorf("%q after %d requests", parts, o.count())
	}
}

// A range that is asked for first is cut from the whole, which then is there for
// all.
func TestRangeFirst(t *testing.T) {
	h := newCache(t, 16<<20)
	o := &origin{answer: func(_ int, w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Cache-Control", "max-age=60")
		w.Header().Set("Content-Length", "10")
		_, err := io.WriteString(w, "0123456789")
		return err
	}}
	if w := get(t, h, o, seg, "Range: bytes=2-4"); w.Code != 206 || bodyOf(w) != "234" {
		t.Errorf("%d %q", w.Code, bodyOf(w))
	}
	settled(t, h)
	if w := get(t, h, o, seg); bodyOf(w) != "0123456789" || o.count() != 1 {
		t.Errorf("%q after %d requests", bodyOf(w), o.count())
	}
}

// A range of what is too large to be kept, or may not be, is the origin's.
func TestRangeOfWhatIsNotKept(t *testing.T) {
	for _, lines := range [][]string{
		{"Cache-Control: max-age=60", "Content-Length: 3000000000"},
		{"Cache-Control: no-store"},
	} {
		h := newCache(t, 16<<20)
		o := says(lines...)
		whole := o.answer
		o.answer = func(n int, w http.ResponseWriter, r *http.Request) error {
			if r.Header.Get("Range") == "bytes=2-4" {
				w.Header().Set("Content-Range", "bytes 2-4/3000000000")
				w.WriteHeader(http.StatusPartialContent)
				_, err := io.WriteString(w, "234")
				return err
			}
			if err := whole(n, w, r); err != nil {
				return err
			}
			<-r.Context().Done() // the rest takes its time
			panic(http.ErrAbortHandler)
		}
		if w := get(t, h, o, seg, "Range: bytes=2-4"); w.Code != 206 || bodyOf(w) != "234" {
			t.Errorf("%v: %d %q", lines, w.Code, bodyOf(w))
		}
		settled(t, h) // what nobody needs is given up
	}
}

func TestRevalidation(t *testing.T) {
	for _, validator := range []string{"Etag: \"1\"", "Last-Modified: Sat, 28 Nov 2026 11:00:00 GMT"} {
		synctest.Test(t, func(t *testing.T) {
			h, changed := newCache(t, 16<<20), false
			o := &origin{answer: func(n int, w http.ResponseWriter, r *http.Request) error {
				w.Header().Set("Cache-Control", "max-age=10")
				name, value, _ := strings.Cut(validator, ": ")
				asked := r.Header.Get("If-None-Match") == `"1"` || r.Header.Get("If-Modified-Since") == "Sat, 28 Nov 2026 11:00:00 GMT"
				if asked && !changed {
					w.Header().Set("X-Fresh", "yes")
					w.WriteHeader(http.StatusNotModified)
					return nil
				}
				w.Header().Set(name, value)
				_, err := io.WriteString(w, "body")
				if n > 1 {
					_, err = io.WriteString(w, " changed")
				}
				return err
			}}
			get(t, h, o, seg)
			time.Sleep(11 * time.Second)
			w := get(t, h, o, seg)
			if bodyOf(w) != "body" || w.Header().Get("X-Fresh") != "yes" || !strings.HasPrefix(statusOf(w), "Playgate; fwd=stale; fwd-status=304") {
				t.Errorf("%q %s %v", bodyOf(w), statusOf(w), w.Header())
			}
			synctest.Wait()
			if w := get(t, h, o, seg); !strings.HasPrefix(statusOf(w), "Playgate; hit; ttl=10") || o.count() != 2 {
				t.Errorf("%s after %d requests", statusOf(w), o.count())
			}
			time.Sleep(11 * time.Second)
			changed = true
			if w := get(t, h, o, seg); bodyOf(w) != "body changed" {
				t.Errorf("%q", bodyOf(w))
			}
			h.store.close()
		})
	}
}

// An answer that says of another version that it is not modified, or that it is not
// for everybody any more, makes nothing fresh.
func TestOddRevalidations(t *testing.T) {
	for _, line := range []string{"Etag: \"2\"", "Cache-Control: private", "Cache-Control: no-store", "Set-Cookie: a=b", "Vary: *"} {
		synctest.Test(t, func(t *testing.T) {
			h := newCache(t, 16<<20)
			o := &origin{answer: func(n int, w http.ResponseWriter, r *http.Request) error {
				w.Header().Set("Etag", `"1"`)
				w.Header().Set("Cache-Control", "max-age=10")
				if r.Header.Get("If-None-Match") != "" {
					name, value, _ := strings.Cut(line, ": ")
					w.Header().Set(name, value)
					w.WriteHeader(http.StatusNotModified)
					return nil
				}
				_, err := fmt.Fprintf(w, "answer %d", n)
				return err
			}}
			get(t, h, o, seg)
			time.Sleep(11 * time.Second)
			if w := get(t, h, o, seg); w.Code != http.StatusOK || bodyOf(w) != "answer 3" {
				t.Errorf("%s: %d %q", line, w.Code, bodyOf(w))
			}
			h.store.close()
		})
	}
}

func TestStaleIfError(t *testing.T) {
	failures := map[string]func(w http.ResponseWriter) error{
		"a status": func(w http.ResponseWriter) error { w.WriteHeader(http.StatusBadGateway); return nil },
		"an own one": func(w http.ResponseWriter) error {
			w.Header().Set("Cache-Control", "no-store")
			w.WriteHeader(503)
			return nil
		},
		"no answer":    func(http.ResponseWriter) error { return caddyhttp.Error(http.StatusBadGateway, errors.New("refused")) },
		"an abort":     func(http.ResponseWriter) error { panic(http.ErrAbortHandler) },
		"a real panic": func(http.ResponseWriter) error { panic("a bug") },
	}
	for name, fail := range failures {
		synctest.Test(t, func(t *testing.T) {
			h, o := newCache(t, 16<<20), says("Cache-Control: max-age=10, stale-if-error=60")
			answer := o.answer
			o.answer = func(n int, w http.ResponseWriter, r *http.Request) error {
				if n == 1 || n == 3 {
					return answer(n, w, r)
				}
				return fail(w)
			}
			get(t, h, o, seg)
			time.Sleep(30 * time.Second)
			if w := get(t, h, o, seg); bodyOf(w) != "answer 1" || !strings.Contains(statusOf(w), "stale-if-error") {
				t.Errorf("%s: %d %q %s", name, w.Code, bodyOf(w), statusOf(w))
			}
			if w := get(t, h, o, seg); bodyOf(w) != "answer 3" {
				t.Errorf("%s: then %q", name, bodyOf(w))
			}
			time.Sleep(71 * time.Second)
			if w := get(t, h, o, seg); w.Code < 500 {
				t.Errorf("%s: after its time %d %q", name, w.Code, bodyOf(w))
			}
			h.store.close()
		})
	}
}

// The origin is asked for no coding, whatever a client takes, so that all share an answer.
// One that comes coded all the same is for all as well, as it would be without a cache.
func TestCodings(t *testing.T) {
	for _, coding := range []string{"", "gzip"} {
		h, o := newCache(t, 16<<20), says("Cache-Control: max-age=60", "Vary: Accept-Encoding", "Content-Encoding: "+coding)
		for _, accepts := range []string{"gzip", "br, gzip;q=0.5", "identity", "", "gzip;q=0", "br"} {
			w := get(t, h, o, seg, "Accept-Encoding: "+accepts)
			settled(t, h)
			if bodyOf(w) != "answer 1" || o.count() != 1 || o.last().Header.Get("Accept-Encoding") != "identity" {
				t.Errorf("%q got %q after %d requests for %v", accepts, bodyOf(w), o.count(), o.last().Header)
			}
		}
	}
}

// Failures are told to those who wait and are not remembered.
func TestFailuresAreNotStored(t *testing.T) {
	for _, status := range []int{500, 502, 503, 504} {
		h := newCache(t, 16<<20)
		o := &origin{answer: func(_ int, w http.ResponseWriter, _ *http.Request) error {
			w.Header().Set("Cache-Control", "max-age=60")
			w.WriteHeader(status)
			return nil
		}}
		for i := range 3 {
			if w := get(t, h, o, seg); w.Code != status || o.count() != i+1 {
				t.Errorf("%d: %d after %d requests", status, w.Code, o.count())
			}
			settled(t, h)
		}
	}
}

// A body that is shorter than announced, or breaks off, is not stored, and the
// client learns that it is not complete.
func TestBrokenBodiesAreNotStored(t *testing.T) {
	for name, end := range map[string]func() error{
		"too short":  func() error { return nil },
		"broken off": func() error { panic(http.ErrAbortHandler) },
		"an error":   func() error { return errors.New("reset") },
	} {
		h := newCache(t, 16<<20)
		o := &origin{answer: func(_ int, w http.ResponseWriter, _ *http.Request) error {
			w.Header().Set("Cache-Control", "max-age=60")
			w.Header().Set("Content-Length", "10")
			if _, err := io.WriteString(w, "01234"); err != nil {
				return err
			}
			return end()
		}}
		for i := range 2 {
			w := httptest.NewRecorder()
			if err := h.ServeHTTP(w, ask(http.MethodGet, seg), o); err == nil {
				t.Errorf("%s: no error after %q", name, w.Body)
			}
			settled(t, h)
			if o.count() != i+1 {
				t.Errorf("%s: it was stored", name)
			}
		}
	}
}

// The first rule that matches says how long what the origin says nothing of is
// fresh.
func TestTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newCache(t, 16<<20,
			TTL{Path: "/live/*/*/*.m3u8", For: caddy.Duration(time.Second)},
			TTL{Path: "/live/*", For: caddy.Duration(time.Minute)})
		o := says()
		for _, url := range []string{cam1 + "index.m3u8?x=.mp4", seg} {
			get(t, h, o, url)
		}
		time.Sleep(2 * time.Second)
		if w := get(t, h, o, cam1+"index.m3u8?x=.mp4"); bodyOf(w) != "answer 3" {
			t.Errorf("the playlist is %q", bodyOf(w))
		}
		if w := get(t, h, o, seg); !strings.HasPrefix(statusOf(w), "Playgate; hit; ttl=5") {
			t.Errorf("%q %s", bodyOf(w), statusOf(w))
		}
		h.store.close()
	})
}

// A request that may change something makes the cache forget it (RFC 9111,
// section 4.4).
func TestUnsafeMethodsInvalidate(t *testing.T) {
	for status, forgotten := range map[int]bool{200: true, 204: true, 303: true, 404: false, 500: false} {
		h, o := newCache(t, 16<<20), says("Cache-Control: max-age=60")
		get(t, h, o, seg)
		settled(t, h)
		changer := &origin{answer: func(_ int, w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(status); return nil }}
		do(t, h, changer, ask(http.MethodPost, seg))
		get(t, h, o, seg)
		if got := o.count() == 2; got != forgotten {
			t.Errorf("%d: forgotten is %v", status, got)
		}
	}
}

// What a handler above has set is seen below, also by a request that the cache
// makes itself.
func TestPlaceholdersReachFetches(t *testing.T) {
	h := newCache(t, 16<<20)
	var got string
	o := &origin{answer: func(_ int, w http.ResponseWriter, r *http.Request) error {
		repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
		got = repl.ReplaceAll("{mine} {http.vars.x} {http.request.header.user-agent} {http.request.orig_uri.path} {http.request.header.cookie}", "")
		w.WriteHeader(http.StatusOK)
		return nil
	}}
	r := ask(http.MethodGet, seg, "User-Agent: player", "Referer: https://a.example/")
	r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer).Set("mine", "set above")
	caddyhttp.SetVar(r.Context(), "x", "a variable")
	do(t, h, o, r)
	if want := "set above a variable Playgate /live/acme/cam1/seg1.m4s "; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if err := context.Cause(o.last().Context()); err == nil {
		t.Error("the fetch is over, and its context is not")
	}
}
