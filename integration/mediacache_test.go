package integration_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/playgate/playgate/integration/harness"
)

// cached is a gate with a cache below it.
var cached = setup{site: "playgate_cache"}

// Two viewers cost the origin one fetch, a cached object without a token is 401,
// and no cached object holds anyone's token.
func TestMediaCacheBelowTheGate(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"query", "off", "path"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			g := guard(t, setup{site: "playgate_cache", gate: "propagate " + mode}, cacheable)
			if mode == "query" {
				twoViewers(t, g.Server, g.origin, g.key)
				return
			}
			// Each viewer's token is in the path, and root-absolute URIs alone get it.
			for i, user := range []string{"one", "two"} {
				token := g.key.Token(t, "--org", "org1", "--stream", "cam", "--user", user)
				if a := g.get(t, "/live/~"+token+"/org1/cam/seg.ts"); a.Status != http.StatusOK || string(a.Body) != "media" {
					t.Errorf("viewer %d: %d %q", i+1, a.Status, a.Body)
				}
			}
			if n := len(g.origin.Calls()); n != 1 {
				t.Errorf("%d requests to the origin", n)
			}
		})
	}
}

// A refused request never reaches the cache: not with a bad token, not for another
// stream, not where error routes have a cache of their own.
func TestRefusedRequestsNeverReachTheCache(t *testing.T) {
	t.Parallel()
	for _, s := range []setup{
		cached,
		{site: "playgate_cache\nhandle_errors {\nrewrite * /page.html\nplaygate_cache\nfile_server\n}", gate: "errors terse pass"},
	} {
		g := guard(t, s, cacheable)
		token := g.key.Token(t, "--org", "org1", "--stream", "cam")
		for range 2 {
			if a := g.get(t, target(token)); a.Status != http.StatusOK || string(a.Body) != "media" {
				t.Fatalf("%d %q", a.Status, a.Body)
			}
		}
		for name, refused := range map[string]string{
			"no token":       "/live/org1/cam/seg.ts",
			"bad signature":  target(token[:len(token)-4] + "AAAA"),
			"another stream": target(g.key.Token(t, "--org", "org1", "--stream", "other")),
			"another org":    target(g.key.Token(t, "--org", "org2", "--orgwide")),
			"a second path":  "/live/org1/cam/../cam/seg.ts?token=" + token,
		} {
			a := g.get(t, refused)
			if a.Status == http.StatusOK || string(a.Body) == "media" {
				t.Errorf("%s: it plays", name)
			}
			if how := a.Header.Get("Cache-Status"); how != "" {
				t.Errorf("%s: the cache was asked: %s", name, how)
			}
		}
	}
}

