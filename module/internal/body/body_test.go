package body

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/playgate/playgate/module/internal/manifest"
)

func rewriter() *manifest.Rewriter {
	return &manifest.Rewriter{
		Path: "/live/org/cam/index.m3u8", Form: manifest.InBase, Token: "T.T.T", Name: "token",
		Covers: func(string, string) (manifest.Cover, bool) { return manifest.Cover{Start: 1, Insert: 3}, true },
	}
}

// read reads a body in pieces, and is what came out, and whether it was long.
func read(f manifest.Format, pieces func(p []byte) int, text []byte, check manifest.Check) (out []byte, long bool, err error) {
	var b bytes.Buffer
	r := &Reader{
		Format: f, Rewriter: rewriter(), Check: &check,
		Whole: func(text []byte, _ bool) error { b.Write(text); return nil },
		Long:  func(bool) (io.Writer, error) { long = true; return &b, nil },
		Room:  func(int) error { return nil },
	}
	for len(text) > 0 {
		n := pieces(text)
		if _, err = r.Write(text[:n]); err != nil {
			return b.Bytes(), long, err
		}
		text = text[n:]
	}
	err = r.Close()
	return b.Bytes(), long, err
}

// A long playlist that is passed on piece by piece is the one that is made of the whole.
func TestPiecesAreTheWhole(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for _, end := range []string{"\n", "\r\n", "\r"} {
		var text strings.Builder
		text.WriteString("#EXTM3U" + end + "#EXT-X-DEFINE:NAME=\"a\",VALUE=\"v\"" + end)
		for i := range 6_000 {
			fmt.Fprintf(&text, "#EXTINF:2,%s%s{$a}/ch one-%d.ts?x%s", end, strings.Repeat("../cam/", i%2), i, end)
		}
		text.WriteString("last.ts")
		want := rewriter().HLS(nil, []byte(text.String()))
		for _, pieces := range []func([]byte) int{
			func(p []byte) int { return len(p) },
			func(p []byte) int { return min(len(p), 1+random.IntN(50_000)) },
			func(p []byte) int { return min(len(p), 1+random.IntN(60)) },
		} {
			got, long, err := read(manifest.HLS, pieces, []byte(text.String()), manifest.Check{})
			if err != nil || !long || !bytes.Equal(got, want) {
				t.Errorf("%q: long %t, %v, %d bytes instead of %d", end, long, err, len(got), len(want))
			}
		}
	}
}

// Long lines are waited for no longer than it takes to know whether they are too long.
func TestLinesOfJustTheLength(t *testing.T) {
	text := strings.Repeat("#EXTM3U\n"+strings.Repeat("#", Head-8), 64)
	out, long, err := read(manifest.HLS, func(p []byte) int { return min(len(p), 5000) }, []byte(text), manifest.Check{})
	if err != nil || !long || string(out) != text {
		t.Errorf("long %t, %v, %d bytes", long, err, len(out))
	}
	for name, tt := range map[string]struct {
		text string
		want error
		long bool
	}{
		"too long at once":     {"#EXTM3U\n" + strings.Repeat("x", 2*Head) + "\n", ErrLongLine, false},
		"too long at first":    {"#EXTM3U\n" + strings.Repeat("a.ts\n", 12_000) + strings.Repeat("x", 2*Head) + "\n", ErrLongLine, false},
		"a tag in a long line": {"#EXTM3U\n#EXT-X-DEFINE:X=\"data:" + strings.Repeat("A", 3*Head) + "\",QUERYPARAM=\"token\"\n", manifest.ErrLeak, true},
		"a server in one":      {"#EXTM3U\n#EXT-X-CONTENT-STEERING:X=\"data:" + strings.Repeat("A", 3*Head) + "\",SERVER-URI=\"https://evil.test/\"\n", manifest.ErrLeak, true},
	} {
		if _, long, err := read(manifest.HLS, func(p []byte) int { return min(len(p), 5000) }, []byte(tt.text), manifest.Check{}); !errors.Is(err, tt.want) || long != tt.long {
			t.Errorf("%s: %v, long %t", name, err, long)
		}
	}
}

