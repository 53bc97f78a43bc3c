package manifest

import (
	"fmt"
	"strings"
	"testing"
)

// lowLatencyPlaylist returns a playlist as low-latency packagers write it:
// about 7 kB, 182 URIs.
func lowLatencyPlaylist() string {
	var b strings.Builder
	b.WriteString("#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:2\n" +
		"#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=0.6,CAN-SKIP-UNTIL=12\n" +
		"#EXT-X-PART-INF:PART-TARGET=0.2\n#EXT-X-MEDIA-SEQUENCE:4711\n#EXT-X-MAP:URI=\"init.mp4\"\n")
	for i := range 30 {
		if i >= 15 {
			for j := range 10 {
				fmt.Fprintf(&b, "#EXT-X-PART:DURATION=0.2,URI=\"p%d.%d.mp4\"\n", i, j)
			}
		}
		fmt.Fprintf(&b, "#EXTINF:2.00000,\nseg%d.mp4\n", i)
	}
	b.WriteString("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"p30.0.mp4\"\n")
	return b.String()
}

func benchRewriter(form Form) *Rewriter {
	rw := &Rewriter{
		Site: Site{Own: testSite().Own}, Path: "/live/org1/cam1/stream.m3u8", Form: form,
		Token: strings.Repeat("a", 100) + "." + strings.Repeat("b", 113) + "." + strings.Repeat("c", 85),
		Name:  "token", Names: []string{"token", "jwtoken"},
		Covers: func(path, query string) (c Cover, ok bool) {
			rest, ok := strings.CutPrefix(path, "/live/")
			if !ok {
				return c, false
			}
			org, rest, _ := strings.Cut(rest, "/")
			stream, rest, ok := strings.Cut(rest, "/")
			return Cover{Start: 1, Insert: 3}, ok && org == "org1" && stream == "cam1" && rest != ""
		},
	}
	if form == Inherited {
		rw.Segments = []int{3}
	}
	return rw
}

func BenchmarkHLS(b *testing.B) {
	relative := lowLatencyPlaylist()
	variants := []struct{ name, text string }{
		{"relative", relative},
		{"crlf", strings.ReplaceAll(relative, "\n", "\r\n")},
		{"query", strings.ReplaceAll(relative, ".mp4", ".mp4?s=1&token=a.b.c")},
	}
	for _, v := range variants {
		b.Run(v.name, func(b *testing.B) {
			src := []byte(v.text)
			b.SetBytes(int64(len(src)))
			b.ReportAllocs()
			for b.Loop() {
				out := benchRewriter(InQuery).HLS(nil, src)
				if len(out) < 50_000 {
					b.Fatal(len(out))
				}
			}
		})
	}
	b.Run("reused", func(b *testing.B) {
		src := []byte(relative)
		dst := make([]byte, 0, 128<<10)
		fresh := benchRewriter(InQuery)
		b.ReportAllocs()
		for b.Loop() {
			rw := *fresh // has not been used
			if out := rw.HLS(dst, src); len(out) < 50_000 {
				b.Fatal(len(out))
			}
		}
	})
}

// recording returns a playlist of a long recording: n segments.
func recording(n int) []byte {
	var b strings.Builder
	b.WriteString("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n#EXT-X-MAP:URI=\"init.mp4\"\n")
	for i := range n {
		fmt.Fprintf(&b, "#EXTINF:2.00000,\nseg%d.mp4\n", i)
	}
	return []byte(b.String())
}

// The rate is that of the output.
func BenchmarkRecording(b *testing.B) {
	for _, v := range []struct {
		name, token string
		segments    int
	}{
		{"jwt", benchRewriter(InQuery).Token, 13_000},
		{"session", sessionTokenForm, 31_000},
	} {
		b.Run(v.name, func(b *testing.B) {
			src, dst := recording(v.segments), make([]byte, 0, 5<<20)
			fresh := benchRewriter(InQuery)
			fresh.Token = v.token
			b.ReportAllocs()
			for b.Loop() {
				rw := *fresh
				out := rw.HLS(dst, src)
				if len(out) < 4_000_000 {
					b.Fatal(len(out))
				}
				b.SetBytes(int64(len(out)))
			}
		})
	}
}

// sessionTokenForm has the form of a session token.
var sessionTokenForm = "s." + strings.Repeat("a", 112)

func BenchmarkDASH(b *testing.B) {
	src := []byte(inSet(strings.Repeat(`<SegmentTemplate media="$RepresentationID$/$Number$.m4s" initialization="$RepresentationID$/init.mp4"/>`, 8), "<SegmentList>"+strings.Repeat(`<SegmentURL media="seg-1.m4s"/>`, 160)+"</SegmentList>"))
	dst := make([]byte, 0, 128<<10)
	fresh := benchRewriter(InQuery)
	b.ReportAllocs()
	for b.Loop() {
		rw := *fresh
		if out := rw.DASH(dst, src); len(out) < 50_000 {
			b.Fatal(len(out))
		}
	}
}

// TestGrowth writes down what a low-latency playlist becomes. 3.2 times its
// own size is the most that a session token may add.
func TestGrowth(t *testing.T) {
	plain := lowLatencyPlaylist()
	for name, token := range map[string]string{"jwt": benchRewriter(InQuery).Token, "session": sessionTokenForm} {
		rw := benchRewriter(InQuery)
		rw.Token = token
		out := mustHLS(t, rw, plain)
		uris := strings.Count(out, token)
		if want := len(plain) + uris*(len(token)+len("?token=")); uris != 182 || len(out) != want {
			t.Errorf("%s: %d URIs, %d bytes instead of %d", name, uris, len(out), want)
		}
		t.Logf("%s: %d bytes become %d", name, len(plain), len(out))
		if name == "session" && len(out)-len(plain) > 32*len(plain)/10 {
			t.Errorf("%d bytes grow by %d", len(plain), len(out)-len(plain))
		}
	}
}

// A playlist takes few allocations, whatever its length.
func TestHLSAllocations(t *testing.T) {
	src, dst := []byte(lowLatencyPlaylist()), make([]byte, 0, 128<<10)
	fresh := benchRewriter(InQuery)
	if n := testing.AllocsPerRun(50, func() {
		rw := *fresh
		rw.HLS(dst, src)
	}); n > 4 {
		t.Errorf("%v allocations", n)
	}
}

// mayBreak looks at many bytes at once: each of them counts, wherever it is.
func TestMayBreak(t *testing.T) {
	for length := range 50 {
		for at := range length {
			for c := range 256 {
				b := []byte(strings.Repeat("a\n\tZ~ ", 10)[:length])
				b[at] = byte(c)
				want := classes[c]&breakByte != 0 || c == '\r' && (at+1 == length || b[at+1] != '\n')
				if got := mayBreak(string(b)); got != want {
					t.Fatalf("%d bytes, %#x at %d: %v", length, c, at, got)
				}
			}
		}
	}
}