// What one viewer sends is not what the origin gets for all, and what the origin
// gives to one is not what another gets.
func TestNothingOfOneViewerReachesAnother(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	g := guard(t, cached, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/live/org1/cam/own"):
			w.Header().Set("Set-Cookie", fmt.Sprintf("sid=%d", n.Add(1)))
		case strings.HasPrefix(r.URL.Path, "/live/org1/cam/private"):
			w.Header().Set("Cache-Control", "private, max-age=60")
		default:
			w.Header().Set("Cache-Control", "max-age=60")
		}
		fmt.Fprintf(w, "cookie %q, id %q, tag %q, token %q, referer %q, host %q", r.Header.Get("Cookie"), r.Header.Get("X-Playgate-Token-Id"), r.Header.Get("X-Playgate-Tag"), r.URL.RawQuery, r.Header.Get("Referer"), r.Header.Get("X-Host"))
	}))
	one := g.key.Token(t, "--org", "org1", "--stream", "cam", "--tag", "tag-of-one")
	two := g.key.Token(t, "--org", "org1", "--stream", "cam", "--tag", "tag-of-two")
	const nobody = `cookie "", id "", tag "", token "", referer "", host ""`
	get := func(name, token string, headers ...string) harness.Answer {
		return g.get(t, "/live/org1/cam/"+name+"?token="+token, headers...)
	}
	if a := get("seg.ts", one, "Referer: https://one.example/page?x", "X-Host: evil.example"); string(a.Body) != nobody {
		t.Errorf("the first one got %q", a.Body)
	}
	if a := get("seg.ts", two); string(a.Body) != nobody {
		t.Errorf("the second one got %q", a.Body)
	}
	if a := get("cookie.ts", one, "Cookie: sid=one"); string(a.Body) != nobody {
		t.Errorf("one with a cookie got %q", a.Body)
	}
	if a := get("cookie.ts", two); string(a.Body) != nobody {
		t.Errorf("after one with a cookie: %q", a.Body)
	}
	first := get("own.ts", one)
	if second := get("own.ts", two); second.Header.Get("Set-Cookie") == first.Header.Get("Set-Cookie") {
		t.Errorf("two viewers got the cookie %q", second.Header.Get("Set-Cookie"))
	}
	if a := get("private.ts", one); !strings.HasPrefix(string(a.Body), "cookie") {
		t.Errorf("%q", a.Body)
	}
	if a := get("private.ts", two); strings.Contains(string(a.Body), "tag-of-one") || !strings.Contains(string(a.Body), "tag-of-two") {
		t.Errorf("what is private: %q", a.Body)
	}
	if raw := g.origin.Raw(); strings.Contains(raw, one) || strings.Contains(raw, two) {
		t.Error("a token reached the origin")
	}
}

// paced is an origin whose answers are as long as their path says, and come in two
// halves: the second one when it is let go.
type paced struct {
	size int
	wait time.Duration // before the first byte
	more chan struct{}
}

func (p *paced) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	time.Sleep(p.wait)
	w.Header().Set("Cache-Control", "max-age=3600")
	w.Header().Set("Content-Type", "video/mp4")
	w.Header().Set("Content-Length", fmt.Sprint(p.size))
	half := bytes.Repeat([]byte("media"), p.size/10)
	w.Write(half)
	http.NewResponseController(w).Flush()
	select {
	case <-p.more:
	case <-r.Context().Done():
		return
	}
	w.Write(half)
}

// 200 viewers on one cold 1 MB object of a slow origin: one origin request, and
// the last one's first byte comes with the first one's.
func TestManyViewersOfOneColdObject(t *testing.T) {
	t.Parallel()
	origin := &paced{size: 1_000_000, wait: time.Second, more: make(chan struct{})}
	g := guard(t, cached, origin)
	var begun, done sync.WaitGroup
	tokens := make([]string, 5)
	for i := range tokens {
		tokens[i] = g.key.Token(t, "--org", "org1", "--stream", "cam", "--user", fmt.Sprint(i))
	}
	firsts := make([]time.Duration, 200)
	start := time.Now()
	for i := range firsts {
		token := tokens[i%len(tokens)]
		begun.Add(1)
		done.Go(func() {
			conn, err := net.Dial("tcp", g.HTTP)
			if err != nil {
				t.Error(err)
				begun.Done()
				return
			}
			defer conn.Close()
			fmt.Fprintf(conn, "GET /live/org1/cam/cold.m4s?token=%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", token, g.HTTP)
			answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err == nil {
				_, err = io.ReadFull(answer.Body, make([]byte, 1))
			}
			firsts[i] = time.Since(start)
			begun.Done()
			if err != nil {
				t.Error(err)
				return
			}
			if rest, err := io.ReadAll(answer.Body); len(rest) != origin.size-1 || err != nil {
				t.Errorf("%d bytes, %v", len(rest), err)
			}
		})
	}
	begun.Wait() // and the second half is still to come
	close(origin.more)
	done.Wait()
	if n := len(g.origin.Calls()); n != 1 {
		t.Errorf("%d requests to the origin", n)
	}
	slices.Sort(firsts)
	t.Logf("first bytes after %v to %v (%.2f)", firsts[0], firsts[len(firsts)-1], float64(firsts[len(firsts)-1])/float64(firsts[0]))
}

