package integration_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

const hls = "application/vnd.apple.mpegurl"

// serve is an origin that answers everything with one body.
func serve(contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		io.WriteString(w, body)
	}
}

// Each URI that stays on this site carries the token; every other byte is the
// origin's. PLAIN is the site as the client called it, T the token's pair.
func TestPlaylistIsSpliced(t *testing.T) {
	t.Parallel()
	var body string
	g := guard(t, setup{gate: "site https://cdn.test"}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		serve(hls, body)(w, r)
	}))
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	for _, tc := range []struct{ name, line, want string }{
		{"relative", "seg.ts", "seg.ts?T"},
		{"with a query", "seg.ts?a=1&b=%7e", "seg.ts?a=1&b=%7e&T"},
		{"with an empty query", "seg.ts?", ""},
		{"deeper", "v0/seg.ts", "v0/seg.ts?T"},
		{"path-absolute", "/live/org1/cam/seg.ts", "/live/org1/cam/seg.ts?T"},
		{"absolute on this site", "PLAIN/live/org1/cam/seg.ts", "PLAIN/live/org1/cam/seg.ts?T"},
		{"without a scheme on this site", "//HOST/live/org1/cam/seg.ts", "//HOST/live/org1/cam/seg.ts?T"},
		{"on a named site", "https://cdn.test/live/org1/cam/seg.ts", "https://cdn.test/live/org1/cam/seg.ts?T"},
		{"another host", "https://evil.test/live/org1/cam/seg.ts", "https://evil.test/live/org1/cam/seg.ts"},
		{"another port", "http://127.0.0.1:1/live/org1/cam/seg.ts", "http://127.0.0.1:1/live/org1/cam/seg.ts"},
		{"user name before another host", "http://HOST@evil.test/live/org1/cam/seg.ts", "http://HOST@evil.test/live/org1/cam/seg.ts"},
		{"three slashes", "///evil.test/live/org1/cam/seg.ts", "///evil.test/live/org1/cam/seg.ts"},
		{"backslashes", `\\evil.test/live/org1/cam/seg.ts`, `\\evil.test/live/org1/cam/seg.ts`},
		{"another stream", "../other/seg.ts", "../other/seg.ts"},
		{"no rule's path", "/ads/seg.ts", "/ads/seg.ts"},
		{"KEY", `#EXT-X-KEY:METHOD=AES-128,URI="key.bin",IV=0x1`, `#EXT-X-KEY:METHOD=AES-128,URI="key.bin?T",IV=0x1`},
		{"KEY of a DRM", `#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://asset"`, `#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://asset"`},
		{"KEY as data", `#EXT-X-KEY:METHOD=AES-128,URI="data:;base64,AAAA"`, `#EXT-X-KEY:METHOD=AES-128,URI="data:;base64,AAAA"`},
		{"SESSION-KEY", `#EXT-X-SESSION-KEY:METHOD=AES-128,URI="key.bin"`, `#EXT-X-SESSION-KEY:METHOD=AES-128,URI="key.bin?T"`},
		{"MAP", `#EXT-X-MAP:URI="init.mp4",BYTERANGE="1@2"`, `#EXT-X-MAP:URI="init.mp4?T",BYTERANGE="1@2"`},
		{"PART", `#EXT-X-PART:DURATION=0.2,URI="p.mp4",INDEPENDENT=YES`, `#EXT-X-PART:DURATION=0.2,URI="p.mp4?T",INDEPENDENT=YES`},
		{"PRELOAD-HINT", `#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p.mp4"`, `#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p.mp4?T"`},
		{"RENDITION-REPORT", `#EXT-X-RENDITION-REPORT:URI="a.m3u8",LAST-MSN=1`, `#EXT-X-RENDITION-REPORT:URI="a.m3u8?T",LAST-MSN=1`},
		{"MEDIA", `#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a,b",NAME="URI=",URI="a.m3u8"`, `#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a,b",NAME="URI=",URI="a.m3u8?T"`},
		{"I-FRAME-STREAM-INF", `#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="i.m3u8"`, `#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="i.m3u8?T"`},
		{"SESSION-DATA", `#EXT-X-SESSION-DATA:DATA-ID="a",URI="d.json"`, `#EXT-X-SESSION-DATA:DATA-ID="a",URI="d.json?T"`},
		{"CONTENT-STEERING", `#EXT-X-CONTENT-STEERING:SERVER-URI="steer.json"`, `#EXT-X-CONTENT-STEERING:SERVER-URI="steer.json?T"`},
		{"DATERANGE", `#EXT-X-DATERANGE:ID="ad",X-ASSET-URI="ad.m3u8"`, `#EXT-X-DATERANGE:ID="ad",X-ASSET-URI="ad.m3u8?T"`},
		{"DATERANGE, a list", `#EXT-X-DATERANGE:ID="ad",X-ASSET-LIST="ads.json"`, `#EXT-X-DATERANGE:ID="ad",X-ASSET-LIST="ads.json?T"`},
		{"unknown tag", `#EXT-X-FUTURE:URI="f.bin"`, `#EXT-X-FUTURE:URI="f.bin?T"`},
		{"comment", `# URI="f.bin"`, `# URI="f.bin"`},
		{"a token is there already", "seg.ts?token=old.old.old&a=1", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			fill := strings.NewReplacer("PLAIN", g.Plain(), "HOST", g.HTTP)
			pair := "token=" + token
			for _, ending := range []string{"\n", "\r\n"} {
				body = "#EXTM3U" + ending + "#EXT-X-VERSION:9" + ending + "\t " + ending + "#EXTINF:1.0,titel ü" + ending + fill.Replace(tc.line) + ending
				answer := g.get(t, "/live/org1/cam/index.m3u8?"+pair)
				g.allowed(t, answer)
				if got := answer.Header.Get("Content-Length"); got != strconv.Itoa(len(answer.Body)) {
					t.Errorf("Content-Length is %q for %d bytes", got, len(answer.Body))
				}
				if tc.want == "" {
					if strings.Count(string(answer.Body), pair) != 1 {
						t.Errorf("the token is not there once:\n%s", answer.Body)
					}
					continue
				}
				want := strings.Replace(body, fill.Replace(tc.line), strings.ReplaceAll(fill.Replace(tc.want), "?T", "?"+pair), 1)
				want = strings.Replace(want, "&T", "&"+pair, 1)
				if string(answer.Body) != want {
					t.Errorf("got\n%q instead of\n%q", answer.Body, want)
				}
			}
		})
	}
}

