package integration_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// fresh answers that may be kept for a minute, with what it was asked for.
func fresh(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "max-age=60")
	fmt.Fprintf(w, "%s of %s for %s", r.RequestURI, r.Host, r.Header.Get("X-Tier"))
}

// madeFor are the heads of the requests for a path that the origin got, with the path
// taken out.
func (g *guarded) madeFor(path string) (heads []string) {
	for _, call := range g.origin.Calls() {
		if p, _, _ := strings.Cut(call.Target, "?"); p == path {
			heads = append(heads, strings.Replace(call.Head, path, "PATH", 1))
		}
	}
	return heads
}

// For any request head that is sent twice, in any case, with any value, in trailers, over
// HTTP/1, 2 and 3: the recording origin's shared request is byte for byte the one that a
// bare request makes.
func TestSharedRequestIsThatOfABareOne(t *testing.T) {
	t.Parallel()
	g := guard(t, cached, http.HandlerFunc(fresh))
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	sent := [][]string{
		{"X-Host: evil.example"},
		{"X-Host: evil.example", "X-Host: evil2.example"},
		{"x-hOST: evil.example", "X-HOST: two"},
		{"X-Forwarded-Host: evil.example", "X-Forwarded-Host: evil2.example"},
		{"X-Forwarded-Proto: https", "X-Forwarded-Proto: http"},
		{"X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 192.0.2.2"},
		{"X-Forwarded-Port: 1", "X-Forwarded-Server: a", "X-Real-IP: 192.0.2.1", "True-Client-IP: 192.0.2.1"},
		{"Forwarded: host=evil.example;proto=https", "Forwarded: for=192.0.2.1"},
		{"User-Agent: one", "User-Agent: two"},
		{"Accept-Language: de", "Accept-Language: en"},
		{"Accept: video/mp4", "Accept: */*;q=0.1"},
		{"Referer: https://one.example/page", "Origin: https://one.example"},
		{"Cookie: a=b"},
		{"Cookie: a=b", "Cookie: c=d"},
		{"Authorization: Basic YTpi"},
		{"Range: bytes=0-3"},
		{"Range: bytes=0-3", "Range: bytes=5-"},
		{"Range: bytes=2-3", "If-Range: \"1\""},
		{"If-None-Match: \"1\"", "If-None-Match: \"2\""},
		{"If-Modified-Since: Sat, 28 Nov 2026 12:00:00 GMT"},
		{"Cache-Control: no-cache", "Pragma: no-cache"},
		{"X-Playgate-Org: evil", "X-Playgate-Stream: evil", "X_Playgate_Tag: evil"},
		{"X-Original-URL: /evil", "X-Rewrite-URL: /evil", "X-HTTP-Method-Override: DELETE"},
		{"Via: 1.1 evil", "Via: 1.0 evil"},
		{"CMCD-Request: bl=100", "CMCD-Object: br=1", "CMCD-Status: bs", "CMCD-Session: sid=1"},
		{"Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "Baggage: a=b"},
		{"X-Anything: " + strings.Repeat("x", 9_000)},
		{"Priority: u=1", "Sec-Fetch-Mode: cors", "DNT: 1", "Save-Data: on"},
	}
	for _, client := range harness.Clients() {
		t.Run(client.Name, func(t *testing.T) {
			get := func(path string, header ...string) harness.Answer {
				return client.Do(t, g.Server, harness.Request{Target: path + "?token=" + token, Header: header})
			}
			folder := "/live/org1/cam/" + strings.ReplaceAll(strings.ReplaceAll(client.Name, " ", "-"), "/", "-") + "/"
			get(folder + "bare.ts")
			bare := g.madeFor(folder + "bare.ts")
			if len(bare) != 1 || !strings.Contains(bare[0], "\r\nUser-Agent: Playgate\r\n") {
				t.Fatalf("a bare request made %q", bare)
			}
			for i, header := range sent {
				path := fmt.Sprintf("%s%d.ts", folder, i)
				for range 2 {
					get(path, header...)
				}
				a := get(path)
				heads := g.madeFor(path)
				if last := heads[len(heads)-1]; last != bare[0] {
					t.Errorf("%q: the request that is shared is\n%s\nand of a bare one\n%s", header, last, bare[0])
				}
				if a.Status != http.StatusOK || !strings.HasPrefix(string(a.Body), path+" of ") {
					t.Errorf("%q: then a bare one got %d %q", header, a.Status, a.Body)
				}
				if len(heads) != 1 {
					t.Errorf("%q: %d requests", header, len(heads))
				}
			}
		})
	}
	t.Run("trailers", func(t *testing.T) {
		const path = "/live/org1/cam/trailers.ts"
		harness.Raw(t, g.Server, "GET "+path+"?token="+token+" HTTP/1.1\r\nHost: "+g.HTTP+"\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nTrailer: X-Host, X-Forwarded-Host\r\n\r\n1\r\nx\r\n0\r\nX-Host: evil.example\r\nX-Forwarded-Host: evil.example\r\n\r\n")
		g.get(t, "/live/org1/cam/bare.ts?token="+token)
		made, bare := g.madeFor(path), g.madeFor("/live/org1/cam/bare.ts")
		if len(made) != 1 || made[0] != bare[0] || g.origin.Calls()[len(g.origin.Calls())-2].Body != nil && len(g.origin.Calls()[len(g.origin.Calls())-2].Body) > 0 {
			t.Errorf("made\n%q\nand bare\n%q", made, bare)
		}
	})
}

// A field that request_header adds or sets carries the site's value alone, also where the
// client sends the very same value.
func TestFieldsOfTheSiteAreTheSitesAlone(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{site: `
		request_header +X-Added ours
		request_header X-Set ours
		request_header X-Tier gold
		request_header X-Tried o u
		request_header -X-Gone
		playgate_cache
	`}, http.HandlerFunc(fresh))
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	for i, header := range [][]string{
		nil,
		{"X-Added: ours", "X-Set: ours", "X-Tier: gold"},
		{"X-Added: theirs", "X-Set: theirs", "X-Tier: silver", "X-Gone: theirs"},
		{"X-Added: ours", "X-Added: ours", "X-Set: ours", "X-Set: ours"},
		{"x-added:", "x-set:"},
	} {
		g.origin.Forget()
		g.get(t, fmt.Sprintf("/live/org1/cam/%d.ts?token=%s", i, token), header...)
		last := g.origin.Last(t)
		for _, name := range []string{"X-Added", "X-Set"} {
			if got := last.Values(name); len(got) != 1 || got[0] != "ours" {
				t.Errorf("%q: %s is %q", header, name, got)
			}
		}
		if got := last.Values("X-Tier"); len(got) != 1 || got[0] != "gold" || len(last.Values("X-Gone")) > 0 {
			t.Errorf("%q: the origin got\n%s", header, last.Head)
		}
	}
	// What the site makes of what a client sends is in the key.
	g.Reload(setup{site: "request_header X-Tier {http.request.header.X-Wants}\nplaygate_cache"}.caddyfile())
	for range 2 {
		for _, tier := range []string{"gold", "silver"} {
			if a := g.get(t, "/live/org1/cam/tier.ts?token="+token, "X-Wants: "+tier); !strings.HasSuffix(string(a.Body), "for "+tier) {
				t.Errorf("%s got %q", tier, a.Body)
			}
		}
	}
	if n := len(g.madeFor("/live/org1/cam/tier.ts")); n != 2 {
		t.Errorf("%d requests for two tiers", n)
	}
}

