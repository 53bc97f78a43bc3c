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

func benchRewriter(inPath bool) *Rewriter {
	return &Rewriter{
		Scheme: "https", Host: "live.example.com",
		Path:  "/live/org1/cam1/stream.m3u8",
		Token: strings.Repeat("a", 100) + "." + strings.Repeat("b", 113) + "." + strings.Repeat("c", 85),
		Name:  "token", Names: []string{"token", "jwtoken"}, InPath: inPath,
		Covers: func(path, query string) (int, bool) {
			rest, ok := strings.CutPrefix(path, "/live/")
			if !ok {
				return 0, false
			}
			org, rest, _ := strings.Cut(rest, "/")
			stream, rest, ok := strings.Cut(rest, "/")
			return len("/live"), ok && org == "org1" && stream == "cam1" && rest != ""
		},
	}
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
				out, err := benchRewriter(false).HLS(nil, src)
				if err != nil || len(out) < 50_000 {
					b.Fatal(len(out), err)
				}
			}
		})
	}
	b.Run("reused", func(b *testing.B) {
		src := []byte(relative)
		dst := make([]byte, 0, 128<<10)
		b.ReportAllocs()
		for b.Loop() {
			if out, err := benchRewriter(false).HLS(dst, src); err != nil || len(out) < 50_000 {
				b.Fatal(len(out), err)
			}
		}
	})
}