// How a token in other places travels: in a header it is written into URIs
// under the first query name; in a path it stays there.
func TestPropagationByPlace(t *testing.T) {
	t.Parallel()
	const body = "#EXTM3U\nseg.ts\n/live/org1/cam/abs.ts\n"
	g := guard(t, setup{}, serve(hls, body))
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	inQuery := func(name string) string {
		return "#EXTM3U\nseg.ts?" + name + "=" + token + "\n/live/org1/cam/abs.ts?" + name + "=" + token + "\n"
	}
	for _, tc := range []struct {
		name, target string
		headers      []string
		want         string
	}{
		{"query", "/live/org1/cam/index.m3u8?token=" + token, nil, inQuery("token")},
		{"header", "/live/org1/cam/index.m3u8", []string{"Authorization: Bearer " + token}, inQuery("token")},
		{"path", "/live/~" + token + "/org1/cam/index.m3u8", nil, "#EXTM3U\nseg.ts\n/live/~" + token + "/org1/cam/abs.ts\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			answer := g.get(t, tc.target, tc.headers...)
			if string(answer.Body) != tc.want {
				t.Errorf("got\n%s instead of\n%s", answer.Body, tc.want)
			}
		})
	}
}

// "propagate off" leaves playlists alone.
func TestPropagateOff(t *testing.T) {
	t.Parallel()
	const body = "#EXTM3U\nseg.ts\n"
	g := guard(t, setup{gate: "propagate off"}, serve(hls, body))
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	if a := g.get(t, "/live/org1/cam/index.m3u8?token="+token); string(a.Body) != body {
		t.Errorf("got\n%s", a.Body)
	}
}

// What looks like a playlist and is none, and what is none and looks like one.
func TestOnlyPlaylistsAreRewritten(t *testing.T) {
	t.Parallel()
	const list = "#EXTM3U\nseg.ts\n"
	for _, tc := range []struct {
		name, path, contentType, body string
		rewritten                     bool
	}{
		{"playlist", "index.m3u8", hls, list, true},
		{"playlist with a parameter and in other case", "index", "Application/VND.apple.mpegurl; charset=UTF-8", list, true},
		{"playlist under an old type", "index.m3u8", "audio/mpegurl", list, true},
		{"playlist under another name", "index", hls, list, true},
		{"playlist with a byte order mark", "index.m3u8", hls, "\ufeff" + list, true},
		{"HTML under a playlist's name", "index.m3u8", "text/html", "<html>seg.ts</html>", false},
		{"binary under a playlist's type", "index.m3u8", hls, "\x00\x01\x02seg.ts", false},
		{"playlist under a segment's name and type", "seg.ts", "video/mp2t", list, true},
		{"segment", "seg.ts", "video/mp2t", "G@\x00\x11" + list, false},
		{"empty", "index.m3u8", hls, "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			g := guard(t, setup{}, serve(tc.contentType, tc.body))
			token := g.key.Token(t, "--org", "org1", "--stream", "cam")
			answer := g.get(t, "/live/org1/cam/"+tc.path+"?token="+token)
			g.allowed(t, answer)
			if rewritten := strings.Contains(string(answer.Body), token); rewritten != tc.rewritten {
				t.Errorf("rewritten: %v, body %q", rewritten, answer.Body)
			}
			if !tc.rewritten && string(answer.Body) != tc.body {
				t.Errorf("body %q", answer.Body)
			}
		})
	}
}

