package manifest

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/playgate/playgate/module/internal/weborigin"
)

// based is a rewriter for a manifest at a path, with token segments behind so many of
// its others; without any it is a first manifest. The rule is /live/{org}/{stream}/*, and
// the stream other has a token of its own.
func based(path string, tokens ...int) *Rewriter {
	rw := &Rewriter{
		Site: Site{Own: weborigin.Origin{Scheme: "https", Host: "live.test", Port: "443"}},
		Path: path, Form: InBase, Segments: tokens, Token: "T.T.T", Name: "token", Names: []string{"token"},
	}
	if len(tokens) > 0 {
		rw.Form = Inherited
	}
	rw.Covers = func(path, _ string) (c Cover, ok bool) {
		segments := strings.Split(path, "/")
		if len(segments) < 5 || segments[1] != "live" || segments[2] != "org" || segments[3] != "cam" && segments[3] != "other" || segments[4] == "" && len(segments) == 5 {
			return c, false
		}
		c = Cover{Start: 1, Insert: 3}
		if segments[3] == "other" {
			c.Token = "O.O.O"
		}
		return c, true
	}
	rw.IsToken = func(s string) bool { return s == "T.T.T" || s == "O.O.O" || s == "J.J.J" }
	return rw
}

func carried(t testing.TB, rw *Rewriter, ref string) string {
	t.Helper()
	out := rw.HLS(nil, []byte("#EXTM3U\n"+ref+"\n#EXT-X-MEDIA:URI=\"x\""+"\n"))
	line, _, _ := strings.Cut(strings.TrimPrefix(string(out), "#EXTM3U\n"), "\n#EXT-X-MEDIA")
	return line
}

