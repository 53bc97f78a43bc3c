package manifest

import (
	"errors"
	"strings"
	"testing"
	"time"
)

const (
	pairQ = "?token=" + testToken
	pairA = "&token=" + testToken
)

// tags is one line of every kind that carries a URI; @ marks where the token
// belongs.
const tags = `#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="Deutsch, URI=x",URI="audio.m3u8@",CHANNELS="2"
#EXT-X-STREAM-INF:BANDWIDTH=1280000,CODECS="avc1.4d401f,mp4a.40.2",AUDIO="a"
video.m3u8@
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=86000,URI="iframe.m3u8@"
#EXT-X-IMAGE-STREAM-INF:BANDWIDTH=86000,URI="images.m3u8@"
#EXT-X-SESSION-DATA:DATA-ID="com.example.title",URI="title.json@"
#EXT-X-SESSION-KEY:METHOD=AES-128,URI="https://live.example.com/live/org1/cam1/key@"
#EXT-X-CONTENT-STEERING:SERVER-URI="steering.json@",PATHWAY-ID="CDN-A"
#EXT-X-KEY:METHOD=AES-128,URI="key?id=1@",IV=0x0123
#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://live.example.com/live/org1/cam1/1",KEYFORMAT="com.apple.streamingkeydelivery"
#EXT-X-KEY:METHOD=SAMPLE-AES,URI="data:text/plain;base64,AAAA,BBBB",KEYFORMAT="urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed"
#EXT-X-KEY:METHOD=AES-128,URI="https://keys.example.net/live/org1/cam1/key"
#EXT-X-MAP:URI="init.mp4@",BYTERANGE="720@0"
#EXTINF:4.000,title, with "URI="
#EXT-X-BYTERANGE:1000@0
seg1.m4s@
#EXT-X-PART:DURATION=0.33334,URI="part1.1.m4s@",INDEPENDENT=YES
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="part1.2.m4s@"
#EXT-X-RENDITION-REPORT:URI="../cam1/other.m3u8@",LAST-MSN=3,LAST-PART=2
#EXT-X-DATERANGE:ID="ad1",CLASS="com.apple.hls.interstitial",START-DATE="2026-01-01T00:00:00Z",X-ASSET-URI="ad.m3u8@",X-RESUME-OFFSET=0
#EXT-X-DATERANGE:ID="ad2",X-ASSET-LIST="/live/org1/cam1/list.json?x=1,2@"
#EXT-X-DATERANGE:ID="ad3",X-ASSET-LIST="https://ads.example.net/list.json"
#EXT-X-VENDOR-TAG:A=1,URI="vendor@"
#EXT-X-VENDOR-TAG:B , URI="spaced@" , C=1
#EXT-X-VENDOR-TAG:X-FOO-URI="a",uri="b",URI=c,URI= "d",XURI="e",URI-X="f",X-ASSET-URIS="g"
#EXT-X-SKIP:SKIPPED-SEGMENTS=3
#EXT-X-GAP
#EXT-X-ENDLIST
# comment URI="a"
#comment:URI="a"
#
`

// mark turns a text with marks into input and output.
func mark(s string) (in, out string) {
	s = strings.ReplaceAll(s, `720@0`, "720\x010")
	s = strings.ReplaceAll(s, `1000@0`, "1000\x010")
	in = strings.ReplaceAll(s, "@", "")
	lines := strings.SplitAfter(s, "@")
	for i, line := range lines {
		if rest, ok := strings.CutSuffix(line, "@"); ok {
			pair := pairQ
			if at := strings.LastIndexAny(rest, "\"\n"); strings.Contains(rest[at+1:], "?") {
				pair = pairA
			}
			lines[i] = rest + pair
		}
	}
	out = strings.Join(lines, "")
	return strings.ReplaceAll(in, "\x01", "@"), strings.ReplaceAll(out, "\x01", "@")
}

