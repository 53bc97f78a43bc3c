package integration_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// What "*" matches may have more than names have. The origin gets the bytes that were
// authorised: what no URI may have is escaped, all others are as they were written.
func TestPathsBelowAStar(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{}, nil)
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	for _, tc := range []struct{ sent, want string }{
		{"a[1].ts", "a%5B1%5D.ts"},
		{"a|b^c.ts", "a%7Cb%5Ec.ts"},
		{"a%5b%7c%7C.ts", "a%5b%7c%7C.ts"},
		{"a;b.ts", "a;b.ts"},
		{"a;x=1/b;y=2.ts", "a;x=1/b;y=2.ts"},
		{"a%3bb%3B.ts", "a%3bb%3B.ts"},
		{"a%23b%3fc%3F.ts", "a%23b%3fc%3F.ts"},
		{"100%25.ts", "100%25.ts"},
		{"%25%25.ts", "%25%25.ts"},
		{"seg\xc3\xa9%7e%c3%a9.ts", "seg%C3%A9%7e%c3%a9.ts"},
		{"%61%2E%2e%2e.ts", "%61%2E%2e%2e.ts"},
		{"a..b...ts", "a..b...ts"},
		{"[\xc3\xa9];%3b%7e.ts", "%5B%C3%A9%5D;%3b%7e.ts"},
		{"!$&'()*+,=:@~", "!$&'()*+,=:@~"},
	} {
		t.Run(tc.sent, func(t *testing.T) {
			for _, target := range []string{"/live/org1/cam/" + tc.sent + "?token=" + token + "&a=\xc3\xa9", "/live/~" + token + "/org1/cam/" + tc.sent + "?a=\xc3\xa9"} {
				g.allowed(t, harness.Raw(t, g.Server, harness.RawTarget(g.Server, target)))
				line, _, _ := strings.Cut(g.origin.Last(t).Head, "\r\n")
				if want := "GET /live/org1/cam/" + tc.want + "?a=\xc3\xa9 HTTP/1.1"; line != want {
					t.Errorf("the origin got\n%s instead of\n%s", line, want)
				}
			}
		})
	}
}

// Elsewhere they are refused, and so is what some origin reads as another path: one
// that decodes twice, ends segments at a semicolon, or the path at a ? or #.
func TestPathsThatReadAsOthers(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{gate: "open /free/* /*.jpg\nstream /v/{org}/{stream}.flv\nstream /v/{org}/* {\nquery s\n}\nstream /live/{org}/{stream}/*\nstream /h5/* {\nquery stream {org}-{id}\npin secure 1\n}"}, nil)
	g.allowed(t, g.get(t, "/free/a;b%23[c]"))
	g.allowed(t, g.get(t, "/a.jpg"))
	token := g.key.Token(t, "--org", "org1", "--orgwide")
	g.allowed(t, g.get(t, "/v/org1/x?s=cam&token="+token))
	g.allowed(t, g.get(t, "/h5/a[b]?stream=org1-cam&token="+token))
	mark := len(g.origin.Raw())
	for _, target := range []string{
		"/live/org1/cam;a/seg.ts?", "/live/org1;a/cam/seg.ts?", "/live/org1/cam%3b/seg.ts?", "/live/org1/c^am/seg.ts?", "/li[ve/org1/cam/seg.ts?", "/live;/org1/cam/seg.ts?",
		"/live/org1/cam/%252e%252e/seg.ts?", "/live/org1/cam/a%252fb?", "/live/org1/cam/%25%32%65?", "/live/org1/cam/%25u002e%25u002e/seg.ts?",
		"/live/org1/cam/;/seg.ts?", "/live/org1/cam/%3bseg.ts?", "/live/org1/cam/%2e%2e;x/seg.ts?", "/live/org1/cam/a;..;..;seg.ts?", "/live/org1/cam/..%3f/seg.ts?", "/live/org1/cam/%2e%2e%23?",
		"/live/org1/cam/a%3b..%5cx?", "/live/org1/cam/a\"?", "/live/org1/cam/{a}?", "/live/org1/cam/a`?",
		"/cam.flv;.jpg?", "/cam.flv%3f.jpg?", "/cam.flv%23.jpg?", "/free;/x?", "/nowhere/a;b?",
		"/v/org1/cam.flv;x?s=cam&", "/v/org1/cam.flv%3f?s=cam&", "/v/org1/c%61m.flv?s=cam&",
		"/h5/a%23?stream=org1-cam&", "/h5/a%3fstream=org1-other?stream=org1-cam&", "/h5/a;stream=org1-other?stream=org1-cam&",
	} {
		t.Run(target, func(t *testing.T) {
			g.refused(t, harness.Raw(t, g.Server, harness.RawTarget(g.Server, target+"token="+token)), 400, "bad_request")
		})
	}
	g.origin.SawNothing(t, mark)
}

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
	for _, name := range []string{"a.m3u8", "a.M3U8", "a.m3U8", "a.M3u%38", "a.M3U8;x=1"} {
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