// handle_path, uri and rewrite below the gate decide the origin's path as they do without a
// cache; two sites' rewrites never share an object.
func TestRewritesBelowTheGateDecideThePath(t *testing.T) {
	t.Parallel()
	blocks := map[string]string{
		"handle_path": "handle_path /live/org1/* {\nCACHE\nreverse_proxy {$ORIGIN}\n}",
		"uri":         "uri strip_prefix /live/org1\nCACHE",
		"uri replace": "uri replace cam kamera\nCACHE",
		"query":       "uri query +added yes\nCACHE",
		"rewrite":     "rewrite * /other{path}?x=1\nCACHE",
		"path_regexp": "@re path_regexp r ^/live/([a-z0-9]+)/cam/(.*)$\nrewrite @re /{re.r.2}/of/{re.r.1}\nCACHE",
		"escapes":     "rewrite * /a%20b{path}\nCACHE",
		"vars":        "map {path} {root} {\n~\\.ts$ /media\ndefault /else\n}\nrewrite * {root}{path}\nCACHE",
		"nothing":     "CACHE",
	}
	const token = "/live/org1/cam/seg%201.ts?q=1&r=%2F"
	for name, block := range blocks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := func(cache string) string { return setup{site: strings.ReplaceAll(block, "CACHE", cache)}.caddyfile() }
			g := guard(t, setup{site: strings.ReplaceAll(block, "CACHE", "")}, http.HandlerFunc(fresh))
			tok := g.key.Token(t, "--org", "org1", "--stream", "cam")
			g.get(t, token+"&token="+tok)
			plain := g.origin.Last(t).Target
			g.Reload(text("playgate_cache"))
			for range 2 {
				g.get(t, token+"&token="+tok)
			}
			calls := g.origin.Calls()
			if len(calls) != 2 || calls[1].Target != plain {
				t.Errorf("without a cache the origin got %s, with one %s in %d requests", plain, calls[len(calls)-1].Target, len(calls)-1)
			}
		})
	}
	t.Run("two sites", func(t *testing.T) {
		t.Parallel()
		g := guard(t, setup{site: `
			handle /live/org1/cam/a/* {
				uri strip_prefix /live/org1/cam/a
				request_header X-Tier a
				playgate_cache
				reverse_proxy {$ORIGIN}
			}
			handle /live/org1/cam/b/* {
				uri strip_prefix /live/org1/cam/b
				request_header X-Tier b
				playgate_cache
				reverse_proxy {$ORIGIN}
			}
			handle {
				playgate_cache
				reverse_proxy {$ORIGIN}
			}
		`}, http.HandlerFunc(fresh))
		tok := g.key.Token(t, "--org", "org1", "--stream", "cam")
		for range 2 {
			for _, site := range []string{"a", "b"} {
				if a := g.get(t, "/live/org1/cam/"+site+"/seg.ts?token="+tok); !strings.HasSuffix(string(a.Body), "for "+site) {
					t.Errorf("%s got %q", site, a.Body)
				}
			}
		}
		if n := len(g.origin.Calls()); n != 2 {
			t.Errorf("%d requests", n)
		}
	})
}

