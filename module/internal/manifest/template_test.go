package manifest

import (
	"strings"
	"testing"

	"github.com/playgate/playgate/module/internal/template"
)

const testSeed = "SEEDofAtemplate26characters"

// throughTemplate writes a manifest with a token by way of a template.
func throughTemplate(t *testing.T, rw *Rewriter, write func(*Rewriter, string) string, in string) string {
	t.Helper()
	token := rw.Token
	marker := &template.Marker{Seed: testSeed}
	rw.Token, _ = marker.Mark("cam1")
	out := write(rw, in)
	tokens := []string{token}
	made := marker.Template([]byte(out))
	if made.Size() < len(out)-strings.Count(out, testSeed)*(len(testSeed)+1) {
		t.Errorf("a template of %d bytes says that it takes %d", len(out), made.Size())
	}
	return string(made.Append([]byte("dst"), tokens))[len("dst"):]
}

// checkTemplate checks that a copy that was made of a template is the one that is
// made of the manifest.
func checkTemplate(t *testing.T, write func(*Rewriter, string) string, in string) {
	t.Helper()
	if strings.Contains(in, testSeed) {
		return
	}
	for _, rewriter := range []func() *Rewriter{testRewriter, pathRewriter} {
		want := write(rewriter(), in)
		if got := throughTemplate(t, rewriter(), write, in); got != want {
			t.Errorf("by way of a template:\n got %q\nwant %q\nfrom %q", got, want, in)
		}
	}
}

func writeHLS(rw *Rewriter, in string) string { return string(rw.HLS(nil, []byte(in))) }

func writeDASH(rw *Rewriter, in string) string { return string(rw.DASH(nil, []byte(in))) }

func writeJSON(rw *Rewriter, in string) string { return string(rw.JSON(nil, []byte(in))) }

// A template has one token for each name.
func TestTemplateOfManyStreams(t *testing.T) {
	marker := &template.Marker{Seed: testSeed}
	rw := testRewriter()
	rw.Token, _ = marker.Mark("cam1")
	rw.Covers = func(path, _ string) (Cover, bool) {
		stream := strings.Split(path, "/")[3]
		mark, ok := marker.Mark(stream)
		return Cover{Token: mark}, ok && stream != "other"
	}
	out := rw.HLS(nil, []byte("#EXTM3U\nseg.ts\n/live/org1/cam2/seg.ts?x\n/live/org1/other/seg.ts\n../cam2/a.ts\n"))
	made := marker.Template(out)
	tokens := make([]string, len(made.Names))
	for i, name := range made.Names {
		tokens[i] = "token-of-" + name
	}
	const want = "#EXTM3U\nseg.ts?token=token-of-cam1\n/live/org1/cam2/seg.ts?x&token=token-of-cam2\n/live/org1/other/seg.ts\n../cam2/a.ts?token=token-of-cam2\n"
	if got := string(made.Append(nil, tokens)); got != want {
		t.Errorf("%q", got)
	}
}

func TestTemplateHasRoomForSoManyNames(t *testing.T) {
	marker := &template.Marker{Seed: testSeed}
	for i := range template.MostMarks {
		if _, ok := marker.Mark(strings.Repeat("x", i+1)); !ok {
			t.Fatalf("no mark for name %d", i+1)
		}
	}
	if mark, ok := marker.Mark("one more"); ok {
		t.Errorf("a mark too many: %s", mark)
	}
	if mark, ok := marker.Mark("x"); !ok || mark != testSeed+"A" {
		t.Errorf("%s %v", mark, ok)
	}
}

// What begins like a mark and is none is left alone.
func TestTemplateLeavesOthersAlone(t *testing.T) {
	marker := &template.Marker{Seed: testSeed}
	mark, _ := marker.Mark("cam1")
	for in, want := range map[string]string{
		mark:                        "T",
		testSeed:                    testSeed,
		testSeed + "Z":              testSeed + "Z",
		testSeed + "@":              testSeed + "@",
		testSeed + mark + testSeed:  testSeed + "T" + testSeed,
		"a" + mark + mark + "b\x00": "aTTb\x00",
	} {
		if got := string(marker.Template([]byte(in)).Append(nil, []string{"T"})); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func BenchmarkTemplate(b *testing.B) {
	marker := &template.Marker{Seed: testSeed}
	rw := testRewriter()
	rw.Token, _ = marker.Mark("cam1")
	playlist := lowLatencyPlaylist()
	out := rw.HLS(nil, []byte(playlist))
	made, tokens := marker.Template(out), []string{strings.Repeat("t", 96)}
	dst := make([]byte, 0, 64<<10)
	b.SetBytes(int64(len(playlist)))
	b.ReportAllocs()
	for b.Loop() {
		dst = made.Append(dst[:0], tokens)
	}
}
