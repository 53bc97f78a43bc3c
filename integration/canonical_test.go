package integration_test

import (
	"net/http"
	"strings"
	"testing"
)

// A playlist is one whatever the case of its suffix.
func TestManifestSuffixInAnyCase(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Write([]byte("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nseg.ts\n"))
	}))
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	for _, name := range []string{"a.m3u8", "a.M3U8", "a.m3U8", "a.M3u%38"} {
		answer := g.get(t, "/live/org1/cam/"+name+"?token="+token, "Range: bytes=0-9")
		g.allowed(t, answer)
		if got := g.origin.Last(t).Values("Range"); len(got) != 0 {
			t.Errorf("%s: the origin was asked for %q", name, got)
		}
		if !strings.Contains(string(answer.Body), "seg.ts?token=") {
			t.Errorf("%s: not rewritten:\n%s", name, answer.Body)
		}
	}
}