// Behind a trusted proxy: no combination of Host, X-Forwarded-Host, X-Forwarded-Proto makes
// one answer serve two public origins.
func TestOneAnswerServesOnePublicOrigin(t *testing.T) {
	t.Parallel()
	s := cached
	s.globals = "servers {\n\ttrusted_proxies static 127.0.0.1/32\n\ttrusted_proxies_strict\n}\n"
	public := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		fmt.Fprintf(w, "%s://%s, %s", r.Header.Get("X-Forwarded-Proto"), r.Header.Get("X-Forwarded-Host"), r.Host)
	})
	g := guard(t, s, public)
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	_, port, _ := strings.Cut(g.HTTP, ":")
	hosts := []string{"127.0.0.1:" + port, "localhost:" + port}
	var forwarded [][]string
	for _, host := range []string{"", "one.example", "ONE.example", "two.example:8443", "one.example, two.example", "evil.example/x"} {
		for _, proto := range []string{"", "http", "https", "ftp"} {
			var lines []string
			if host != "" {
				lines = append(lines, "X-Forwarded-Host: "+host)
			}
			if proto != "" {
				lines = append(lines, "X-Forwarded-Proto: "+proto)
			}
			forwarded = append(forwarded, lines)
		}
	}
	forwarded = append(forwarded, []string{"X-Forwarded-Host: one.example", "X-Forwarded-Host: two.example"})
	for range 2 {
		for _, host := range hosts {
			for _, lines := range forwarded {
				a := harness.Raw(t, g.Server, "GET /live/org1/cam/seg.ts?token="+token+" HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n"+strings.Join(append(slices.Clone(lines), ""), "\r\n")+"\r\n")
				scheme, at := "http", host
				for _, line := range lines {
					if v, ok := strings.CutPrefix(line, "X-Forwarded-Host: "); ok && !strings.ContainsAny(v, ", /") && len(lines) == len(slices.Compact(slices.Clone(lines))) {
						at = strings.ToLower(v)
					}
					if v, ok := strings.CutPrefix(line, "X-Forwarded-Proto: "); ok && v != "ftp" {
						scheme = v
					}
				}
				if strings.Count(strings.Join(lines, "\n"), "X-Forwarded-Host") > 1 {
					at = host
				}
				if want := scheme + "://" + at + ", " + at; string(a.Body) != want {
					t.Errorf("Host %s, %q got %q, and not %q", host, lines, a.Body, want)
				}
			}
		}
	}
	seen := map[string]bool{}
	for _, call := range g.origin.Calls() {
		is := fmt.Sprint(call.Values("Host"), call.Values("X-Forwarded-Host"), call.Values("X-Forwarded-Proto"), call.Values("X-Forwarded-For"))
		if seen[is] {
			t.Errorf("asked twice as %s", is)
		}
		seen[is] = true
		if len(call.Values("X-Forwarded-For")) > 0 {
			t.Errorf("the origin got a client's address:\n%s", call.Head)
		}
	}
}

