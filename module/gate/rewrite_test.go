package gate

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/playgate/playgate/module/internal/body"
	"github.com/playgate/playgate/module/token"
)

// answer is what an origin says, in one piece or several.
type answer struct {
	status int // 0: 200
	header map[string]string
	parts  []string
}

func (a answer) origin() *origin {
	return &origin{answer: func(w http.ResponseWriter, _ *http.Request) error {
		for name, value := range a.header {
			w.Header().Set(name, value)
		}
		if a.status != 0 {
			w.WriteHeader(a.status)
		}
		for _, part := range a.parts {
			if _, err := io.WriteString(w, part); err != nil {
				return err
			}
		}
		return nil
	}}
}

func gzipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, text)
	_ = z.Close()
	return b.String()
}

const hlsType = "application/vnd.apple.mpegurl"

// lines is a playlist of segments; the token goes behind each.
func lines(suffix string, n int) string {
	var b strings.Builder
	b.WriteString("#EXTM3U\n#EXT-X-VERSION:3\n")
	for i := range n {
		fmt.Fprintf(&b, "#EXTINF:2,\nseg-%d.ts%s\n", i, suffix)
	}
	return b.String()
}

// What may be a playlist is judged by its first bytes, however it comes: in
// pieces, compressed, with a byte order mark, without a type.
func TestPlaylistsAreRewritten(t *testing.T) {
	tok := mint(t, nil)
	plain, rewritten := lines("", 3), lines("?token="+tok, 3)
	each := strings.Split(plain, "")
	zipped := gzipped(plain)
	for _, tc := range []struct {
		name, target string
		answer       answer
		want         string
	}{
		{"with its type", playlist, answer{header: map[string]string{"Content-Type": hlsType}, parts: []string{plain}}, rewritten},
		{"without a type", playlist, answer{parts: []string{plain}}, rewritten},
		{"with another type", playlist, answer{header: map[string]string{"Content-Type": "text/plain"}, parts: []string{plain}}, rewritten},
		{"byte by byte", playlist, answer{parts: each}, rewritten},
		{"with a byte order mark", playlist, answer{parts: []string{"\xef\xbb\xbf" + plain}}, "\xef\xbb\xbf" + rewritten},
		{"gzip", playlist, answer{header: map[string]string{"Content-Encoding": "gzip"}, parts: []string{zipped}}, rewritten},
		{"gzip byte by byte", playlist, answer{header: map[string]string{"Content-Encoding": "GZIP"}, parts: strings.Split(zipped, "")}, rewritten},
		{"identity said", playlist, answer{header: map[string]string{"Content-Encoding": "identity"}, parts: []string{plain}}, rewritten},
		{"type under another path", media, answer{header: map[string]string{"Content-Type": hlsType + "; charset=utf-8"}, parts: []string{plain}}, rewritten},
		{"type in capitals under another path", media, answer{header: map[string]string{"Content-Type": "Audio/MpegURL"}, parts: []string{plain}}, rewritten},
		{"manifest pattern", "/live/acme/cam/master", answer{parts: []string{plain}}, rewritten},
		{"short", playlist, answer{parts: []string{"#EXTM3U"}}, "#EXTM3U"},
		{"no playlist under its path", playlist, answer{header: map[string]string{"Content-Type": "text/html"}, parts: []string{"<html>", "seg.ts"}}, "<html>seg.ts"},
		{"look-alike that players take", playlist, answer{parts: []string{"#EXTM3U8\nseg.ts\n"}}, "#EXTM3U8\nseg.ts?token=" + tok + "\n"},
		{"look-alike", playlist, answer{parts: []string{"#EXTM3\nseg.ts\n"}}, "#EXTM3\nseg.ts\n"},
		{"in two parts", playlist, answer{parts: []string{"#EXTM3U\n", plain[8:]}}, rewritten},
		{"text in two parts", media, answer{header: map[string]string{"Content-Type": "text/html"}, parts: []string{"<!DOCTYPE html>\n", "<html>"}}, "<!DOCTYPE html>\n<html>"},
		{"no playlist under its type", media, answer{header: map[string]string{"Content-Type": hlsType}, parts: []string{"\x00\x00binary"}}, "\x00\x00binary"},
		{"playlist text under another path and type", media, answer{header: map[string]string{"Content-Type": "video/mp2t"}, parts: []string{plain}}, rewritten},
		{"status 203", playlist, answer{status: 203, parts: []string{plain}}, rewritten},
		{"empty", playlist, answer{parts: []string{""}}, ""},
		{"status 404", playlist, answer{status: 404, parts: []string{plain}}, plain},
		{"gzip of no playlist", playlist, answer{header: map[string]string{"Content-Encoding": "gzip"}, parts: []string{gzipped("<html>")}}, gzipped("<html>")},
		{"MPD", "/live/acme/cam/x.mpd", answer{parts: []string{"<MPD><BaseURL>video.mp4</BaseURL></MPD>"}}, "<MPD><BaseURL>video.mp4?token=" + tok + "</BaseURL></MPD>"},
		{"MPD by its type", media, answer{header: map[string]string{"Content-Type": "application/dash+xml"}, parts: []string{"<?xml version='1.0'?>\n<MPD><BaseURL>video.mp4</BaseURL></MPD>"}}, "<?xml version='1.0'?>\n<MPD><BaseURL>video.mp4?token=" + tok + "</BaseURL></MPD>"},
		{"steering manifest", media, answer{header: map[string]string{"Content-Type": "application/json"}, parts: []string{`{"VERSION":1,"RELOAD-URI":"s.json"}`}}, `{"VERSION":1,"RELOAD-URI":"s.json?token=` + tok + `"}`},
		{"any other JSON", media, answer{header: map[string]string{"Content-Type": "application/json"}, parts: []string{`{"RELOAD-URI":"s.json"}`}}, `{"RELOAD-URI":"s.json"}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newGate(t, "stream /live/{org}/{stream}/* {\nmanifest /live/*/*/master\n}")
			w := get(t, h, tc.answer.origin(), tc.target+"?token="+tok)
			if w.Body.String() != tc.want {
				t.Errorf("the client got\n%q instead of\n%q", w.Body, tc.want)
			}
			if length := w.Header().Get("Content-Length"); length != "" && length != strconv.Itoa(w.Body.Len()) {
				t.Errorf("Content-Length %s for %d bytes", length, w.Body.Len())
			}
			changed := tc.want != strings.Join(tc.answer.parts, "")
			if changed != (w.Header().Get("Cache-Control") == "private, no-store") {
				t.Errorf("Cache-Control %q", w.Header().Get("Cache-Control"))
			}
			if changed && w.Header().Get("Content-Encoding") != "" {
				t.Errorf("Content-Encoding %q", w.Header().Get("Content-Encoding"))
			}
		})
	}
}

// The header of a rewritten playlist is about its new bytes.
func TestHeaderOfARewrittenPlaylist(t *testing.T) {
	tok := mint(t, nil)
	stale := map[string]string{
		"Content-Length": "999", "Content-Encoding": "gzip", "Accept-Ranges": "bytes", "Last-Modified": noon.Format(http.TimeFormat),
		"Content-Md5": "x", "Digest": "x", "Repr-Digest": "x", "Content-Digest": "x", "Expires": noon.Format(http.TimeFormat),
		"Cache-Control": "public, max-age=1", "Etag": `"v1"`, "Content-Type": hlsType, "Vary": "Accept-Encoding",
	}
	w := get(t, newGate(t, ""), answer{header: stale, parts: []string{gzipped(lines("", 2))}}.origin(), playlist+"?token="+tok)
	allowed(t, w)
	for _, name := range []string{"Content-Encoding", "Accept-Ranges", "Last-Modified", "Content-Md5", "Digest", "Repr-Digest", "Content-Digest", "Expires"} {
		if got := w.Header().Get(name); got != "" {
			t.Errorf("%s: %s is of the origin's bytes", name, got)
		}
	}
	for name, want := range map[string]string{
		"Content-Type": hlsType, "Cache-Control": "private, no-store", "Content-Length": strconv.Itoa(w.Body.Len()), "Vary": "Accept-Encoding",
	} {
		if got := strings.Join(w.Header()[name], " | "); got != want {
			t.Errorf("%s is %q, not %q", name, got, want)
		}
	}
}

// What cannot be rewritten is a 502, and none of it goes out: a player would
// lose its token at the next request, or carry it elsewhere.
func TestPlaylistsThatCannotBeRewritten(t *testing.T) {
	big := strings.Repeat("<!-- comment -->", body.MaxMPD/16)
	for name, a := range map[string]answer{
		"an MPD too large, in pieces":   {parts: append([]string{"<MPD>"}, strings.SplitAfter(big, "<!-- comment -->")...)},
		"an MPD too large":              {parts: []string{"<MPD>" + big}},
		"an MPD in a gzip bomb":         {header: map[string]string{"Content-Encoding": "gzip"}, parts: []string{gzipped("<MPD>" + big)}},
		"damaged gzip":                  {header: map[string]string{"Content-Encoding": "gzip"}, parts: []string{gzipped(lines("", 9))[:60]}},
		"a coding nobody asked for":     {header: map[string]string{"Content-Encoding": "br"}, parts: []string{"\x8b\x02\x80"}},
		"gzip twice":                    {header: map[string]string{"Content-Encoding": "gzip, gzip"}, parts: []string{gzipped(gzipped(lines("", 1)))}},
		"the token as a variable":       {parts: []string{"#EXTM3U\n#EXT-X-DEFINE:QUERYPARAM=\"token\"\nhttps://evil.test/{$token}\n"}},
		"the second name as a variable": {parts: []string{"#EXTM3U\n#EXT-X-DEFINE:QUERYPARAM=\"jwtoken\"\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := get(t, newGate(t, ""), a.origin(), playlist+"?token="+mint(t, nil))
			readProblem(t, w, http.StatusBadGateway)
			if leaks := strings.Contains(w.Body.String(), `"reason":"leaks"`); leaks != strings.Contains(name, "as a variable") {
				t.Errorf("the reason is leaks: %t\n%s", leaks, w.Body)
			}
		})
	}
}

// What is no playlist streams through, however large.
func TestLargeMediaUnderAPlaylistsPathPasses(t *testing.T) {
	big := strings.Repeat("x", 4<<20+1)
	for name, parts := range map[string][]string{"in one piece": {big}, "after a byte": {"x", big}, "in pieces": {big[:100], big}} {
		w := get(t, newGate(t, ""), answer{parts: parts}.origin(), playlist+"?token="+mint(t, nil))
		if w.Code != http.StatusOK || w.Body.Len() != len(strings.Join(parts, "")) {
			t.Errorf("%s: status %d, %d bytes", name, w.Code, w.Body.Len())
		}
	}
}

// A playlist that was changed is of this viewer alone and has no validator. One that was
// not has those of the origin, and they work.
func TestValidatorsOfPlaylists(t *testing.T) {
	h := newGate(t, "")
	tok := mint(t, nil)
	for text, tag := range map[string]string{"#EXTM3U\nseg.ts\n": "", "#EXTM3U\n": `"v1"`} {
		a := answer{header: map[string]string{"Etag": `"v1"`, "Cache-Control": "max-age=60"}, parts: []string{text}}
		w := get(t, h, a.origin(), playlist+"?token="+tok)
		cached := map[bool]string{true: "private, no-store", false: "private, max-age=60"}[tag == ""]
		if w.Header().Get("Etag") != tag || w.Header().Get("Cache-Control") != cached {
			t.Errorf("%q: Etag %q, Cache-Control %q", text, w.Header().Get("Etag"), w.Header().Get("Cache-Control"))
		}
	}
	unchanged := answer{status: 304, header: map[string]string{"Etag": `"v1"`, "Cache-Control": "max-age=60"}}
	o := unchanged.origin()
	w := get(t, h, o, playlist+"?token="+tok, `If-None-Match: "v1"`)
	if w.Code != 304 || o.only(t).Header.Get("If-None-Match") != `"v1"` || w.Header().Get("Cache-Control") != "private, max-age=60" {
		t.Errorf("status %d, Cache-Control %q", w.Code, w.Header().Get("Cache-Control"))
	}
}

// Playlists are fetched whole, because parts of the rewritten one are parts of
// other bytes; segments keep their ranges.
func TestRanges(t *testing.T) {
	h := newGate(t, "")
	headers := []string{"Range: bytes=0-9", `If-Range: "v1"`}
	o := answer{parts: []string{"#EXTM3U\nseg.ts\n"}}.origin()
	allowed(t, get(t, h, o, playlist+"?token="+mint(t, nil), headers...))
	if seen := o.only(t).Header; seen.Get("Range") != "" || seen.Get("If-Range") != "" {
		t.Errorf("a playlist was asked for with %v", seen)
	}
	o = answer{status: 206, header: map[string]string{"Content-Range": "bytes 0-4/9", "Etag": `"v1"`}, parts: []string{"media"}}.origin()
	w := get(t, h, o, media+"?token="+mint(t, nil), headers...)
	if seen := o.only(t).Header; seen.Get("Range") != "bytes=0-9" || seen.Get("If-Range") != `"v1"` {
		t.Errorf("a segment was asked for with %v", seen)
	}
	if w.Code != 206 || w.Header().Get("Content-Range") != "bytes 0-4/9" || w.Header().Get("Etag") != `"v1"` || w.Body.String() != "media" {
		t.Errorf("status %d, header %v", w.Code, w.Header())
	}
}

// HEAD of a playlist tells what GET would: the origin is asked with GET, and
// nothing of its body goes out.
func TestHeadOfAPlaylist(t *testing.T) {
	h := newGate(t, "")
	tok := mint(t, nil)
	o := answer{header: map[string]string{"Etag": `"v1"`}, parts: []string{"#EXTM3U\nseg.ts\n"}}.origin()
	head := serve(t, h, o, request(http.MethodHead, playlist+"?token="+tok))
	if o.only(t).Method != http.MethodGet || head.Body.Len() != 0 {
		t.Errorf("the origin was asked with %s; %d bytes went out", o.only(t).Method, head.Body.Len())
	}
	whole := get(t, h, answer{header: map[string]string{"Etag": `"v1"`}, parts: []string{"#EXTM3U\nseg.ts\n"}}.origin(), playlist+"?token="+tok)
	for _, name := range []string{"Content-Length", "Cache-Control"} {
		if got, want := head.Header().Get(name), whole.Header().Get(name); got != want || got == "" {
			t.Errorf("%s is %q with HEAD and %q with GET", name, got, want)
		}
	}
	// Under another path only the type tells, and then there is no body to count.
	o = answer{header: map[string]string{"Content-Type": hlsType, "Content-Length": "15", "Etag": `"v1"`}, parts: []string{""}}.origin()
	head = serve(t, h, o, request(http.MethodHead, media+"?token="+tok))
	if o.only(t).Method != http.MethodHead || head.Header().Get("Content-Length") != "" || head.Header().Get("Etag") != "" {
		t.Errorf("method %s, header %v", o.only(t).Method, head.Header())
	}
	o = answer{header: map[string]string{"Content-Type": "video/mp2t", "Content-Length": "15", "Etag": `"v1"`}, parts: []string{""}}.origin()
	head = serve(t, h, o, request(http.MethodHead, media+"?token="+tok))
	if head.Header().Get("Content-Length") != "15" || head.Header().Get("Etag") != `"v1"` {
		t.Errorf("the header of a segment was changed: %v", head.Header())
	}
}

// Location of a redirect or a new resource is a URI like those of a playlist.
func TestLocationCarriesTheToken(t *testing.T) {
	tok := mint(t, nil)
	for _, status := range []int{201, 301, 302, 303, 307, 308} {
		for location, want := range map[string]string{
			"other.m3u8": "other.m3u8?token=TOKEN",
			"/live/acme/cam/v0/index.m3u8?cookieCheck=1": "/live/acme/cam/v0/index.m3u8?cookieCheck=1&token=TOKEN",
			"http://edge.test/live/acme/cam/x.m3u8":      "http://edge.test/live/acme/cam/x.m3u8?token=TOKEN",
			"/live/acme/cam/x.m3u8?token=TOKEN":          "/live/acme/cam/x.m3u8?token=TOKEN",
			"https://evil.test/live/acme/cam/x.m3u8":     "https://evil.test/live/acme/cam/x.m3u8",
			"//evil.test/live/acme/cam/x.m3u8":           "//evil.test/live/acme/cam/x.m3u8",
			"http://edge.test@evil.test/live/acme/cam/x": "http://edge.test@evil.test/live/acme/cam/x",
			`/\evil.test/live/acme/cam/x`:                `/\evil.test/live/acme/cam/x`,
			"/live/acme/other/x.m3u8":                    "/live/acme/other/x.m3u8",
			"/elsewhere":                                 "/elsewhere",
		} {
			w := get(t, newGate(t, ""), answer{status: status, header: map[string]string{"Location": strings.ReplaceAll(location, "TOKEN", tok)}}.origin(),
				"http://edge.test"+playlist+"?token="+tok)
			if got := strings.ReplaceAll(w.Header().Get("Location"), tok, "TOKEN"); w.Code != status || got != want {
				t.Errorf("%d %s becomes %d %s", status, location, w.Code, got)
			}
		}
	}
	w := get(t, newGate(t, "propagate off"), answer{status: 302, header: map[string]string{"Location": "other.m3u8"}}.origin(), playlist+"?token="+tok)
	if got := w.Header().Get("Location"); got != "other.m3u8" {
		t.Errorf("with propagate off it becomes %s", got)
	}
	w = get(t, newGate(t, ""), answer{status: 200, header: map[string]string{"Location": "other.m3u8"}, parts: []string{"x"}}.origin(), media+"?token="+tok)
	if got := w.Header().Get("Location"); got != "other.m3u8" {
		t.Errorf("with status 200 it becomes %s", got)
	}
}

// The token goes into URIs in the form in which it came, and never to another
// site, stream or organisation.
func TestWhereTheTokenGoes(t *testing.T) {
	tok := mint(t, nil)
	const uris = "#EXTM3U\nseg.ts\n/live/acme/cam/seg.ts\nhttp://edge.test/live/acme/cam/seg.ts\nhttps://cdn.test/live/acme/cam/seg.ts\n" +
		"https://evil.test/live/acme/cam/seg.ts\n/live/acme/other/seg.ts\n../../acme2/cam/seg.ts\ndata:,x\n"
	for name, tc := range map[string]struct {
		lines, target, header, want string
	}{
		"query": {
			"site https://cdn.test", playlist + "?token=TOKEN", "",
			"#EXTM3U\nseg.ts?token=TOKEN\n/live/acme/cam/seg.ts?token=TOKEN\nhttp://edge.test/live/acme/cam/seg.ts?token=TOKEN\nhttps://cdn.test/live/acme/cam/seg.ts?token=TOKEN\n" +
				"https://evil.test/live/acme/cam/seg.ts\n/live/acme/other/seg.ts\n../../acme2/cam/seg.ts\ndata:,x\n",
		},
		"second name": {
			"", playlist + "?jwtoken=TOKEN", "",
			"#EXTM3U\nseg.ts?jwtoken=TOKEN\n/live/acme/cam/seg.ts?jwtoken=TOKEN\nhttp://edge.test/live/acme/cam/seg.ts?jwtoken=TOKEN\nhttps://cdn.test/live/acme/cam/seg.ts\n" +
				"https://evil.test/live/acme/cam/seg.ts\n/live/acme/other/seg.ts\n../../acme2/cam/seg.ts\ndata:,x\n",
		},
		"header, under the first name": {
			"tokens {\nquery t u\n}", playlist, "Authorization: Bearer TOKEN",
			"#EXTM3U\nseg.ts?t=TOKEN\n/live/acme/cam/seg.ts?t=TOKEN\nhttp://edge.test/live/acme/cam/seg.ts?t=TOKEN\nhttps://cdn.test/live/acme/cam/seg.ts\n" +
				"https://evil.test/live/acme/cam/seg.ts\n/live/acme/other/seg.ts\n../../acme2/cam/seg.ts\ndata:,x\n",
		},
		"path": {
			"", "/live/~TOKEN/acme/cam/index.m3u8", "",
			"#EXTM3U\nseg.ts\n/live/~TOKEN/acme/cam/seg.ts\nhttp://edge.test/live/~TOKEN/acme/cam/seg.ts\nhttps://cdn.test/live/acme/cam/seg.ts\n" +
				"https://evil.test/live/acme/cam/seg.ts\n/live/acme/other/seg.ts\n../../acme2/cam/seg.ts\ndata:,x\n",
		},
		"propagate off": {"propagate off", playlist + "?token=TOKEN", "", uris},
	} {
		t.Run(name, func(t *testing.T) {
			fill := strings.NewReplacer("TOKEN", tok)
			r := request(http.MethodGet, "http://edge.test"+fill.Replace(tc.target))
			if header, value, ok := strings.Cut(fill.Replace(tc.header), ": "); ok {
				r.Header.Set(header, value)
			}
			w := serve(t, newGate(t, tc.lines), answer{parts: []string{uris}}.origin(), r)
			if got := strings.ReplaceAll(w.Body.String(), tok, "TOKEN"); got != tc.want {
				t.Errorf("the playlist is\n%s\ninstead of\n%s", got, tc.want)
			}
		})
	}
}

// This site is what the client wrote; a forwarded name counts from a trusted
// proxy alone, and only when there is one.
func TestPublicOrigin(t *testing.T) {
	tok := mint(t, nil)
	const uris = "#EXTM3U\nhttp://edge.test/live/acme/cam/1.ts\nhttps://public.test/live/acme/cam/1.ts\n"
	for name, tc := range map[string]struct {
		trusted     bool
		proto, host []string
		want        string
	}{
		"no proxy":             {false, nil, nil, "edge.test"},
		"forged by the client": {false, []string{"https"}, []string{"public.test"}, "edge.test"},
		"trusted":              {true, []string{"https"}, []string{"public.test"}, "public.test"},
		"two hosts":            {true, []string{"https"}, []string{"public.test", "public.test"}, "none"},
		"a list of hosts":      {true, []string{"https"}, []string{"public.test, x.test"}, "none"},
		"an odd scheme":        {true, []string{"ftp"}, []string{"public.test"}, "none"},
		"a host with a path":   {true, []string{"https"}, []string{"public.test/x"}, "none"},
	} {
		t.Run(name, func(t *testing.T) {
			r := request(http.MethodGet, "http://edge.test"+playlist+"?token="+tok)
			r.Header["X-Forwarded-Proto"], r.Header["X-Forwarded-Host"] = tc.proto, tc.host
			setVar(r, caddyhttp.TrustedProxyVarKey, tc.trusted)
			body := serve(t, newGate(t, ""), answer{parts: []string{uris}}.origin(), r).Body.String()
			for host, line := range map[string]string{"edge.test": "http://edge.test/live/acme/cam/1.ts?", "public.test": "https://public.test/live/acme/cam/1.ts?"} {
				if strings.Contains(body, line) != (host == tc.want) {
					t.Errorf("the playlist is\n%s", strings.ReplaceAll(body, tok, "TOKEN"))
				}
			}
		})
	}
}

// A playlist under report_only carries no token that was not verified.
func TestUnverifiedTokensAreNotPropagated(t *testing.T) {
	h := newGate(t, "report_only on")
	for name, tok := range map[string]string{
		"stranger": mintWith(t, strangerKey, nil),
		"expired":  mint(t, func(g *token.Grant) { g.IssuedAt, g.Expires = noon.Unix()-100, noon.Unix()-50 }),
		"other":    mint(t, func(g *token.Grant) { g.Streams = []string{"other"} }),
	} {
		w := get(t, h, answer{parts: []string{"#EXTM3U\nseg.ts\n"}}.origin(), playlist+"?token="+tok)
		if w.Body.String() != "#EXTM3U\nseg.ts\n" {
			t.Errorf("%s: the playlist is %q", name, w.Body)
		}
	}
}

// A client that takes gzip gets the rewritten playlist compressed.
func TestRewrittenPlaylistIsCompressedAgain(t *testing.T) {
	tok := mint(t, nil)
	plain, rewritten := lines("", 50), lines("?token="+tok, 50)
	for name, a := range map[string]answer{
		"compressed by the origin": {header: map[string]string{"Content-Encoding": "gzip"}, parts: []string{gzipped(plain)}},
		"plain from the origin":    {parts: []string{plain}},
	} {
		t.Run(name, func(t *testing.T) {
			w := get(t, newGate(t, ""), a.origin(), playlist+"?token="+tok, "Accept-Encoding: gzip, br")
			if got := w.Header().Get("Content-Encoding"); got != "gzip" {
				t.Fatalf("Content-Encoding %q: %d bytes go out for a playlist that compresses well", got, w.Body.Len())
			}
			z, err := gzip.NewReader(w.Body)
			if err != nil {
				t.Fatal(err)
			}
			if text, err := io.ReadAll(z); err != nil || string(text) != rewritten {
				t.Errorf("the client reads %q, %v", text, err)
			}
			if !strings.Contains(w.Header().Get("Vary"), "Accept-Encoding") {
				t.Errorf("Vary %q", w.Header().Get("Vary"))
			}
		})
	}
}

// A part of what turns out to be a playlist is fetched again, whole.
func TestPartOfAPlaylistIsFetchedWhole(t *testing.T) {
	tok := mint(t, nil)
	const text = "#EXTM3U\nseg.ts\n"
	o := &origin{answer: func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Content-Type", hlsType)
		if r.Header.Get("Range") == "" {
			_, err := io.WriteString(w, text)
			return err
		}
		w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-9/%d", len(text)))
		w.WriteHeader(http.StatusPartialContent)
		_, err := io.WriteString(w, text[:10])
		return err
	}}
	w := get(t, newGate(t, ""), o, "/live/acme/cam/list?token="+tok, "Range: bytes=0-9")
	if want := "#EXTM3U\nseg.ts?token=" + tok + "\n"; w.Code != 200 || w.Body.String() != want || w.Header().Get("Content-Range") != "" {
		t.Errorf("status %d, header %v, body %q", w.Code, w.Header(), w.Body)
	}
}