func TestReferencesInheritTheirBase(t *testing.T) {
	const first = "/live/org/cam/index.m3u8"
	for _, tt := range []struct {
		path   string
		tokens []int
		ref    string
		want   string // "" for the same
	}{
		{first, nil, "seg.ts", "~T.T.T/seg.ts"},
		{first, nil, "v1/index.m3u8", "~T.T.T/v1/index.m3u8"},
		{first, nil, "v1/./a/../index.m3u8?a=1#f", "~T.T.T/v1/./a/../index.m3u8?a=1#f"},
		{first, nil, " seg.ts\t", " ~T.T.T/seg.ts\t"},
		{first, nil, "ch one_1.ts", "~T.T.T/ch one_1.ts"},
		{first, nil, "ch\u3000one_1.ts", "~T.T.T/ch\u3000one_1.ts"},
		{first, nil, "番組.ts", "~T.T.T/番組.ts"},
		{first, nil, "a{b}<c>.ts", "~T.T.T/a{b}<c>.ts"},
		{first, nil, "a:b", ""}, // a scheme
		{first, nil, "1a:b.ts", "~T.T.T/1a:b.ts"},
		{first, nil, "./a:b.ts", "~T.T.T/./a:b.ts"},
		{first, nil, "?a=1", "~T.T.T/index.m3u8?a=1"},
		{first, nil, "?token=J.J.J", "~T.T.T/index.m3u8"},
		{first, nil, "#f", ""},
		{first, nil, "seg.ts?token=J.J.J", "~T.T.T/seg.ts"},
		{first, nil, "seg.ts?a=1&token=J.J.J&b=2#f", "~T.T.T/seg.ts?a=1&b=2#f"},
		{first, nil, "~J.J.J/seg.ts", "~T.T.T/seg.ts"},
		{first, nil, "~john/seg.ts", "~T.T.T/~john/seg.ts"},
		{first, nil, "../cam/seg.ts", "../~T.T.T/cam/seg.ts"},
		{first, nil, "a/../../cam/b/seg.ts?x", "../~T.T.T/cam/b/seg.ts?x"},
		{first, nil, "../other/seg.ts", "../~O.O.O/other/seg.ts"},
		{first, nil, "../../org/cam/seg.ts", "../../~T.T.T/org/cam/seg.ts"},
		{first, nil, "../../../live/org/cam/seg.ts", "../../../live/~T.T.T/org/cam/seg.ts"},
		{first, nil, "../../../../live/org/cam/seg.ts", ""}, // leaves the tree
		{first, nil, "../third/seg.ts", ""},
		{first, nil, "../../../public/x.ts", ""},
		{first, nil, "..", ""},
		{first, nil, "%2e%2e/cam/seg.ts", "../~T.T.T/cam/seg.ts"},
		{first, nil, "/live/org/cam/v/seg.ts", "/live/org/cam/~T.T.T/v/seg.ts"},
		{first, nil, "/live/org/cam/~J.J.J/v/seg.ts?token=J.J.J", "/live/org/cam/~T.T.T/v/seg.ts"},
		{first, nil, "/live/~J.J.J/org/cam/v/seg.ts", "/live/org/cam/~T.T.T/v/seg.ts"},
		{first, nil, "/live/org/other/v/seg.ts", "/live/org/other/~O.O.O/v/seg.ts"},
		{first, nil, "https://live.test/live/org/cam/seg.ts?a", "https://live.test/live/org/cam/~T.T.T/seg.ts?a"},
		{first, nil, "//live.test/live/org/cam/seg.ts", "//live.test/live/org/cam/~T.T.T/seg.ts"},
		{first, nil, "https://evil.test/live/org/cam/seg.ts", ""},
		{first, nil, "//evil.test/live/org/cam/seg.ts", ""},
		{first, nil, `\\evil.test\seg.ts`, ""},
		{first, nil, "/public/seg.ts", ""},
		{first, nil, "/live/../live/org/cam/seg.ts", "/live/org/cam/~T.T.T/seg.ts"},
		{first, nil, "https://live.test/live/org/cam/a/../x y.ts?b", "https://live.test/live/org/cam/~T.T.T/x y.ts?b"},
		{first, nil, "/live/org/cam/seg 1\u3000.ts", "/live/org/cam/~T.T.T/seg 1\u3000.ts"},
		{first, nil, "/../live/org/cam/x.ts", ""},
		{first, nil, "~john.q.doe/x.ts", "~T.T.T/~john.q.doe/x.ts"},
		{first, nil, "/live/org/cam/~john.q.doe/x.ts", "/live/org/cam/~T.T.T/~john.q.doe/x.ts"},
		{first, nil, "data:text/plain,x", ""},
		{first, nil, "skd://key", ""},
		{"/live/org/cam/a/b/index.m3u8", nil, "/live/org/cam/seg.ts", "/live/org/cam/~T.T.T/seg.ts"},
		{"/live/org/cam/a/b/index.m3u8", nil, "/live/org/cam/a/b/c/seg.ts", "/live/org/cam/a/b/~T.T.T/c/seg.ts"},
		{"/live/org/cam/a/b/index.m3u8", nil, "../../seg.ts", "../../~T.T.T/seg.ts"},

		{"/live/org/cam/v1/index.m3u8", []int{3}, "seg.ts", ""},
		{"/live/org/cam/v1/index.m3u8", []int{3}, "../a/seg.ts?b#c", ""},
		{"/live/org/cam/v1/index.m3u8", []int{3}, "ch one.ts", ""},
		{"/live/org/cam/v1/index.m3u8", []int{3}, "?a=1", ""},
		{"/live/org/cam/v1/index.m3u8", []int{3}, "seg.ts?token=J.J.J&a", "seg.ts?a"},
		{"/live/org/cam/v1/index.m3u8", []int{3}, "../../cam/seg.ts", "../../../~T.T.T/cam/seg.ts"},
		{"/live/org/cam/v1/index.m3u8", []int{3}, "../../../../live/org/cam/seg.ts", "../../../../../live/~T.T.T/org/cam/seg.ts"},
		{"/live/org/cam/v1/index.m3u8", []int{1}, "../../cam/seg.ts", ""},
		{"/live/org/cam/v1/index.m3u8", []int{3, 3}, "../../cam/seg.ts", "../../../../~T.T.T/cam/seg.ts"},
		{"/live/org/cam/v1/index.m3u8", []int{3}, "../../other/seg.ts", "../../../~O.O.O/other/seg.ts"},
		{"/live/org/cam/v1/index.m3u8", []int{3}, "/live/org/cam/a/seg.ts", "/live/org/cam/~T.T.T/a/seg.ts"},
		{"/live/org/cam/v1/index.m3u8", []int{4}, "/live/org/cam/v1/seg.ts", "/live/org/cam/v1/~T.T.T/seg.ts"},
		{"/live/org/cam/v1/index.m3u8", []int{4}, "/live/org/cam/a/seg.ts", "/live/org/cam/~T.T.T/a/seg.ts"},
		{"/live/org/cam/v1/index.m3u8", []int{4}, "../seg.ts", "../../~T.T.T/seg.ts"},
		{"/live/org/cam/v1/index.m3u8", []int{3}, "https://evil.test/x", ""},
		{"/live/org/cam/v1/index.m3u8", []int{3}, "../../../../open/init.mp4", "../../../../../open/init.mp4"},
		{"/live/org/cam/v1/index.m3u8", []int{3, 3}, "../../third/x.ts?token=J.J.J", "../../../../third/x.ts?token=J.J.J"},
		{"/live/org/cam/v1/index.m3u8", []int{3}, "../../../../../x", ""}, // leaves the tree
	} {
		if tt.want == "" {
			tt.want = tt.ref
		}
		if got := carried(t, based(tt.path, tt.tokens...), tt.ref); strings.TrimRight(got, " \t") != strings.TrimRight(tt.want, " \t") {
			t.Errorf("%s %v: %q: %q instead of %q", tt.path, tt.tokens, tt.ref, got, tt.want)
		}
	}
}

