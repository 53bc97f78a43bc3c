package integration_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// Recorded HLS made by ffmpeg: fMP4, TS with AES-128 keys, and a multivariant
// playlist with a rendition of the sound and subtitles.
func TestRecordedTrees(t *testing.T) {
	t.Parallel()
	for _, tree := range []*harness.Tree{harness.FragmentedMP4(t), harness.EncryptedTS(t), harness.MultiVariant(t)} {
		t.Run(tree.Name, func(t *testing.T) {
			t.Parallel()
			g := guard(t, setup{}, tree.FileServer("/live/org1/cam"))
			token := g.key.Token(t, "--org", "org1", "--stream", "cam")
			plays(t, g, "/live/org1/cam/"+tree.First, token, tree.AtLeast)
		})
	}
}

// Live HLS from nginx-rtmp, fed by ffmpeg over RTMP.
func TestNginxRTMP(t *testing.T) {
	t.Parallel()
	nginx := harness.StartNginxRTMP(t)
	g := guardOrigin(t, setup{gate: "stream /{org}/{stream}/*"}, nginx.Addr)
	plays(t, g, "/org1/cam/index.m3u8", g.key.Token(t, "--org", "org1", "--stream", "cam"), 3)
}

// An origin shaped like MediaMTX: a redirect that forgets the query, a session
// of its own in cookies and URIs, and the request's query copied into every URI.
func TestMediaMTXShape(t *testing.T) {
	t.Parallel()
	origin := harness.MediaMTX(t)
	g := guardOrigin(t, setup{gate: "stream /{org}/{stream}/*"}, origin.Addr)
	g.origin = origin
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	plays(t, g, "/org1/cam/index.m3u8", token, 6)

	// The origin's own parameters are kept, and ours is there once.
	playlist := harness.Curl(t, g.Plain()+"/org1/cam/index.m3u8?cookieCheck=1&quality=high&token="+token)
	uris := harness.URIs(harness.Visit{Body: playlist.Body})
	if len(uris) != 1 {
		t.Fatalf("playlist:\n%s", playlist.Body)
	}
	for _, part := range []string{"session=", "quality=high", "token=" + token} {
		if strings.Count(uris[0], part) != 1 {
			t.Errorf("%s is %d times in %s", part, strings.Count(uris[0], part), uris[0])
		}
	}
	if strings.Contains(origin.Raw(), harness.Signature(token)) {
		t.Error("the origin got the token")
	}
}

// guardOrigin is guard for an origin that is there already.
func guardOrigin(t *testing.T, s setup, addr string) *guarded {
	t.Helper()
	key := harness.NewKey(t, "main", "EdDSA")
	server := harness.Serve(t, s.caddyfile(), harness.Env{"KEY": key.PublicFile, "ORIGIN": addr})
	return &guarded{Server: server, key: key}
}

// plays walks a playlist tree and plays it, with the token in each of the
// places where it can stand in a URL, from the first URL alone.
func plays(t *testing.T, g *guarded, path, token string, atLeast int) {
	t.Helper()
	mount := "/"
	if strings.HasPrefix(path, "/live/") {
		mount = "/live/"
	}
	for _, tc := range []struct{ name, url string }{
		{"query", g.Plain() + path + "?token=" + token},
		{"second query name", g.Plain() + path + "?jwtoken=" + token},
		{"path", g.Plain() + strings.Replace(path, mount, mount+"~"+token+"/", 1)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			walks(t, tc.url, token, atLeast)
			if kinds := harness.Probe(t, tc.url); !slices.Contains(kinds, "video") || !slices.Contains(kinds, "audio") {
				t.Errorf("ffprobe found %v", kinds)
			}
			harness.Play(t, tc.url)
		})
	}
	t.Run("ffmpeg without a token", func(t *testing.T) {
		if a := harness.Curl(t, g.Plain()+path); a.Status != http.StatusUnauthorized {
			t.Errorf("status %d instead of 401", a.Status)
		}
	})
}

// sessionToken is what URIs carry in the place of the token by default.
var sessionToken = regexp.MustCompile(`s\.[A-Za-z0-9_-]{116}`)

// walks wants 200 for every URI of the tree as the playlists give it, and 401
// for the same URI without its token.
func walks(t *testing.T, first, token string, atLeast int) {
	t.Helper()
	visits := harness.Walk(t, first)
	reached := 0
	for _, visit := range visits {
		if visit.Gone(t) {
			continue
		}
		if visit.Status != http.StatusOK && visit.Status != http.StatusFound {
			t.Errorf("%s with the token: status %d\n%s", visit.URL, visit.Status, visit.Body)
			continue
		}
		if count := strings.Count(visit.URL, token) + len(sessionToken.FindAllString(visit.URL, -1)); count != 1 {
			t.Errorf("a token is %d times in %s", count, visit.URL)
		}
		reached++
		without := harness.WithoutToken(visit.URL)
		if strings.Contains(without, token) || sessionToken.MatchString(without) {
			t.Fatalf("the token is in a place unknown to this test: %s", visit.URL)
		}
		if a := harness.Curl(t, without); a.Status != http.StatusUnauthorized {
			t.Errorf("%s without the token: status %d", without, a.Status)
		}
	}
	// The first URL is not one that a playlist names.
	if reached-1 < atLeast {
		t.Errorf("the walk reached %d URIs, expected at least %d:\n%s", reached-1, atLeast, visited(visits))
	}
}

func visited(visits []harness.Visit) string {
	var out strings.Builder
	for _, visit := range visits {
		fmt.Fprintln(&out, visit.Status, visit.URL)
	}
	return out.String()
}