func TestHLS(t *testing.T) {
	tests := []struct{ name, text string }{
		{"every tag", "#EXTM3U\n" + tags},
		{"every tag, CRLF", strings.ReplaceAll("#EXTM3U\n"+tags, "\n", "\r\n")},
		{"byte order mark", "\ufeff#EXTM3U\nseg.ts@\n"},
		{"no final line end", "#EXTM3U\n#EXTINF:4,\nseg.ts@"},
		{"no final line end in a tag", "#EXTM3U\n#EXT-X-MAP:URI=\"a@\""},
		{"blanks at the end of lines", "#EXTM3U \nseg.ts@ \t\r\n#EXT-X-MAP:URI=\"a@\"  \n"},
		{"several CR at the end", "#EXTM3U\nseg.ts@\r\r\n"},
		{"blank in front", "#EXTM3U\n seg.ts@\n #EXT-X-MAP:URI=\"a\"\n"},
		{"empty lines", "#EXTM3U\n\n\n\r\n  \nseg.ts@\n\n"},
		{"only the head", "#EXTM3U"},
		{"head with a title", "#EXTM3U x:URI=\"a\"\nseg.ts@\n"},
		{"a longer word, which players take", "#EXTM3U8\nseg.ts@\n"},
		{"no playlist", "#EXTM3\nseg.ts\n"},
		{"nothing", ""},
		{"HTML", "<html>\nseg.ts\n"},
		{"comment tags", "#EXTM3U\n#ext-x-map:URI=\"a\"\n#EX:URI=\"a\"\n##EXT-X-MAP:URI=\"a\"\n"},
		{"tag without colon", "#EXTM3U\n#EXT-X-FOO URI=\"a\"\n#EXT-X-FOO\n"},
		{"empty attribute", "#EXTM3U\n#EXT-X-KEY:METHOD=NONE,URI=\"\"\n"},
		{"trailing comma", "#EXTM3U\n#EXT-X-MAP:URI=\"a@\",\n"},
		{"attribute twice", "#EXTM3U\n#EXT-X-MAP:URI=\"a@\",URI=\"b@\"\n"},
		{"fragment", "#EXTM3U\nseg.ts@#f\n#EXT-X-MAP:URI=\"a?x=1@#f\"\n"},

		// Players would not agree on these lines.
		{"missing quote", "#EXTM3U\n#EXT-X-MAP:URI=\"a@\",X=\"\nseg.ts@\n"},
		{"missing quote of the URI", "#EXTM3U\n#EXT-X-MAP:URI=\"a\nseg.ts@\n"},
		{"text after a quote", "#EXTM3U\n#EXT-X-MAP:URI=\"https://evil.net/?\"x,URI=\"seg.ts\"\n"},
		{"text after a later quote", "#EXTM3U\n#EXT-X-MAP:URI=\"seg.ts@\",A=\"b\"c\n"},
		{"quote in an unquoted value", "#EXTM3U\n#EXT-X-MAP:URI=https://evil.net/?q\",URI=\"seg.ts\"\n"},
		{"quote in a name", "#EXTM3U\n#EXT-X-MAP:\"a\",URI=\"seg.ts@\"\n"},
		{"lone CR in a tag", "#EXTM3U\n#EXT-X-FOO:A=\"\rhttps://evil.net/?\",URI=\"seg.ts\"\nseg.ts@\n"},
		{"lone CR in a URI", "#EXTM3U\nseg.ts\rhttps://evil.net/?\nseg.ts@\n"},
		{"line separator in a tag", "#EXTM3U\n#EXT-X-FOO:A=\"\u2028https://evil.net/?\",URI=\"seg.ts\"\n"},
		{"next line in a tag", "#EXTM3U\n#EXT-X-FOO:A=\"\u0085https://evil.net/?\",URI=\"seg.ts\"\n"},
		{"NUL", "#EXTM3U\nse\x00g.ts\n#EXT-X-MAP:A=\"\x00\",URI=\"a\"\nseg.ts\x00\nseg.ts@\n"},
		{"other text beyond ASCII", "#EXTM3U\n#EXT-X-MEDIA:NAME=\"Français – ½ €\",URI=\"a@\"\nhé.ts@\n"},
		{"title that a player takes for a URI", "#EXTM3U\n#EXTINF:4 https://evil.net/?,URI=\"seg.ts\"\nseg.ts@\n"},

		{"variables", "#EXTM3U\n#EXT-X-DEFINE:NAME=\"dir\",VALUE=\"/live/org1/cam1\"\n#EXT-X-DEFINE:NAME=\"host\",VALUE=\"live.example.com\"\n" +
			"{$dir}/seg.ts@\n#EXT-X-MAP:URI=\"https://{$host}{$dir}/init.mp4@#f\"\n/live/{$org}/seg.ts\n#EXT-X-KEY:URI=\"{$dir}/../cam2/key\"\n"},
		{"variable that defines a query", "#EXTM3U\n#EXT-X-DEFINE:NAME=\"q\",VALUE=\"seg.ts?x=1\"\n{$q}&token=" + testToken + "\n{$q}#f\n"},
		{"variable before its definition", "#EXTM3U\n{$a}.ts\n#EXT-X-DEFINE:NAME=\"a\",VALUE=\"b\"\n{$a}.ts@\n"},
		{"variable defined twice", "#EXTM3U\n#EXT-X-DEFINE:NAME=\"a\",VALUE=\"b\"\n#EXT-X-DEFINE:NAME=\"a\",VALUE=\"b\"\n{$a}.ts\n"},
		{"variable with two values", "#EXTM3U\n#EXT-X-DEFINE:NAME=\"a\",VALUE=\"b\",VALUE=\"c\"\n{$a}.ts\n"},
		{"variable of another variable", "#EXTM3U\n#EXT-X-DEFINE:NAME=\"a\",VALUE=\"b\"\n#EXT-X-DEFINE:NAME=\"c\",VALUE=\"{$a}\"\n{$c}.ts\n"},
		{"imported variable", "#EXTM3U\n#EXT-X-DEFINE:IMPORT=\"a\"\nseg.ts?x={$a}@\nseg.ts@\n"},
		{"variable from another parameter", "#EXTM3U\n#EXT-X-DEFINE:QUERYPARAM=\"a\"\nseg.ts?x={$a}@\nseg.ts@\n"},
		{"variable without value", "#EXTM3U\n#EXT-X-DEFINE:NAME=\"a\"\n{$a}.ts\n#EXT-X-DEFINE:VALUE=\"x\"\n{$}.ts\n"},
		{"variable with an odd name", "#EXTM3U\n#EXT-X-DEFINE:NAME=\"a.b\",VALUE=\"c\"\n{$a.b}.ts\n"},
		{"malformed reference", "#EXTM3U\n{$a\n{$a b}\n{a}.ts@\n"},
		{"foreign host in a variable", "#EXTM3U\n#EXT-X-DEFINE:NAME=\"h\",VALUE=\"https://evil.net\"\n{$h}/live/org1/cam1/seg.ts\n"},
		{"host ends inside a variable", "#EXTM3U\n#EXT-X-DEFINE:NAME=\"x\",VALUE=\"/live/org1/cam1/\"\nhttps://live.example.com{$x}.evil.net/\nhttps://live.example.com{$x}seg.ts\nhttps://live.example.com{$x}/seg.ts@\n"},
		{"whole prefix in a variable", "#EXTM3U\n#EXT-X-DEFINE:NAME=\"x\",VALUE=\"https://live.example.com/live/\"\n{$x}org1/cam1/seg.ts@\n"},
		{"token in a variable", "#EXTM3U\n#EXT-X-DEFINE:NAME=\"x\",VALUE=\"token=a.b.c\"\nseg.ts?{$x}\n"},
		{"slashes out of an empty variable", "#EXTM3U\n#EXT-X-DEFINE:NAME=\"x\",VALUE=\"\"\n/{$x}/evil.net/live/org1/cam1/seg.ts\nseg{$x}.ts@\nseg.ts{$x}@\n"},
		{"definition inside a line", "#EXTM3U\n#EXT-X-DEFINE:NAME=\"a\",VALUE=\"b\"\n# #EXT-X-DEFINE:NAME=\"a\",VALUE=\"c\"\n{$a}.ts\nseg.ts@\n"},
		{"malformed definition", "#EXTM3U\n#EXT-X-DEFINE:NAME=\"a\",VALUE=\"b\"\n#EXT-X-DEFINE:NAME=\"a\",VALUE=\"c\"d\n{$a}.ts\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in, want := mark(tt.text)
			if tt.name == "variable that defines a query" {
				want = strings.Replace(want, "{$q}#f", "{$q}"+pairA+"#f", 1)
			}
			rw := testRewriter()
			got := mustHLS(t, rw, in)
			if got != want {
				t.Fatalf("\n got %q\nwant %q", got, want)
			}
			if again := mustHLS(t, rw, got); again != got {
				t.Errorf("second run:\n got %q\nwant %q", again, got)
			}
			other := testRewriter()
			other.Token = "another.token.9"
			if first, second := mustHLS(t, other, in), mustHLS(t, other, got); first != second {
				t.Errorf("other token after the first:\n got %q\nwant %q", second, first)
			}
		})
	}
}