// Attributes of tags, lines that end in a CR alone, and variables.
func TestPlaylistsInheritTheirBase(t *testing.T) {
	for in, want := range map[string]string{
		"#EXTM3U\r#EXTINF:2,\rseg1.ts\r#EXTINF:2,\rseg2.ts\r": "#EXTM3U\r#EXTINF:2,\r~T.T.T/seg1.ts\r#EXTINF:2,\r~T.T.T/seg2.ts\r",
		"#EXTM3U\r\nseg1.ts\r\nseg2.ts":                       "#EXTM3U\r\n~T.T.T/seg1.ts\r\n~T.T.T/seg2.ts",
		"#EXTM3U\n#EXT-X-MAP:URI=\"i.mp4\"\n#EXT-X-KEY:METHOD=AES-128,URI=\"../cam/key\"\n#EXTINF:2,URI=\"no\"\n":                "#EXTM3U\n#EXT-X-MAP:URI=\"~T.T.T/i.mp4\"\n#EXT-X-KEY:METHOD=AES-128,URI=\"../~T.T.T/cam/key\"\n#EXTINF:2,URI=\"no\"\n",
		"#EXTM3U\n#EXT-X-DEFINE:QUERYPARAM=\"viewer\"\n360.m3u8?viewer={$viewer}\n{$viewer}/x.ts\n":                              "#EXTM3U\n#EXT-X-DEFINE:QUERYPARAM=\"viewer\"\n~T.T.T/360.m3u8?viewer={$viewer}\n{$viewer}/x.ts\n",
		"#EXTM3U\n#EXT-X-DEFINE:NAME=\"a\",VALUE=\"v1\"\n{$a}/x.ts\n../cam/{$a}/x.ts\nv/{$a}.ts\n":                               "#EXTM3U\n#EXT-X-DEFINE:NAME=\"a\",VALUE=\"v1\"\n~T.T.T/{$a}/x.ts\n../~T.T.T/cam/{$a}/x.ts\n~T.T.T/v/{$a}.ts\n",
		"#EXTM3U\n#EXT-X-DEFINE:IMPORT=\"b\"\n#EXT-X-DEFINE:NAME=\"a\",VALUE=\"v\"\n{$a}/{$b}2.ts\n{$b}/{$a}.ts\n":               "#EXTM3U\n#EXT-X-DEFINE:IMPORT=\"b\"\n#EXT-X-DEFINE:NAME=\"a\",VALUE=\"v\"\n~T.T.T/{$a}/{$b}2.ts\n{$b}/{$a}.ts\n",
		"#EXTM3U\n#EXT-X-DEFINE:NAME=\"a\",VALUE=\"https://live.test\"\n{$a}/live/org/cam/x.ts\n":                                "",
		"#EXTM3U\n#EXT-X-DEFINE:NAME=\"a\",VALUE=\"//evil.test/\"\n{$a}/live/org/cam/x.ts\n":                                     "",
		"#EXTM3U\n#EXT-X-DEFINE:IMPORT=\"a\"\nv{$a}/x.ts\n{$a}/x.ts\n/live/org/cam/{$a}/x.ts\n#EXT-X-MEDIA:URI=\"a{$a}.m3u8\"\n": "#EXTM3U\n#EXT-X-DEFINE:IMPORT=\"a\"\n~T.T.T/v{$a}/x.ts\n{$a}/x.ts\n/live/org/cam/{$a}/x.ts\n#EXT-X-MEDIA:URI=\"~T.T.T/a{$a}.m3u8\"\n",
	} {
		if want == "" {
			want = in
		}
		for range 2 {
			got := based("/live/org/cam/index.m3u8").HLS(nil, []byte(in))
			if string(got) != want {
				t.Errorf("\n got %q\nwant %q", got, want)
			}
			in = string(got) // applied twice, nothing changes
		}
	}
}

