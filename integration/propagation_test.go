package integration_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// tree is an origin of playlists by their paths, and of segments. What nobody has is 404.
type tree map[string]string

func (tr tree) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, known := tr[r.URL.Path]
	switch {
	case strings.HasPrefix(text, "302 "):
		w.Header().Set("Location", text[4:])
		w.WriteHeader(http.StatusFound)
	case strings.HasPrefix(text, "#EXTM3U"):
		w.Header().Set("Content-Type", "application/vnd.apple.mpegurl")
		w.Header().Set("Etag", `"1"`)
		w.Header().Set("Cache-Control", "max-age=3600")
		if r.Header.Get("If-None-Match") == `"1"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = w.Write([]byte(text))
	case known:
		_, _ = w.Write([]byte("segment"))
	default:
		http.NotFound(w, r)
	}
}

// stream has what packagers write: variants in folders, names with blanks, in other
// alphabets and with brackets, references that climb, that begin at the root, with the
// site and with a variable, a redirect, and other sites.
var stream = tree{
	"/live/org1/cam/index.m3u8": "#EXTM3U\n#EXT-X-DEFINE:NAME=\"v\",VALUE=\"v2\"\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",URI=\"audio/index.m3u8?lang=en\"\n" +
		"#EXT-X-STREAM-INF:BANDWIDTH=1\nv1/index.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=2\n{$v}/index.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=3\n/live/org1/cam/v1/index.m3u8\n" +
		"#EXT-X-STREAM-INF:BANDWIDTH=4\nmoved/index.m3u8\n#EXT-X-SESSION-KEY:METHOD=AES-128,URI=\"../cam/key\"\n",
	"/live/org1/cam/audio/index.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nsound [1].aac\n#EXTINF:2,\n../audio/sound2.aac\n",
	"/live/org1/cam/v1/index.m3u8":    "#EXTM3U\n#EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:2,\nseg 1.ts\n#EXTINF:2,\n番組.ts\n#EXT-X-RENDITION-REPORT:URI=\"../v2/index.m3u8\"\n",
	"/live/org1/cam/v2/index.m3u8": "#EXTM3U\n#EXT-X-MAP:URI=\"../../../../open/init.mp4\"\n#EXTINF:2,\n/live/org1/cam/v2/root.ts\n#EXTINF:2,\n../../cam/v2/far.ts\n#EXTINF:2,\n" +
		"../../../free/radio/seg.ts\n#EXTINF:2,\n/live/org1/cam/v1/../v2/dot ted.ts\n#EXTINF:2,\n~john.q.doe/x.ts\n#EXTINF:2,\nnear.ts\n",
	"/open/init.mp4": "", "/live/free/radio/seg.ts": "", "/live/org1/cam/v2/dot ted.ts": "", "/live/org1/cam/v2/~john.q.doe/x.ts": "",
	"/live/org1/cam/moved/index.m3u8": "302 ../v1/index.m3u8",
	"/live/org1/cam/key":              "", "/live/org1/cam/audio/sound [1].aac": "", "/live/org1/cam/audio/sound2.aac": "",
	"/live/org1/cam/v1/init.mp4": "", "/live/org1/cam/v1/seg 1.ts": "", "/live/org1/cam/v1/番組.ts": "",
	"/live/org1/cam/v2/root.ts": "", "/live/org1/cam/v2/far.ts": "", "/live/org1/cam/v2/near.ts": "",
}

// Whatever the first playlist leads to plays with the token in its base, in both forms,
// and a playlist below it that needs no token of its own is the origin's, byte for byte.
func TestSessionsInTheBase(t *testing.T) {
	t.Parallel()
	for _, form := range []string{"session", "session query"} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			g, _ := guardSessions(t, setup{gate: "propagate " + form + "\nopen /open/*", playgate: "org free {\nsecure off\n}"}, stream)
			token := g.key.Token(t, "--org", "org1", "--stream", "cam")
			st := g.sessionToken(t, token)
			for name, first := range map[string]string{
				"query": "/live/org1/cam/index.m3u8?token=" + token, "path": "/live/~" + token + "/org1/cam/index.m3u8", "deep path": "/live/org1/cam/~" + token + "/index.m3u8",
				"a session": "/live/org1/cam/index.m3u8?token=" + st, "a session in the path": "/live/org1/cam/~" + st + "/index.m3u8",
			} {
				g.origin.Forget()
				visits := harness.Walk(t, g.Plain()+first)
				reached := map[string]bool{}
				for _, v := range visits {
					odd := strings.Contains(v.URL, "%20") || strings.Contains(v.URL, "/../")
					if strings.Contains(v.URL, "%7B$") || form == "session query" && odd {
						continue // the walk knows no variables, and the query form no blanks
					}
					if v.Status != http.StatusOK && v.Status != http.StatusFound {
						t.Errorf("%s: %s: status %d", name, v.URL, v.Status)
					}
					inner := strings.Contains(v.URL, "/~s.") && v.Status == http.StatusOK && v.IsPlaylist()
					if inner && strings.Contains(v.URL, "/v1/") && string(v.Body) != stream["/live/org1/cam/v1/index.m3u8"] {
						t.Errorf("%s: an inner playlist is %q", name, v.Body)
					}
				}
				for _, c := range g.origin.Calls() {
					path, _, _ := strings.Cut(c.Target, "?")
					reached[path] = true
					if strings.Contains(c.Head, "~s.") || strings.Contains(c.Head, "token=") || strings.Contains(c.Head, token) {
						t.Errorf("%s: the origin got\n%s", name, c.Head)
					}
				}
				for _, path := range []string{"/live/org1/cam/key", "/live/org1/cam/audio/sound2.aac", "/live/org1/cam/v1/init.mp4", "/live/org1/cam/v2/root.ts", "/live/org1/cam/v2/far.ts", "/live/org1/cam/v2/near.ts", "/live/org1/cam/moved/index.m3u8", "/open/init.mp4", "/live/free/radio/seg.ts", "/live/org1/cam/v2/~john.q.doe/x.ts"} {
					if !reached[path] {
						t.Errorf("%s: %s was not asked for:\n%s", name, path, visited(visits))
					}
				}
			}
			if form == "session query" {
				if a := g.get(t, "/live/org1/cam/index.m3u8?token="+token); strings.Contains(string(a.Body), "~s.") {
					t.Errorf("a segment in %s", a.Body)
				}
				return
			}
			// An inner playlist keeps the origin's validators, and is not everybody's.
			const inner = "/live/org1/cam/~"
			a := g.get(t, inner+st+"/v1/index.m3u8")
			if string(a.Body) != stream["/live/org1/cam/v1/index.m3u8"] || a.Header.Get("Etag") != `"1"` || !strings.HasPrefix(a.Header.Get("Cache-Control"), "private, max-age=") {
				t.Errorf("header %v\n%s", a.Header, a.Body)
			}
			if a = g.get(t, inner+st+"/v1/index.m3u8", `If-None-Match: "1"`); a.Status != http.StatusNotModified || a.Header.Get("Etag") != `"1"` {
				t.Errorf("status %d, header %v", a.Status, a.Header)
			}
			if a = g.get(t, inner+st+"/v2/index.m3u8"); a.Header.Get("Etag") != "" || !strings.Contains(a.Header.Get("Cache-Control"), "no-store") {
				t.Errorf("with a reference of its own: header %v", a.Header)
			}
			if a = g.get(t, "/live/free/radio/~"+st+"/v/index.m3u8"); a.Status != http.StatusNotFound { // the origin's
				t.Errorf("status %d", a.Status)
			}
			// It is no other stream's, and nobody else's copy has another base.
			g.refused(t, g.get(t, "/live/org1/other/~"+st+"/v1/index.m3u8"), 401, "bad_signature")
		})
	}
}

// A playlist that is asked for with a session token which is not needed, or which a gate
// that only reports would refuse, still has a folder more to climb out of.
func TestClimbingWithoutAToken(t *testing.T) {
	t.Parallel()
	media := tree{
		"/live/free/cam/hi/index.m3u8": "#EXTM3U\n../seg1.ts\n../../radio/seg.ts\nseg2.ts\n", "/live/org1/cam/hi/index.m3u8": "#EXTM3U\n../seg1.ts\n../../cam/far.ts\nseg2.ts\n",
	}
	g, s := guardSessions(t, setup{playgate: "org free {\nsecure off\n}"}, media)
	st := g.sessionTokenOf(t, "org1", "cam", "/live/org1/cam/hi/index.m3u8")
	if a := g.get(t, "/live/free/cam/~"+st+"/hi/index.m3u8"); string(a.Body) != "#EXTM3U\n../seg1.ts\n../../../radio/seg.ts\nseg2.ts\n" {
		t.Errorf("public: %q", a.Body)
	}
	s.gate = "report_only on"
	g.Reload(lasting(s))
	broken := st[:len(st)-1] + map[bool]string{true: "B", false: "A"}[st[len(st)-1] == 'A']
	if a := g.get(t, "/live/org1/cam/~"+broken+"/hi/index.m3u8"); string(a.Body) != "#EXTM3U\n../seg1.ts\n../../../cam/far.ts\nseg2.ts\n" {
		t.Errorf("reported: %d %q", a.Status, a.Body)
	}
}

// sessionTokenOf is one of a stream, whose playlist is at a path.
func (g *guarded) sessionTokenOf(t *testing.T, org, stream, path string) string {
	t.Helper()
	a := g.get(t, path+"?token="+g.key.Token(t, "--org", org, "--stream", stream))
	g.allowed(t, a)
	return sessionInPlaylist.FindString(string(a.Body))
}

// Where the path is no place of tokens, none in it reaches the origin all the same.
func TestNoTokenInThePathReachesTheOrigin(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{gate: "tokens {\npath off\n}\nopen /live/org1/cam/pub/*"}, nil)
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	bearer := "Authorization: Bearer " + token
	for path, want := range map[string]string{
		"/live/org1/cam/~T/seg.ts": "/live/org1/cam/seg.ts", "/live/~T/org1/cam/%7eT/seg.ts": "/live/org1/cam/seg.ts", "/live/org1/cam/pub/~T/p.png": "/live/org1/cam/pub/p.png",
		"/live/org1/cam/~john.q.doe/seg.ts": "/live/org1/cam/~john.q.doe/seg.ts",
	} {
		g.allowed(t, g.get(t, strings.ReplaceAll(path, "T", token), bearer))
		if got := g.origin.Last(t).Target; got != want {
			t.Errorf("%s: the origin got %s", path, got)
		}
	}
	g.refused(t, g.get(t, "/live/org1/cam/~"+token+"/seg.ts"), 401, "missing_token")
	g.refused(t, g.get(t, "/live/org1/cam/~"+token, bearer), 400, "bad_request")
}