// A playlist that would make the player carry the token elsewhere, one that is
// too big, and one that cannot be decoded are 502.
func TestPlaylistsThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]http.HandlerFunc{
		"DEFINE by QUERYPARAM":      serve(hls, "#EXTM3U\n#EXT-X-DEFINE:QUERYPARAM=\"token\"\nhttps://evil.test/{$token}\n"),
		"an MPD of more than 8 MiB": serve("application/dash+xml", "<MPD>"+strings.Repeat("<!-- comment -->", 600_000)+"</MPD>"),
		"unknown encoding": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "zstd, br, x-odd")
			serve(hls, "#EXTM3U\nseg.ts\n")(w, r)
		},
		"cut off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", hls)
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, "#EXTM3U\nseg.ts\n")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		},
		"an MPD of more than 8 MiB in gzip": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", hls)
			w.Header().Set("Content-Encoding", "gzip")
			zip := gzip.NewWriter(w)
			io.WriteString(zip, "<MPD>"+strings.Repeat("<!-- comment -->", 600_000)+"</MPD>")
			zip.Close()
		},
		"broken gzip": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			serve(hls, "#EXTM3U\nseg.ts\n")(w, r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := guard(t, setup{}, handler)
			token := g.key.Token(t, "--org", "org1", "--stream", "cam")
			if a := g.get(t, "/live/org1/cam/index.m3u8?token="+token); a.Status != http.StatusBadGateway || bytes.Contains(a.Body, []byte("EXTM3U")) {
				t.Errorf("status %d instead of 502, %d bytes", a.Status, len(a.Body))
			}
		})
	}
}

// validated is an origin whose playlist has an ETag and knows ranges, HEAD and
// gzip, as file servers do.
func validated(w http.ResponseWriter, r *http.Request) {
	const body = "#EXTM3U\nseg.ts\n"
	w.Header().Set("Content-Type", hls)
	w.Header().Set("ETag", `"v1"`)
	w.Header().Set("Accept-Ranges", "bytes")
	w.Header().Set("Cache-Control", "public, max-age=3600")
	switch {
	case strings.TrimPrefix(r.Header.Get("If-None-Match"), "W/") == `"v1"`: // compared weakly, RFC 9110, 13.1.2
		w.WriteHeader(http.StatusNotModified)
	case r.Header.Get("Range") != "":
		w.Header().Set("Content-Range", "bytes 0-6/15")
		w.WriteHeader(http.StatusPartialContent)
		io.WriteString(w, body[:7])
	case strings.Contains(r.Header.Get("Accept-Encoding"), "gzip"):
		w.Header().Set("Content-Encoding", "gzip")
		zip := gzip.NewWriter(w)
		io.WriteString(zip, body)
		zip.Close()
	default:
		io.WriteString(w, body)
	}
}

// Validators, ranges, HEAD and compression of a rewritten playlist fit what the
// client gets, not what the origin sent.
func TestPlaylistHeaders(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{}, http.HandlerFunc(validated))
	one := g.key.Sign(t, harness.Good("org1", "cam").With("jti", "one"))
	two := g.key.Sign(t, harness.Good("org1", "cam").With("jti", "two"))
	at := func(token string) string { return "/live/org1/cam/index.m3u8?token=" + token }
	want := "#EXTM3U\nseg.ts?token=" + one + "\n"

	first := g.get(t, at(one))
	if string(first.Body) != want {
		t.Fatalf("got\n%s", first.Body)
	}
	if got := first.Header.Get("Cache-Control"); got != "private, no-store" {
		t.Errorf("Cache-Control is %q", got)
	}
	tag := first.Header.Get("ETag")
	if tag == `"v1"` {
		t.Errorf("the ETag is the origin's")
	}
	if other := g.get(t, at(two)).Header.Get("ETag"); tag != "" && other == tag {
		t.Errorf("two tokens have one ETag, %s", tag)
	}
	if tag != "" {
		if a := g.get(t, at(one), "If-None-Match: "+tag); a.Status != http.StatusNotModified {
			t.Errorf("status %d for its own ETag instead of 304", a.Status)
		}
		if a := g.get(t, at(two), "If-None-Match: "+tag); a.Status != http.StatusOK {
			t.Errorf("status %d for the ETag of another token instead of 200", a.Status)
		}
	}
	if a := g.get(t, at(one), "Range: bytes=0-6"); a.Status != http.StatusOK || string(a.Body) != want {
		t.Errorf("a range: status %d\n%s", a.Status, a.Body)
	}
	head := harness.Clients()[0].Do(t, g.Server, harness.Request{Method: "HEAD", Target: at(one)})
	if got := head.Header.Get("Content-Length"); head.Status != http.StatusOK || got != "" && got != strconv.Itoa(len(want)) {
		t.Errorf("HEAD: status %d, Content-Length %q instead of %d", head.Status, got, len(want))
	}
	zipped := harness.Curl(t, g.Plain()+at(one), "--compressed")
	if string(zipped.Body) != want {
		t.Errorf("compressed: %q", zipped.Body)
	}
	if zipped.Header.Get("Content-Encoding") != "" && !strings.Contains(strings.ToLower(zipped.Header.Get("Vary")), "accept-encoding") {
		t.Errorf("compressed without Vary: %v", zipped.Header)
	}
}