// Where a token segment goes out of a reference, what is left does not become a path from
// the root, another host or another scheme: the token would go there.
func TestWhatATokenStoodBeforeLeadsNowhereElse(t *testing.T) {
	for _, rest := range []string{"/", "//", "/evil.test/x", "//evil.test/x", "https://evil.test/x", "a:b", "javascript:x", "/live/org/cam/x", `\\evil.test/x`, `\0`, "\t//evil.test/x", " //evil.test/x"} {
		for _, front := range []string{"~J.J.J/", "./~J.J.J/", "~J.J.J/~J.J.J/", "x/../~J.J.J/", "../cam/~J.J.J/", "~T.T.T/"} {
			ref := front + rest
			inQuery := based("/live/org/cam/index.m3u8")
			inQuery.Form = InQuery
			for name, rw := range map[string]*Rewriter{"query": inQuery, "base": based("/live/org/cam/index.m3u8"), "inner": based("/live/org/cam/index.m3u8", 3), "further out": based("/live/org/cam/index.m3u8", 1)} {
				got := rw.Reference(ref)
				base, _ := url.Parse("https://live.test/live/org/cam/index.m3u8")
				u, err := base.Parse(strings.NewReplacer(`\`, "/", "\t", "").Replace(strings.TrimSpace(got))) // as browsers read it
				if err != nil || u.Host != "live.test" || u.Scheme != "https" || !strings.HasPrefix(u.Path, "/live/") {
					t.Errorf("%s: %q has become %q, which leads to %v", name, ref, got, u)
				}
			}
		}
	}
}

// The same from the root, where a rule has no literal start.
func TestWhatATokenStoodBeforeAtTheRootLeadsNowhereElse(t *testing.T) {
	for _, ref := range []string{"/~J.J.J//evil.test/x", "/~J.J.J/~J.J.J//evil.test/x", "/~T.T.T//evil.test/x", "/./~J.J.J//evil.test/x", "/x/../~J.J.J//evil.test/x"} {
		for _, form := range []Form{InQuery, InBase, Inherited} {
			rw := based("/org/cam/index.m3u8")
			if form == Inherited {
				rw = based("/org/cam/index.m3u8", 2)
			}
			rw.Form, rw.Covers = form, func(string, string) (Cover, bool) { return Cover{Insert: 1}, true }
			base, _ := url.Parse("https://live.test/org/cam/index.m3u8")
			if u, err := base.Parse(rw.Reference(ref)); err != nil || u.Host != "live.test" {
				t.Errorf("form %d: %q leads to %v", form, ref, u)
			}
		}
	}
}

// Each reference that stays on this site and in scope leads, by net/url, to a path whose
// token segment is there exactly once, and whose rest is what the origin's manifest
// meant; every other reference is as it was, and applied twice nothing changes.
func TestReferencesLeadWhereTheyDid(t *testing.T) {
	const seed = 20270116
	r := rand.New(rand.NewPCG(seed, seed))
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	carriedN, untouched, climbing := 0, 0, 0
	for range 30_000 {
		folders := []string{"live", "org", "cam"}
		for range r.IntN(4) {
			folders = append(folders, pick("a", "b", "v1"))
		}
		path := "/" + strings.Join(folders, "/") + "/index.m3u8"
		var tokens []int
		address := path
		if r.IntN(2) == 0 {
			at := 1 + r.IntN(len(folders))
			tokens = append(tokens, at)
			with := slices.Insert(slices.Clone(folders), at, "~T.T.T")
			if r.IntN(4) == 0 { // some players repeat it
				tokens = append(tokens, at)
				with = slices.Insert(with, at, "~T.T.T")
			}
			address = "/" + strings.Join(with, "/") + "/index.m3u8"
		}
		var segments []string
		for range 1 + r.IntN(6) {
			segments = append(segments, pick("..", "..", ".", "a", "v1", "cam", "org", "live", "other", "x.y", "third"))
		}
		segments = append(segments, pick("x.ts", "index.m3u8", "..", "", "a-b"))
		ref := pick("", "", "", "/", "/live/", "/live/org/cam/", "https://live.test/live/org/cam/", "//live.test/", "https://evil.test/") + strings.Join(segments, "/") + pick("", "", "?a=1", "?token=J.J.J", "?a&token=J.J.J", "#f")
		base, err := url.Parse("https://live.test" + address + "?q=1")
		if err != nil {
			t.Fatal(err)
		}
		origin, _ := url.Parse("https://live.test" + path + "?q=1")
		meant, err := origin.Parse(ref)
		if err != nil {
			continue
		}
		got := carried(t, based(path, tokens...), ref)
		if text := []byte("#EXTM3U\n" + ref + "\n"); len(tokens) > 0 && based(path, tokens...).Inherits(text) && got != ref {
			t.Fatalf("%s %v: %q is to inherit, and has become %q", path, tokens, ref, got)
		}
		what := fmt.Sprintf("%s %v: %q has become %q", path, tokens, ref, got)
		leads, err := base.Parse(got)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		var bare []string
		n := 0
		for _, s := range strings.Split(leads.Path, "/") {
			if s == "~T.T.T" || s == "~O.O.O" {
				n++
			} else {
				bare = append(bare, s)
			}
		}
		_, covered := based(path).Covers(meant.Path, "")
		written := strings.HasPrefix(ref, "/") || strings.Contains(ref, "://")
		steep := !written && outside(folders, ref)
		steep = steep || written && outside(nil, rooted(ref))
		if meant.Host == "live.test" && !covered && !steep && got != ref && len(tokens) > 0 {
			// It gets no token, and climbs over the one that it leaves behind.
			if rest := strings.Join(bare, "/"); n != 0 || rest != meant.Path {
				t.Fatalf("%s, which leads to %s, and meant %s", what, leads, meant)
			}
			climbing++
			continue
		}
		if meant.Host != "live.test" || !covered || steep {
			untouched++
			if got != ref || meant.Host == "live.test" && !steep && strings.Join(bare, "/") != meant.Path {
				t.Fatalf("%s, though it is out of scope", what)
			}
			continue
		}
		carriedN++
		// Repeated segments that are inherited stay repeated, and are one to the gate.
		if rest := strings.Join(bare, "/"); rest != meant.Path || n != 1 && (n != len(tokens) || got != ref && !strings.Contains(ref, "token=")) || strings.Contains(got, "token=") {
			t.Fatalf("%s, which leads to %s (%d tokens), and meant %s", what, leads, n, meant)
		}
		if again := carried(t, based(path, tokens...), got); again != got {
			t.Fatalf("%s, and then %q", what, again)
		}
	}
	if carriedN < 5_000 || untouched < 2_500 || climbing < 100 {
		t.Errorf("%d references got a token, %d did not, and %d climb over one", carriedN, untouched, climbing)
	}
}

// rooted is the path of a reference that is written from the root, without its slash.
func rooted(ref string) string {
	if _, rest, ok := strings.Cut(ref, "//"); ok {
		_, ref, _ = strings.Cut(rest, "/")
		return ref
	}
	return strings.TrimPrefix(ref, "/")
}

// outside reports whether a relative reference leaves the tree on its way.
func outside(folders []string, ref string) bool {
	ref, _, _ = strings.Cut(ref, "?")
	ref, _, _ = strings.Cut(ref, "#")
	depth := len(folders)
	segments := strings.Split(ref, "/")
	for i, s := range segments {
		switch {
		case s == "..":
			if depth--; depth < 0 {
				return true
			}
		case s != "." && i < len(segments)-1:
			depth++
		}
	}
	return false
}

// BenchmarkBase is a first playlist of 182 references, and the same as an inner one.
func BenchmarkBase(b *testing.B) {
	var text strings.Builder
	text.WriteString("#EXTM3U\n#EXT-X-MAP:URI=\"init.mp4\"\n")
	for i := range 181 {
		fmt.Fprintf(&text, "#EXT-X-PART:DURATION=0.2,URI=\"p%d.mp4\"\n", i)
	}
	src := []byte(text.String())
	for name, tokens := range map[string][]int{"first": nil, "inner": {3}} {
		b.Run(name, func(b *testing.B) {
			dst := make([]byte, 0, 64<<10)
			b.ReportAllocs()
			for b.Loop() {
				rw := based("/live/org/cam/index.m3u8", tokens...)
				rw.Covers = func(string, string) (Cover, bool) { return Cover{Start: 1, Insert: 3}, true }
				rw.HLS(dst[:0], src)
			}
		})
	}
}

// Two dots are found wherever they stand.
func TestTwoDotsAreFound(t *testing.T) {
	for n := range 40 {
		for at := range n + 1 {
			text := strings.Repeat("a.", n)[:n]
			with := text[:at] + ".." + text[at:]
			if !mayHaveTwoDots([]byte(with)) {
				t.Errorf("not found in %q", with)
			}
		}
		if text := []byte(strings.Repeat("a.", n)); mayHaveTwoDots(text) {
			t.Errorf("found in %q", text)
		}
	}
}

// BenchmarkInherits is the whole look at a low-latency playlist below the first one.
func BenchmarkInherits(b *testing.B) {
	rw := based("/live/org/cam/index.m3u8", 3)
	playlist := []byte(lowLatencyPlaylist())
	b.SetBytes(int64(len(playlist)))
	for b.Loop() {
		if !rw.Inherits(playlist) {
			b.Fatal("it does not inherit")
		}
	}
}