// Six viewers with six CMCD values and any order of other query pairs that the origin does
// not tell apart: one fetch. (The order of pairs stays significant.)
func TestCMCDSplitsNoKey(t *testing.T) {
	t.Parallel()
	s := setup{site: "playgate_cache {\nignore_query utm_source session\n}"}
	g := guard(t, s, http.HandlerFunc(fresh))
	tokens := make([]string, 6)
	for i := range tokens {
		tokens[i] = g.key.Token(t, "--org", "org1", "--stream", "cam", "--user", fmt.Sprint(i))
	}
	for i, query := range []string{
		"CMCD=bl%3D1%2Csid%3D%221%22&q=1&", "q=1&CMCD=bl%3D2&", "utm_source=a&q=1&CMCD=bl%3D3&session=4&", "session=1&utm_source=b&q=1&CMCD=4&", "CMCD=5&session=&q=1&utm_source=c&", "q=1&",
	} {
		a := g.get(t, "/live/org1/cam/seg.ts?"+query+"token="+tokens[i], fmt.Sprintf("CMCD-Request: bl=%d", i), "CMCD-Session: sid=1", "CMCD-Object: d=1", "CMCD-Status: rtp=1")
		if want := "/live/org1/cam/seg.ts?q=1 of"; !strings.HasPrefix(string(a.Body), want) {
			t.Errorf("%s got %q", query, a.Body)
		}
	}
	if calls := g.origin.Calls(); len(calls) != 1 || calls[0].Target != "/live/org1/cam/seg.ts?q=1" || strings.Contains(strings.ToLower(calls[0].Head), "cmcd") {
		t.Errorf("the origin got %+v", calls)
	}
	for i, line := range g.AccessLines("/live/org1/cam/seg.ts") {
		if uri := fmt.Sprint(line["request"]); i < 5 && !strings.Contains(uri, "CMCD") {
			t.Errorf("the access log has not what was dropped: %s", uri)
		}
	}
	// Without a cache all of it reaches the origin as it came.
	g.Reload(setup{}.caddyfile())
	g.get(t, "/live/org1/cam/seg.ts?CMCD=bl%3D1&token="+tokens[0], "CMCD-Request: bl=1")
	if last := g.origin.Last(t); last.Target != "/live/org1/cam/seg.ts?CMCD=bl%3D1" || len(last.Values("CMCD-Request")) != 1 {
		t.Errorf("without a cache the origin got\n%s", last.Head)
	}
	// And with keep, where no viewer gets another's.
	g.Reload(setup{site: "playgate_cache {\ncmcd keep\n}"}.caddyfile())
	g.origin.Forget()
	for _, value := range []string{"1", "2", "1"} {
		g.get(t, "/live/org1/cam/kept.ts?CMCD="+value+"&token="+tokens[0], "CMCD-Request: bl="+value)
	}
	if calls := g.origin.Calls(); len(calls) != 2 || calls[1].Target != "/live/org1/cam/kept.ts?CMCD=2" || calls[1].Values("CMCD-Request")[0] != "bl=2" {
		t.Errorf("kept: the origin got %+v", calls)
	}
}

// respond @outside 403, abort, error, basic_auth, and a handle with a matcher refuse a warm
// object as they refuse a cold one.
func TestRulesOfTheSiteJudgeHits(t *testing.T) {
	t.Parallel()
	hash := strings.TrimSpace(harness.MustPlaygate(t, "hash-password", "--plaintext", "hiccup"))
	for name, block := range map[string]string{
		"respond":         "@outside not header X-Inside yes\nrespond @outside 403\nplaygate_cache",
		"abort":           "@outside not header X-Inside yes\nabort @outside\nplaygate_cache",
		"error":           "@outside not header X-Inside yes\nerror @outside 403\nplaygate_cache",
		"basic_auth":      "@outside not header X-Inside yes\nbasic_auth @outside {\nalice " + hash + "\n}\nplaygate_cache",
		"handle":          "@inside header X-Inside yes\nhandle @inside {\nplaygate_cache\nreverse_proxy {$ORIGIN}\n}\nhandle {\nrespond 403\n}",
		"respond, behind": "@outside not header X-Inside yes\nplaygate_cache\nrespond @outside 403",
		"by user agent":   "@outside header User-Agent outside*\nrespond @outside 403\nplaygate_cache",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := guard(t, setup{site: block}, http.HandlerFunc(fresh))
			token := g.key.Token(t, "--org", "org1", "--stream", "cam")
			refused := func(when string) {
				t.Helper()
				a := harness.Curl(t, g.Plain()+"/live/org1/cam/seg.ts?token="+token, "--user-agent", "outside/1")
				if a.Status == http.StatusOK || strings.Contains(string(a.Body), "seg.ts of") || a.Header.Get("Cache-Status") != "" {
					t.Errorf("%s it is delivered: %d %q %v", when, a.Status, a.Body, a.Header)
				}
			}
			refused("cold")
			if n := len(g.origin.Calls()); n != 0 {
				t.Errorf("cold: %d requests", n)
			}
			for range 2 {
				if a := g.get(t, "/live/org1/cam/seg.ts?token="+token, "X-Inside: yes", "User-Agent: inside"); a.Status != http.StatusOK {
					t.Fatalf("inside: %d", a.Status)
				}
			}
			if n := len(g.origin.Calls()); n != 1 {
				t.Errorf("warm after %d requests", n)
			}
			refused("warm")
			if name == "basic_auth" {
				basic := "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("alice:hiccup"))
				if a := g.get(t, "/live/org1/cam/seg.ts?token="+token, basic); a.Status != http.StatusOK {
					t.Errorf("with the password: %d", a.Status)
				}
			}
		})
	}
}