// A segment behind a token is for one viewer's cache, and for no longer than
// the token lives; "downstream_cache keep" leaves that to the operator.
func TestSegmentCaching(t *testing.T) {
	t.Parallel()
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "video/mp2t")
		w.Header().Set("Cache-Control", "public, max-age=86400")
		io.WriteString(w, "segment")
	})
	for _, mode := range []string{"private", "keep"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			g := guard(t, setup{gate: "downstream_cache " + mode}, handler)
			got := g.get(t, target(g.key.Sign(t, harness.Good("org1", "cam")))).Header.Get("Cache-Control")
			if private := strings.Contains(got, "private"); private != (mode == "private") {
				t.Errorf("Cache-Control is %q", got)
			}
			if mode == "private" {
				_, age, _ := strings.Cut(got, "max-age=")
				age, _, _ = strings.Cut(age, ",")
				if seconds, err := strconv.Atoi(age); err != nil || seconds > 3600 {
					t.Errorf("Cache-Control is %q for a token that lives an hour", got)
				}
			}
		})
	}
}

// A redirect of the origin's on this site carries the token, one to another
// site does not.
func TestRedirects(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", r.URL.Query().Get("to"))
		w.WriteHeader(http.StatusFound)
	}))
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	for _, tc := range []struct{ name, to, want string }{
		{"path", "/live/org1/cam/next.m3u8?a=1", "/live/org1/cam/next.m3u8?a=1&token=" + token},
		{"absolute", g.Plain() + "/live/org1/cam/next.m3u8", g.Plain() + "/live/org1/cam/next.m3u8?token=" + token},
		{"relative", "next.m3u8", "next.m3u8?token=" + token},
		{"another site", "https://evil.test/live/org1/cam/next.m3u8", "https://evil.test/live/org1/cam/next.m3u8"},
		{"another site without a scheme", "//evil.test/live/org1/cam/next.m3u8", "//evil.test/live/org1/cam/next.m3u8"},
		{"another stream", "/live/org1/other/next.m3u8", "/live/org1/other/next.m3u8"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			to := strings.NewReplacer("&", "%26", "?", "%3F").Replace(tc.to)
			answer := g.get(t, "/live/org1/cam/first.m3u8?to="+to+"&token="+token)
			if got := answer.Header.Get("Location"); answer.Status != http.StatusFound || got != tc.want {
				t.Errorf("status %d, Location %q instead of %q", answer.Status, got, tc.want)
			}
		})
	}
}

// A manifest under a name of its own is one when the rule says so.
func TestManifestPattern(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{gate: "stream /live/{org}/{stream}/* {\nmanifest /live/*/*/playlist\n}"}, http.HandlerFunc(validated))
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	answer := g.get(t, "/live/org1/cam/playlist?token="+token, "Range: bytes=0-6")
	if answer.Status != http.StatusOK || !strings.Contains(string(answer.Body), "seg.ts?token="+token) {
		t.Errorf("status %d\n%s", answer.Status, answer.Body)
	}
}

// A playlist that only its type tells is fetched again whole when a client has
// asked for a part of it: a part cannot be rewritten.
func TestPartOfAPlaylist(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{}, http.HandlerFunc(validated))
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	answer := g.get(t, "/live/org1/cam/playlist?token="+token, "Range: bytes=0-6")
	if want := "#EXTM3U\nseg.ts?token=" + token + "\n"; answer.Status != http.StatusOK || string(answer.Body) != want {
		t.Errorf("status %d\n%s", answer.Status, answer.Body)
	}
}