// lowLatencyOrigin serves a playlist that is asked for with blocking reloads, and
// its parts. It answers when what is asked for is there.
type lowLatencyOrigin struct {
	mu   sync.Mutex
	part int
	next chan struct{}
}

func newLowLatencyOrigin() *lowLatencyOrigin { return &lowLatencyOrigin{next: make(chan struct{})} }

func (o *lowLatencyOrigin) publish() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.part++
	close(o.next)
	o.next = make(chan struct{})
}

func (o *lowLatencyOrigin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var part int
	if _, err := fmt.Sscanf(r.URL.Query().Get("_HLS_part"), "%d", &part); err != nil {
		fmt.Sscanf(r.URL.Path, "/live/org1/cam/part%d.mp4", &part)
	}
	for {
		o.mu.Lock()
		there, next := o.part >= part, o.next
		o.mu.Unlock()
		if there {
			break
		}
		select {
		case <-next:
		case <-r.Context().Done():
			return
		}
	}
	w.Header().Set("Cache-Control", "max-age=6")
	if strings.HasSuffix(r.URL.Path, ".m3u8") {
		w.Header().Set("Content-Type", "application/vnd.apple.mpegurl")
		fmt.Fprintf(w, "#EXTM3U\n#EXT-X-PART:DURATION=0.2,URI=\"part%d.mp4\"\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"part%d.mp4\"\n", part, part+1)
		return
	}
	w.Header().Set("Content-Type", "video/mp4")
	w.Write(bytes.Repeat([]byte{byte(part)}, 10_000))
}

// 2,000 viewers of a low-latency stream: one origin request for each playlist and
// part, though all of them ask before it is there.
func TestLowLatencyReloadsCollapse(t *testing.T) {
	t.Parallel()
	const viewers, parts = 2000, 4
	origin := newLowLatencyOrigin()
	g := guard(t, cached, origin)
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	var asked [parts + 1]sync.WaitGroup
	for i := range asked {
		asked[i].Add(viewers)
	}
	var done sync.WaitGroup
	for range viewers {
		done.Go(func() {
			conn, err := net.Dial("tcp", g.HTTP)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			in := bufio.NewReader(conn)
			get := func(target string, sent func()) ([]byte, error) {
				fmt.Fprintf(conn, "GET /live/org1/cam/%s HTTP/1.1\r\nHost: %s\r\n\r\n", target, g.HTTP)
				sent()
				a, err := http.ReadResponse(in, nil)
				if err != nil {
					return nil, err
				}
				defer a.Body.Close()
				if a.StatusCode != http.StatusOK {
					return nil, fmt.Errorf("%s: status %d", target, a.StatusCode)
				}
				return io.ReadAll(a.Body)
			}
			for part := 1; part <= parts; part++ {
				text, err := get(fmt.Sprintf("index.m3u8?_HLS_msn=1&_HLS_part=%d&token=%s", part, token), asked[part].Done)
				if want := fmt.Sprintf("part%d.mp4?token=%s", part, token); err != nil || !strings.Contains(string(text), want) {
					t.Errorf("%v, %q", err, text)
					return
				}
				media, err := get(fmt.Sprintf("part%d.mp4?token=%s", part, token), func() {})
				if err != nil || !bytes.Equal(media, bytes.Repeat([]byte{byte(part)}, 10_000)) {
					t.Errorf("%v, %d bytes", err, len(media))
					return
				}
			}
		})
	}
	asked[1].Wait()
	before := g.CPU(t)
	for part := 1; part <= parts; part++ {
		asked[part].Wait()
		origin.publish()
	}
	done.Wait()
	each := (g.CPU(t) - before) / (viewers * parts)
	t.Logf("CPU for a viewer's playlist and part: %v; for a second of 3 parts: %v", each, 3*each)
	fetched := map[string]int{}
	for _, call := range g.origin.Calls() {
		fetched[call.Target]++
	}
	if len(fetched) != 2*parts {
		t.Errorf("the origin got %v", fetched)
	}
	for target, n := range fetched {
		if n != 1 {
			t.Errorf("%s: %d requests to the origin", target, n)
		}
	}
}

