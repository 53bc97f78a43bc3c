package integration_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// A query name that some origin takes for the stream's key, or for a pin, is refused.
// Others pass, with whatever value.
func TestNamesLikeTheStreamsKey(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{gate: "stream /h5/* {\nquery stream {org}-{id}\npin secure 1\n}"}, nil)
	token := g.key.Token(t, "--org", "org1", "--stream", "org1-cam")
	const query = "stream=org1-cam&streams=a&x[]=b&url=rtmp%3A%2F%2Fx%3A1935%2Flive&&y=%23%3B%25&secure=1"
	for _, client := range harness.Clients() {
		g.allowed(t, client.Do(t, g.Server, harness.Request{Target: "/h5/x?" + strings.Replace(query, "&&", "&token="+token+"&&", 1)}))
		if got := g.origin.Last(t).Target; got != "/h5/x?"+query {
			t.Errorf("%s: the origin got %s", client.Name, got)
		}
	}
	mark := len(g.origin.Raw())
	for _, name := range []string{"Stream", "STREAM", "stream[]", "stream%5B%5D", "stream.x", "+stream", "%20stream", "stream%09", "%C2%A0stream", "stream%A0", "stream%00", "str%45am", "%2573tream", "Secure", "secure[0]", "secure%00x"} {
		for _, query := range []string{"stream=org1-cam&" + name + "=1", name + "=org1-cam&stream=org1-cam", name + "=org1-cam"} {
			t.Run(query, func(t *testing.T) {
				g.refused(t, harness.Raw(t, g.Server, harness.RawTarget(g.Server, "/h5/x?"+query+"&token="+token)), 400, "bad_request")
			})
		}
	}
	g.origin.SawNothing(t, mark)
}

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