func TestHLSInPath(t *testing.T) {
	in := "#EXTM3U\r\nseg.ts\r\n/live/org1/cam1/seg.ts\r\n#EXT-X-MAP:URI=\"https://cdn.example.com:8443/live/org1/cam1/i.mp4?x\",A=1\r\n" +
		"#EXT-X-DEFINE:NAME=\"d\",VALUE=\"/live/org1\"\r\n{$d}/cam1/seg.ts\r\n#EXT-X-DEFINE:NAME=\"e\",VALUE=\"/org1\"\r\n/live{$e}/cam1/seg.ts\r\n"
	want := strings.ReplaceAll(in, "/live/org1/cam1", "/live/~"+testToken+"/org1/cam1")
	want = strings.ReplaceAll(want, "/live{$e}", "/live/~"+testToken+"{$e}")
	rw := pathRewriter()
	got := mustHLS(t, rw, in)
	if got != want {
		t.Fatalf("\n got %q\nwant %q", got, want)
	}
	if again := mustHLS(t, rw, got); again != got {
		t.Errorf("second run:\n got %q\nwant %q", again, got)
	}
}

func TestHLSAppends(t *testing.T) {
	got := testRewriter().HLS([]byte("before"), []byte("#EXTM3U\nseg.ts\n"))
	if want := "before#EXTM3U\nseg.ts" + pairQ + "\n"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestHLSLeak(t *testing.T) {
	tests := []struct {
		name, text string
		leak       bool
	}{
		{"token name", "#EXT-X-DEFINE:QUERYPARAM=\"token\"\n", true},
		{"other token name", "#EXT-X-DEFINE:QUERYPARAM=\"jwtoken\"\r\n", true},
		{"without quotes", "#EXT-X-DEFINE:QUERYPARAM=token", true},
		{"blanks", "#EXT-X-DEFINE: QUERYPARAM = \" token \"\n", true},
		{"no-break space", "#EXT-X-DEFINE:QUERYPARAM\u00a0=\"token\"\n", true},
		{"second attribute", "#EXT-X-DEFINE:A=\"b,QUERYPARAM=token\n", true},
		{"second definition", "#EXT-X-DEFINE:QUERYPARAM=\"a\"\n#EXT-X-DEFINE:QUERYPARAM=\"token\"\n", true},
		{"name by reference", "#EXT-X-DEFINE:NAME=\"a\",VALUE=\"token\"\n#EXT-X-DEFINE:QUERYPARAM=\"{$a}\"\n", true},
		{"inside a comment", "# #EXT-X-DEFINE:QUERYPARAM=\"token\"\n", true},
		{"behind a lone CR", "#x\r#EXT-X-DEFINE:QUERYPARAM=\"token\"\n", true},
		{"escaped name", "#EXT-X-DEFINE:QUERYPARAM=\"%74oken\"\n", true},
		{"other name", "#EXT-X-DEFINE:QUERYPARAM=\"session\"\n", false},
		{"longer name", "#EXT-X-DEFINE:QUERYPARAM=\"token2\"\n", false},
		{"other case", "#EXT-X-DEFINE:QUERYPARAM=\"Token\"\n", false},
		{"import", "#EXT-X-DEFINE:IMPORT=\"token\"\n", false},
		{"name", "#EXT-X-DEFINE:NAME=\"token\",VALUE=\"x\"\n", false},
		{"other tag", "#EXT-X-FOO:QUERYPARAM=\"token\"\n", false},
		{"no value", "#EXT-X-DEFINE:QUERYPARAM\n", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := testCheck().Manifest(HLS, []byte("#EXTM3U\n"+tt.text)); errors.Is(err, ErrLeak) != tt.leak {
				t.Fatalf("error %v, want leak %v", err, tt.leak)
			}
		})
	}
}