// cachedIssuer is a server that makes its own tokens and has a cache.
var cachedIssuer = strings.Replace(issuer, "reverse_proxy {$ORIGIN}", "playgate_cache\n\treverse_proxy {$ORIGIN}", 1)

// A revocation during a fetch cuts whom it concerns, and nobody else: the others
// get all of it.
func TestRevocationDuringACachedFetch(t *testing.T) {
	t.Parallel()
	origin := &paced{size: 400_000, more: make(chan struct{})}
	i := startIssuingFor(t, origin, cachedIssuer, nil)
	i.do(t, "org", "create", "org1")
	type result struct {
		n   int
		err error
	}
	watch := func(token string, begun func()) result {
		answer, err := http.Get("http://" + i.HTTP + "/live/org1/cam/seg.m4s?token=" + token)
		if err != nil {
			return result{0, err}
		}
		defer answer.Body.Close()
		n, err := io.ReadFull(answer.Body, make([]byte, origin.size/2))
		begun()
		if err != nil {
			return result{n, err}
		}
		rest, err := io.ReadAll(answer.Body)
		return result{n + len(rest), err}
	}
	leader := i.do(t, "token", "create", "--org", "org1", "--stream", "cam", "--tag", "bad")
	other := i.do(t, "token", "create", "--org", "org1", "--stream", "cam")
	results := map[string]chan result{leader: make(chan result, 1), other: make(chan result, 1)}
	for _, token := range []string{leader, other} { // the one that is cut has begun the fetch
		begun := make(chan struct{})
		go func() { results[token] <- watch(token, func() { close(begun) }) }()
		<-begun
	}
	i.do(t, "token", "revoke", "--org", "org1", "--tag", "bad")
	if cut := <-results[leader]; cut.err == nil || cut.n > origin.size/2 {
		t.Errorf("the revoked one got %d bytes, %v", cut.n, cut.err)
	}
	i.plays(t, leader, http.StatusUnauthorized)
	close(origin.more)
	if got := <-results[other]; got.err != nil || got.n != origin.size {
		t.Errorf("the other one got %d bytes, %v", got.n, got.err)
	}
	if n := len(i.origin.Calls()); n != 1 {
		t.Errorf("%d requests to the origin", n)
	}
}

