package manifest

import (
	"strings"
	"testing"

	"github.com/playgate/playgate/module/internal/weborigin"
)

func TestURI(t *testing.T) {
	const q, a, p = "?token=" + testToken, "&token=" + testToken, "token=" + testToken
	tests := []struct{ name, ref, want string }{
		{"relative", "seg.ts", "seg.ts" + q},
		{"relative in folder", "a/b/seg.ts", "a/b/seg.ts" + q},
		{"relative one up", "../cam1/seg.ts", "../cam1/seg.ts" + q},
		{"relative dot", "./seg.ts", "./seg.ts" + q},
		{"relative dots above the root", "../../../../live/org1/cam1/x", ""},
		{"relative with dots in the name", "a..b/.c/...", "a..b/.c/..." + q},
		{"other stream", "../cam2/seg.ts", ""},
		{"only the folder above", "..", ""},
		{"own folder is nothing to play", ".", ""},
		{"only a query", "?x=1", "?x=1" + a},
		{"only a fragment", "#t=1", ""},
		{"empty", "", ""},
		{"root-absolute", "/live/org1/cam1/seg.ts", "/live/org1/cam1/seg.ts" + q},
		{"root-absolute with dots", "/live/./x/../org1/cam1/seg.ts", "/live/./x/../org1/cam1/seg.ts" + q},
		{"root-absolute, not covered", "/other/seg.ts", ""},
		{"root-absolute leaves by dots", "/live/org1/cam1/../cam2/seg.ts", ""},
		{"query decides", "/q/seg.ts?stream=org1-cam1", "/q/seg.ts?stream=org1-cam1" + a},
		{"query decides without token pairs", "/q/seg.ts?jwtoken=" + otherToken + "&stream=org1-cam1", "/q/seg.ts?stream=org1-cam1" + a},
		{"query of another stream", "/q/seg.ts?stream=org1-cam2", ""},

		{"absolute", "https://live.example.com/live/org1/cam1/seg.ts", "https://live.example.com/live/org1/cam1/seg.ts" + q},
		{"absolute in capitals", "HTTPS://LIVE.Example.com/live/org1/cam1/seg.ts", "HTTPS://LIVE.Example.com/live/org1/cam1/seg.ts" + q},
		{"default port", "https://live.example.com:443/live/org1/cam1/seg.ts", "https://live.example.com:443/live/org1/cam1/seg.ts" + q},
		{"empty port", "https://live.example.com:/live/org1/cam1/seg.ts", "https://live.example.com:/live/org1/cam1/seg.ts" + q},
		{"other port", "https://live.example.com:8443/live/org1/cam1/seg.ts", ""},
		{"port with leading zero", "https://live.example.com:0443/live/org1/cam1/seg.ts", ""},
		{"port too large", "https://live.example.com:65979/live/org1/cam1/seg.ts", ""},
		{"port out of letters", "https://live.example.com:https/live/org1/cam1/seg.ts", ""},
		{"other scheme of this host", "http://live.example.com/live/org1/cam1/seg.ts", ""},
		{"network path", "//live.example.com/live/org1/cam1/seg.ts", "//live.example.com/live/org1/cam1/seg.ts" + q},
		{"further site", "https://cdn.example.com:8443/live/org1/cam1/seg.ts", "https://cdn.example.com:8443/live/org1/cam1/seg.ts" + q},
		{"further site as network path", "//cdn.example.com:8443/live/org1/cam1/seg.ts", "//cdn.example.com:8443/live/org1/cam1/seg.ts" + q},
		{"further site, other port", "https://cdn.example.com/live/org1/cam1/seg.ts", ""},
		{"further site, IPv6", "http://[::1]/live/org1/cam1/seg.ts", "http://[::1]/live/org1/cam1/seg.ts" + q},
		{"further site, IPv6 spelled out", "http://[0:0:0:0:0:0:0:1]/live/org1/cam1/seg.ts", ""},
		{"further site, not covered", "https://cdn.example.com:8443/seg.ts", ""},
		{"absolute without path", "https://live.example.com", ""},

		{"foreign host", "https://evil.example.net/live/org1/cam1/seg.ts", ""},
		{"foreign network path", "//evil.example.net/live/org1/cam1/seg.ts", ""},
		{"suffix host", "https://live.example.com.evil.net/live/org1/cam1/seg.ts", ""},
		{"prefix host", "https://evil-live.example.com/live/org1/cam1/seg.ts", ""},
		{"host as a part of the path", "https://evil.net/https://live.example.com/live/org1/cam1/seg.ts", ""},
		{"user information", "https://live.example.com@evil.net/live/org1/cam1/seg.ts", ""},
		{"user information before own host", "https://u:p@live.example.com/live/org1/cam1/seg.ts", ""},
		{"empty user information", "https://@live.example.com/live/org1/cam1/seg.ts", ""},
		{"backslash", `https://evil.net\@live.example.com/live/org1/cam1/seg.ts`, ""},
		{"backslash in a relative path", `\\evil.net\live\org1\cam1\seg.ts`, ""},
		{"backslash at the end", `seg.ts\`, `seg.ts\` + q},
		{"three slashes", "///live.example.com/live/org1/cam1/seg.ts", ""},
		{"scheme and three slashes", "https:///live.example.com/live/org1/cam1/seg.ts", ""},
		{"scheme and one slash", "https:/live/org1/cam1/seg.ts", ""},
		{"scheme and no slash", "https:seg.ts", ""},
		{"dot at the end of the host", "https://live.example.com./live/org1/cam1/seg.ts", ""},
		{"host with an escape", "https://live%2eexample.com/live/org1/cam1/seg.ts", ""},
		{"host with a look-alike letter", "https://live.ex\u0430mple.com/live/org1/cam1/seg.ts", ""},
		{"host with a full-width dot", "https://live\uff0eexample.com/live/org1/cam1/seg.ts", ""},
		{"scheme with the long s", "http\u017f://live.example.com/live/org1/cam1/seg.ts", "httpſ://live.example.com/live/org1/cam1/seg.ts" + q},
		{"question mark ends the host", "https://evil.net?.live.example.com/live/org1/cam1/seg.ts", ""},
		{"fragment ends the host", "https://evil.net#live.example.com/live/org1/cam1/seg.ts", ""},
		{"tab", "https://live.example.com/live/org1/cam1/\tseg.ts", ""},
		{"tab in the slashes", "/\t/evil.net/live/org1/cam1/seg.ts", ""},
		{"line feed", "seg\n.ts", "seg\n.ts" + q},
		{"NUL", "seg\x00.ts", "seg\x00.ts" + q},
		{"DEL", "seg\x7f.ts", "seg\x7f.ts" + q},
		{"space", "seg 1.ts", "seg 1.ts" + q},
		{"space in front", " seg.ts", " seg.ts" + q},
		{"no-break space", "seg\u00a01.ts", "seg\u00a01.ts" + q},
		{"line separator", "seg\u2028https://evil.net/", "seg\u2028https://evil.net/" + q},
		{"invalid UTF-8", "seg\xff.ts", "seg\xff.ts" + q},
		{"letters beyond ASCII in the path", "höhe/seg.ts", "höhe/seg.ts" + q},
		{"data", "data:text/plain;base64,QUFB", ""},
		{"skd", "skd://live.example.com/live/org1/cam1/key", ""},
		{"urn", "urn:uuid:1234", ""},
		{"javascript", "javascript:alert(1)", ""},
		{"WebSocket", "wss://live.example.com/live/org1/cam1/ws", ""},
		{"colon in the first segment", "12:30.ts", "12:30.ts" + q},
		{"colon in a later segment", "a/12:30.ts", "a/12:30.ts" + q},
		{"colon behind a dot segment", "./12:30.ts", "./12:30.ts" + q},
		{"colon in the query", "seg.ts?t=12:30", "seg.ts?t=12:30" + a},
		{"escaped dot segment", "%2e%2e/cam1/seg.ts", "%2e%2e/cam1/seg.ts" + q},
		{"half escaped dot segment", "x/.%2E/seg.ts", "x/.%2E/seg.ts" + q},
		{"escape that is none", "seg%zz.ts", "seg%zz.ts" + q},
		{"escape cut short", "seg%2", "seg%2" + q},
		{"broken escape in the fragment", "seg.ts#%", "seg.ts" + q + "#%"},
		{"other escapes", "seg%20%41.ts", "seg%20%41.ts" + q},
		{"long", strings.Repeat("a", maxReference/2), strings.Repeat("a", maxReference/2) + q},
		{"too long", strings.Repeat("a", maxReference+1), ""},
		{"far too long", strings.Repeat("a", maxReference+1), ""},

		{"query", "seg.ts?session=1&x", "seg.ts?session=1&x" + a},
		{"empty query", "seg.ts?", "seg.ts?" + p},
		{"ampersand at the end", "seg.ts?x=1&", "seg.ts?x=1&" + a},
		{"only an ampersand", "seg.ts?&", "seg.ts?&" + a},
		{"fragment", "seg.ts#t=1?x", "seg.ts" + q + "#t=1?x"},
		{"query and fragment", "seg.ts?x#y", "seg.ts?x" + a + "#y"},
		{"empty fragment", "seg.ts#", "seg.ts" + q + "#"},
		{"second question mark", "seg.ts?a?b", "seg.ts?a?b" + a},
		{"delivery directives", "p.m3u8?_HLS_msn=3&_HLS_part=1", "p.m3u8?_HLS_msn=3&_HLS_part=1" + a},

		{"same token", "seg.ts?token=" + testToken, ""},
		{"other token", "seg.ts?token=" + otherToken, "seg.ts" + q},
		{"other token amid others", "seg.ts?a=1&token=" + otherToken + "&b=2", "seg.ts?a=1" + a + "&b=2"},
		{"three times", "seg.ts" + q + a + a, "seg.ts" + q},
		{"other name", "seg.ts?jwtoken=" + otherToken, "seg.ts" + q},
		{"other name first", "seg.ts?jwtoken=" + otherToken + "&x=1", "seg.ts?x=1" + a},
		{"other name last", "seg.ts?x=1&jwtoken=" + otherToken, "seg.ts?x=1" + a},
		{"both names", "seg.ts?jwtoken=" + otherToken + "&token=" + otherToken + "&x", "seg.ts" + q + "&x"},
		{"escaped name", "seg.ts?%74oken=" + otherToken, "seg.ts" + q},
		{"escaped value", "seg.ts?token=old%2Eold.old", "seg.ts" + q},
		{"name in capitals is another name", "seg.ts?Token=" + otherToken, "seg.ts?Token=" + otherToken + a},
		{"longer name is another name", "seg.ts?mytoken=" + otherToken, "seg.ts?mytoken=" + otherToken + a},
		{"value of another form", "seg.ts?token=abc", "seg.ts?token=abc" + a},
		{"value of two parts", "seg.ts?token=a.b", "seg.ts?token=a.b" + a},
		{"value of four parts", "seg.ts?token=a.b.c.d", "seg.ts?token=a.b.c.d" + a},
		{"value without first part", "seg.ts?token=.b.c", "seg.ts?token=.b.c" + a},
		{"value without signature", "seg.ts?token=a.b.", "seg.ts" + q},
		{"name without value", "seg.ts?token", "seg.ts?token" + a},
		{"token in the fragment is no pair", "seg.ts#?token=" + otherToken, "seg.ts" + q + "#?token=" + otherToken},
		{"token on a foreign host stays", "https://evil.net/?token=" + otherToken, ""},
		{"variables mean nothing in a header", "{$x}/seg.ts", "{$x}/seg.ts" + q},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := tt.want
			if want == "" {
				want = tt.ref
			}
			checkURI(t, testRewriter, tt.ref, want)
		})
	}
}

func TestURIInPath(t *testing.T) {
	const seg = "/~" + testToken
	tests := []struct{ name, ref, want string }{
		{"relative", "seg.ts", ""},
		{"relative with query", "seg.ts?x=1", ""},
		{"relative with a token pair", "seg.ts?token=" + otherToken, "seg.ts"},
		{"relative with token pairs", "seg.ts?x=1&token=" + otherToken + "&jwtoken=" + otherToken + "#f", "seg.ts?x=1#f"},
		{"relative with a token pair, not covered", "../cam2/seg.ts?token=" + otherToken, ""},
		{"relative with dots and a token pair", "./seg.ts?token=" + otherToken, "./seg.ts"},
		{"fragment", "#f", ""},
		{"root-absolute", "/live/org1/cam1/seg.ts?x#y", "/live" + seg + "/org1/cam1/seg.ts?x#y"},
		{"root-absolute with an empty query", "/live/org1/cam1/seg.ts?", "/live" + seg + "/org1/cam1/seg.ts?"},
		{"root-absolute with a token pair", "/live/org1/cam1/seg.ts?token=" + otherToken + "&x", "/live" + seg + "/org1/cam1/seg.ts?x"},
		{"root-absolute with dots", "/live/org1/cam1/./seg.ts", "/live" + seg + "/org1/cam1/seg.ts"},
		{"root-absolute, not covered", "/live/org1/cam2/seg.ts", ""},
		{"absolute", "https://live.example.com/live/org1/cam1/seg.ts", "https://live.example.com/live" + seg + "/org1/cam1/seg.ts"},
		{"network path", "//live.example.com/live/org1/cam1/seg.ts", "//live.example.com/live" + seg + "/org1/cam1/seg.ts"},
		{"absolute without path", "https://live.example.com", ""},
		{"foreign", "https://evil.net/live/org1/cam1/seg.ts", ""},
		{"same segment", "/live" + seg + "/org1/cam1/seg.ts", ""},
		{"same segment and a pair", "/live" + seg + "/org1/cam1/seg.ts?token=a.b.c", "/live" + seg + "/org1/cam1/seg.ts"},
		{"other segment", "/live/~" + otherToken + "/org1/cam1/seg.ts", "/live" + seg + "/org1/cam1/seg.ts"},
		{"segment in another place", "/live/org1/cam1/~a.b.c/seg.ts", "/live" + seg + "/org1/cam1/seg.ts"},
		{"segment of no token's form", "/live/~abc/org1/cam1/seg.ts", ""},
		{"segment elsewhere", "/~a.b.c/live/org1/cam1/seg.ts", ""},
		{"many segments", "/live/org1/cam1" + strings.Repeat("/~a.b.c", 5) + "/x", "/live" + seg + "/org1/cam1/x"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := tt.want
			if want == "" {
				want = tt.ref
			}
			checkURI(t, pathRewriter, tt.ref, want)
		})
	}
}

// checkURI checks one result, that a second run changes nothing, and that a
// run with another token ends where a single run with it would.
func checkURI(t *testing.T, rewriter func() *Rewriter, ref, want string) {
	t.Helper()
	rw := rewriter()
	got := rw.Reference(ref)
	if got != want {
		t.Fatalf("URI(%q)\n got %q\nwant %q", ref, got, want)
	}
	if again := rw.Reference(got); again != got {
		t.Errorf("second run: %q became %q", got, again)
	}
	other := rewriter()
	other.Token = "another.token.9"
	first, second := other.Reference(ref), other.Reference(got)
	if got != ref && first != second {
		t.Errorf("other token: %q, but %q after the first", first, second)
	}
}

func TestURIOddRewriters(t *testing.T) {
	tests := []struct {
		name      string
		change    func(*Rewriter)
		ref, want string
	}{
		{"no Covers", func(rw *Rewriter) { rw.Covers = nil }, "seg.ts", "seg.ts"},
		{"no token", func(rw *Rewriter) { rw.Token = "" }, "seg.ts", "seg.ts"},
		{"token that needs escaping", func(rw *Rewriter) { rw.Token = "a b" }, "seg.ts", "seg.ts"},
		{"name that needs escaping", func(rw *Rewriter) { rw.Name = "a&b" }, "seg.ts", "seg.ts"},
		{"no name", func(rw *Rewriter) { rw.Name = "" }, "seg.ts", "seg.ts"},
		{"relative Path", func(rw *Rewriter) { rw.Path = "live/org1/cam1/x" }, "seg.ts", "seg.ts"},
		{"Path with dots", func(rw *Rewriter) { rw.Path = "/live/org1/cam1/../cam1/x" }, "seg.ts", "seg.ts"},
		{"Path with dots, root-absolute", func(rw *Rewriter) { rw.Path = "/../x" }, "/live/org1/cam1/a", "/live/org1/cam1/a?token=" + testToken},
		{"host that is none", func(rw *Rewriter) { rw.Site.Own, _ = weborigin.Of("https", "a/b") }, "https://a/b/live/org1/cam1/a", "https://a/b/live/org1/cam1/a"},
		{"scheme that is none", func(rw *Rewriter) { rw.Site.Own, _ = weborigin.Of("", "live.example.com") }, "//live.example.com/live/org1/cam1/a", "//live.example.com/live/org1/cam1/a"},
		{"host with port", func(rw *Rewriter) { rw.Site.Own, _ = weborigin.Of("https", "live.example.com:8443") }, "//live.example.com:8443/live/org1/cam1/a", "//live.example.com:8443/live/org1/cam1/a?token=" + testToken},
		{"token of a short form", func(rw *Rewriter) { rw.Token = "s-1" }, "seg.ts?token=s-1", "seg.ts?token=s-1"},
		{"name is not among names", func(rw *Rewriter) { rw.Names = nil }, "seg.ts?token=a.b.c", "seg.ts?token=" + testToken},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rw := testRewriter()
			tt.change(rw)
			if got := rw.Reference(tt.ref); got != tt.want {
				t.Errorf("URI(%q) = %q, want %q", tt.ref, got, tt.want)
			}
		})
	}
}

func TestCoversSees(t *testing.T) {
	tests := []struct {
		name, ref   string
		path, query string
	}{
		{"relative", "a/seg.ts?x=1&token=a.b.c&y=%20", "/live/org1/cam1/a/seg.ts", "x=1&y=%20"},
		{"dots", "../.././x/seg.ts", "/live/x/seg.ts", ""},
		{"dots at the end", "a/..", "/live/org1/cam1/", ""},
		{"empty segments", "a//../b", "/live/org1/cam1/a/b", ""},
		{"only a query", "?x=1", "/live/org1/cam1/index.m3u8", "x=1"},
		{"raw spelling", "/a%20b/%3Bc?%20", "/a%20b/%3Bc", "%20"},
		{"slashes out of dots", "/.//evil.net/x", "//evil.net/x", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rw, asked := testRewriter(), 0
			rw.Covers = func(path, query string) (Cover, bool) {
				asked++
				if path != tt.path || query != tt.query {
					t.Errorf("Covers(%q, %q), want (%q, %q)", path, query, tt.path, tt.query)
				}
				return Cover{}, false
			}
			if got := rw.Reference(tt.ref); got != tt.ref || asked != 1 {
				t.Errorf("URI(%q) = %q, Covers asked %d times", tt.ref, got, asked)
			}
		})
	}
}

func TestLeads(t *testing.T) {
	rw := Rewriter{Site: Site{Own: testSite().Own, Others: []weborigin.Origin{{Scheme: "https", Host: "cdn.example.com", Port: "443"}}}, Path: "/live/org1/cam1/whep"}
	for _, tc := range []struct{ ref, path, query string }{
		{"/live/org1/cam1/whep/1", "/live/org1/cam1/whep/1", ""},
		{"whep/1?a=b&c", "/live/org1/cam1/whep/1", "a=b&c"},
		{"../cam2/1", "/live/org1/cam2/1", ""},
		{"https://live.example.com/x", "/x", ""},
		{"https://LIVE.example.com:443/x?y#z", "/x", "y"},
		{"//cdn.example.com/x", "/x", ""},
		{"http://live.example.com/x", "", ""},
		{"https://live.example.com:8443/x", "", ""},
		{"https://live.example.com.evil.example/x", "", ""},
		{"https://u@live.example.com/x", "", ""},
		{"https:/x", "", ""},
		{"\\\\evil.example/x", "", ""},
		{"/a/%2e%2e/x", "/x", ""},
		{"", "", ""},
	} {
		path, query, ok := rw.Leads(tc.ref)
		if ok != (tc.path != "") || ok && (path != tc.path || query != tc.query) {
			t.Errorf("%q leads to %q, %q, %v", tc.ref, path, query, ok)
		}
	}
}