func TestIsHLS(t *testing.T) {
	tests := []struct {
		name, head string
		want       bool
	}{
		{"LF", "#EXTM3U\n", true},
		{"CRLF", "#EXTM3U\r\n", true},
		{"nothing more", "#EXTM3U", true},
		{"space", "#EXTM3U x", true},
		{"tab", "#EXTM3U\tx", true},
		{"byte order mark", "\ufeff#EXTM3U\n", true},
		{"two byte order marks", "\ufeff\ufeff#EXTM3U\n", true},
		{"longer word", "#EXTM3U8\n", true},
		{"colon", "#EXTM3U:\n", true},
		{"shorter", "#EXTM3", false},
		{"small letters", "#extm3u\n", false},
		{"blank in front", " #EXTM3U\n", true},
		{"line in front", "\n#EXTM3U\n", true},
		{"nothing", "", false},
		{"MPD", "<?xml version=\"1.0\"?><MPD/>", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := IsHLS([]byte(tt.head)); got != tt.want {
				t.Errorf("IsHLS(%q) = %v", tt.head, got)
			}
		})
	}
}

// TestHLSLinear feeds large and hostile playlists. Anything that is not linear
// in their size would take minutes instead of milliseconds.
func TestHLSLinear(t *testing.T) {
	const mb = 1 << 20
	define := "#EXT-X-DEFINE:NAME=\"a\",VALUE=\"" + strings.Repeat("v", maxReference/2) + "\"\n"
	tests := []struct{ name, text string }{
		{"30,000 lines", strings.Repeat("#EXTINF:4,\nseg.ts\n", 15_000)},
		{"30,000 lines with query", strings.Repeat("#EXTINF:4,\nseg.ts?a=1&jwtoken=a.b.c&b=2\n", 15_000)},
		{"long URI line", strings.Repeat("a", mb)},
		{"long line of dots", strings.Repeat("../", mb/3)},
		{"long comment", "#" + strings.Repeat("a", mb)},
		{"long attribute", "#EXT-X-MAP:URI=\"" + strings.Repeat("a", mb) + "\""},
		{"many attributes", "#EXT-X-MAP:" + strings.Repeat("URI=\"a\",", mb/8)},
		{"many attributes, malformed at the end", "#EXT-X-MAP:" + strings.Repeat("URI=\"a\",", mb/8) + "\""},
		{"many quotes", "#EXT-X-MAP:" + strings.Repeat("\"", mb)},
		{"many commas", "#EXT-X-MAP:" + strings.Repeat(",", mb)},
		{"many pairs", strings.Repeat("seg.ts?"+strings.Repeat("token=a.b.c&", maxReference/12-1)+"\n", mb/maxReference)},
		{"many segments", strings.Repeat(strings.Repeat("/~a.b.c", maxReference/7)+"\n", mb/maxReference)},
		{"many blanks", strings.Repeat(" ", mb)},
		{"many CR", strings.Repeat("\r", mb) + "x"},
		{"many definitions", strings.Repeat("#EXT-X-DEFINE:NAME=\"a\",VALUE=\"b\"\n", mb/34)},
		{"many definitions in a line", strings.Repeat("#EXT-X-DEFINE:", mb/14)},
		{"many QUERYPARAM", defineTag + strings.Repeat("QUERYPARAM=", mb/11)},
		{"QUERYPARAM and many blanks", defineTag + strings.Repeat("QUERYPARAM"+strings.Repeat(" ", 1000), mb/1010)},
		{"many references", define + strings.Repeat("{$a}\n", mb/5)},
		{"many references in a line", define + strings.Repeat("{$a}", mb/4)},
		{"many broken references", define + strings.Repeat(strings.Repeat("{$", maxReference/2)+"\n", mb/maxReference)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			start := time.Now()
			for _, rw := range []*Rewriter{testRewriter(), pathRewriter()} {
				in := "#EXTM3U\n" + tt.text
				got := rw.HLS(nil, []byte(in))
				if limit := len(in) + strings.Count(in, "\n")*len(pairQ) + strings.Count(in, "URI=")*len(pairQ) + len(pairQ); len(got) > limit {
					t.Errorf("%d bytes became %d", len(in), len(got))
				}
			}
			if d := time.Since(start); d > 60*time.Second {
				t.Errorf("took %v", d)
			}
		})
	}
}

func mustHLS(t *testing.T, rw *Rewriter, in string) string {
	t.Helper()
	out := rw.HLS(nil, []byte(in))
	return string(out)
}