// A purge forgets what it names, by command and by API, at once, and no more; who
// is reading reads on.
func TestPurge(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	more := make(chan struct{})
	i := startIssuingFor(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=3600")
		fmt.Fprintf(w, "answer %d", n.Add(1))
		if strings.HasSuffix(r.URL.Path, "/slow") {
			http.NewResponseController(w).Flush()
			<-more
			io.WriteString(w, ", complete")
		}
	}), cachedIssuer, nil)
	for _, org := range []string{"org1", "org2"} {
		i.do(t, "org", "create", org)
	}
	tokens := map[string]string{}
	for _, org := range []string{"org1", "org2"} {
		tokens[org] = i.do(t, "token", "create", "--org", org, "--orgwide")
	}
	get := func(org, path string) string {
		return string(i.get(t, "/live/"+org+"/"+path+"?token="+tokens[org]).Body)
	}
	all := [][2]string{{"org1", "cam/a"}, {"org1", "cam/b"}, {"org1", "other/a"}, {"org2", "cam/a"}}
	before := map[[2]string]string{}
	for _, o := range all {
		before[o] = get(o[0], o[1])
	}
	check := func(what string, forgotten ...[2]string) {
		t.Helper()
		for _, o := range all {
			now := get(o[0], o[1])
			if changed := now != before[o]; changed != slices.Contains(forgotten, o) {
				t.Errorf("%s: %v is forgotten: %v", what, o, changed)
			}
			before[o] = now
		}
	}
	check("nothing")
	i.do(t, "cache", "purge", "--org", "org1", "--stream", "cam")
	check("a stream", all[0], all[1])
	i.do(t, "cache", "purge", "--url", "http://"+i.HTTP+"/live/org1/cam/b?token="+tokens["org1"])
	check("a URL", all[1])
	i.do(t, "cache", "purge", "--org", "org1")
	check("an organisation", all[0], all[1], all[2])

	// By the API: an organisation's own, and nothing of others.
	purge := func(key, body string) (int, int) {
		t.Helper()
		r, err := http.NewRequest(http.MethodPost, i.api+"/api/v1/purges", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+key)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		var out struct{ Objects int }
		if err := json.NewDecoder(answer.Body).Decode(&out); err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, out.Objects
	}
	key := i.do(t, "apikey", "create", "--role", "issue", "--org", "org2")
	if status, n := purge(key, `{"url":"http://`+i.HTTP+`/live/org1/cam/a"}`); status != http.StatusOK || n != 0 {
		t.Errorf("what is another's: %d, %d objects", status, n)
	}
	if status, _ := purge(key, `{"org":"org1"}`); status != http.StatusUnprocessableEntity {
		t.Errorf("another organisation: %d", status)
	}
	check("nothing of another's")
	if status, n := purge(key, `{"url":"https://`+i.HTTP+`/live/org2/cam/a"}`); status != http.StatusOK || n != 1 {
		t.Errorf("an own URL: %d, %d objects", status, n)
	}
	check("an own URL", all[3])

	// During a fetch.
	answer, err := http.Get("http://" + i.HTTP + "/live/org1/cam/slow?token=" + tokens["org1"])
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	i.do(t, "cache", "purge", "--org", "org1")
	close(more)
	was, err := io.ReadAll(answer.Body)
	if err != nil || !strings.HasSuffix(string(was), ", complete") {
		t.Errorf("who was reading got %q, %v", was, err)
	}
	if now := get("org1", "cam/slow"); now == string(was) {
		t.Errorf("after the purge %q again", now)
	}
}

// A reload of the configuration keeps what is cached and what is on its way.
func TestReloadKeepsTheCache(t *testing.T) {
	t.Parallel()
	origin := &paced{size: 100_000, more: make(chan struct{})}
	g := guard(t, cached, origin)
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	get := func() (int, error) {
		answer, err := http.Get("http://" + g.HTTP + "/live/org1/cam/seg.m4s?token=" + token)
		if err != nil {
			return 0, err
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		return len(body), err
	}
	first := make(chan error, 1)
	answer, err := http.Get("http://" + g.HTTP + "/live/org1/cam/seg.m4s?token=" + token)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err == nil && len(body) != origin.size {
			err = fmt.Errorf("%d bytes", len(body))
		}
		first <- err
	}()
	again := setup{site: "playgate_cache {\nmemory 256MiB\n}"}
	if r := g.Reload(again.caddyfile()); r.Code != 0 {
		t.Fatal(r)
	}
	joined := make(chan error, 1)
	go func() {
		n, err := get()
		if err == nil && n != origin.size {
			err = fmt.Errorf("%d bytes", n)
		}
		joined <- err
	}()
	harness.Wait(t, "the second viewer to join", func() bool {
		return strings.Contains(string(harness.Curl(t, "http://"+g.Admin+"/metrics").Body), "playgate_cache_requests_total{result=\"collapsed\"} 1\n")
	})
	close(origin.more)
	for _, c := range []chan error{first, joined} {
		if err := <-c; err != nil {
			t.Error(err)
		}
	}
	if r := g.Reload(cached.caddyfile()); r.Code != 0 {
		t.Fatal(r)
	}
	if n, err := get(); n != origin.size || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	if n := len(g.origin.Calls()); n != 1 {
		t.Errorf("%d requests to the origin", n)
	}
}