// What handlers set for the request by the client's own words is not shared with others:
// here the backend itself.
func TestMappedBackendsAreNotShared(t *testing.T) {
	t.Parallel()
	other := harness.NewOrigin(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		fmt.Fprint(w, "the other")
	}))
	s := setup{site: `
		map {http.request.header.X-Wants} {backend} {
			other ` + other.Addr + `
			default {$ORIGIN}
		}
		handle {
			playgate_cache
			reverse_proxy {backend}
		}
	`}
	g := guard(t, s, http.HandlerFunc(fresh))
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	for range 2 {
		head := harness.Clients()[0].Do(t, g.Server, harness.Request{Method: "HEAD", Target: target(token)})
		if head.Status != http.StatusOK {
			t.Errorf("HEAD: %d", head.Status)
		}
		if a := g.get(t, target(token), "X-Wants: other"); string(a.Body) != "the other" {
			t.Errorf("who wants the other got %q", a.Body)
		}
		if a := g.get(t, target(token)); !strings.HasPrefix(string(a.Body), "/live/org1/cam/seg.ts of") {
			t.Errorf("who wants nothing got %q", a.Body)
		}
	}
}

// A new configuration gives no block the answers of another one, and keeps those of one
// that is as it was.
func TestReloadGivesNobodyTheAnswersOfAnotherBlock(t *testing.T) {
	t.Parallel()
	staff := harness.NewOrigin(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		fmt.Fprint(w, "for the staff")
	}))
	const public = "handle {\nplaygate_cache\nreverse_proxy {$ORIGIN}\n}\n"
	inside := "@staff header X-Staff yes\nhandle @staff {\nplaygate_cache\nreverse_proxy " + staff.Addr + "\n}\n"
	g := guard(t, setup{site: inside + public}, http.HandlerFunc(fresh))
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	warm := func(name, header, want string) {
		t.Helper()
		for range 2 {
			if a := g.get(t, "/live/org1/cam/"+name+"?token="+token, header); !strings.Contains(string(a.Body), want) {
				t.Errorf("%s with %s got %q", name, header, a.Body)
			}
		}
	}
	warm("staff.ts", "X-Staff: yes", "for the staff")
	warm("public.ts", "X-Staff: no", "public.ts of")
	g.Reload(setup{site: public}.caddyfile())
	asked := len(g.origin.Calls())
	warm("public.ts", "X-Staff: no", "public.ts of")
	if n := len(g.origin.Calls()); n != asked {
		t.Error("an answer is lost with a reload that does not concern it")
	}
	warm("staff.ts", "X-Staff: yes", "staff.ts of")
	g.Reload(setup{site: inside + public}.caddyfile())
	warm("staff.ts", "X-Staff: yes", "for the staff")
}

// Files behind a cache are those of the site's root, though their server does not name it.
func TestFilesBehindTheCacheAreThoseOfTheRoot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "live/org1/cam"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "live/org1/cam/seg.ts"), []byte("a file"), 0o644); err != nil {
		t.Fatal(err)
	}
	g := guard(t, setup{site: "handle {\nroot * " + dir + "\nplaygate_cache {\nttl /live/* 1m\n}\nfile_server\n}"}, nil)
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	for _, how := range []string{"stored", "hit"} {
		if a := g.get(t, target(token)); string(a.Body) != "a file" || !strings.Contains(a.Header.Get("Cache-Status"), how) {
			t.Errorf("%d %q, %s", a.Status, a.Body, a.Header.Get("Cache-Status"))
		}
	}
}