// A leak is found wherever it stands: before anything has gone out, or later.
func TestLeaksInLongPlaylists(t *testing.T) {
	filler := strings.Repeat("#EXTINF:2,\nseg.ts\n", 20_000)
	const leak = "#EXT-X-CONTENT-STEERING:SERVER-URI=\"https://evil.test/s\"\n"
	for name, text := range map[string]string{"at first": "#EXTM3U\n" + leak + filler, "late": "#EXTM3U\n" + filler + leak + filler, "last": "#EXTM3U\n" + filler + strings.TrimSuffix(leak, "\n")} {
		out, long, err := read(manifest.HLS, func(p []byte) int { return min(len(p), 1000) }, []byte(text), manifest.Check{})
		if !errors.Is(err, manifest.ErrLeak) || long == (name == "at first") || bytes.Contains(out, []byte("evil")) {
			t.Errorf("%s: %v, long %t, %d bytes", name, err, long, len(out))
		}
	}
}

// A line of any length passes if it has a data: URI, and the lines behind it are read
// again.
func TestLongLines(t *testing.T) {
	filler := "#EXTM3U\n" + strings.Repeat("#EXTINF:2,\nseg.ts\n", 5_000)
	data := "#EXT-X-KEY:URI=\"data:text/plain;base64," + strings.Repeat("QUFB", 100_000) + "\"\n"
	out, _, err := read(manifest.HLS, func(p []byte) int { return min(len(p), 7000) }, []byte(filler+data+"end.ts\n"), manifest.Check{})
	if err != nil || !bytes.Contains(out, []byte(data)) || !bytes.HasSuffix(out, []byte("\n~T.T.T/end.ts\n")) {
		t.Errorf("%v, %d bytes, %q", err, len(out), out[len(out)-20:])
	}
	_, _, err = read(manifest.HLS, func(p []byte) int { return min(len(p), 7000) }, []byte(filler+strings.Repeat("x", 100_000)+"\n"), manifest.Check{})
	if !errors.Is(err, ErrLongLine) {
		t.Errorf("%v", err)
	}
}

// Other formats are read whole, up to a size.
func TestSizes(t *testing.T) {
	comments := func(n int) string { return strings.Repeat("<!-- 0123456789 -->", n/19) }
	for name, tt := range map[string]struct {
		f    manifest.Format
		text string
		want error
		long bool
	}{
		"an MPD":                  {manifest.DASH, "<MPD>" + comments(MaxMPD-100) + "<BaseURL>a/</BaseURL></MPD>", nil, false},
		"a large MPD":             {manifest.DASH, "<MPD>" + comments(MaxMPD) + "<BaseURL>a/</BaseURL></MPD>", ErrTooLarge, false},
		"an asset list":           {manifest.JSON, `{"ASSETS":[` + strings.Repeat(" ", MaxJSON-100) + `]}`, nil, false},
		"a large asset list":      {manifest.JSON, `{"ASSETS":[` + strings.Repeat(" ", MaxJSON) + `]}`, ErrTooLarge, false},
		"large JSON":              {manifest.JSON, `{"ITEMS":[` + strings.Repeat(" ", MaxJSON) + `]}`, nil, true},
		"large JSON, named later": {manifest.JSON, `{"X":"` + strings.Repeat(" ", Head) + `","ASSETS":[` + strings.Repeat(" ", MaxJSON) + `]}`, nil, true},
		"large cues":              {manifest.VTT, "WEBVTT\n\n" + strings.Repeat("x\n", MaxJSON), nil, true},
	} {
		_, long, err := read(tt.f, func(p []byte) int { return min(len(p), 50_000) }, []byte(tt.text), manifest.Check{})
		if !errors.Is(err, tt.want) || long != tt.long {
			t.Errorf("%s: %v, long %t", name, err, long)
		}
	}
}
