package gate

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/playgate/playgate/module/internal/handoff"
	"github.com/playgate/playgate/module/token"
)

// sharedBody is a body that remembers what is derived of it.
type sharedBody struct {
	body  []byte
	known map[any]any
}

func (s *sharedBody) Bytes() []byte { return s.body }
func (s *sharedBody) Derive(key any, work func() (any, int)) any {
	if v, ok := s.known[key]; ok {
		return v
	}
	v, _ := work()
	s.known[key] = v
	return v
}

// Every viewer gets the same of a manifest that is kept for many as of one that is
// not: with the own token in it, and nobody else's.
func TestSharedManifests(t *testing.T) {
	const (
		hlsType, dashType, jsonType = "application/vnd.apple.mpegurl", "application/dash+xml", "application/json"
		index                       = "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"/live/acme/cam/key\"\nseg.ts\n/live/acme/other/seg.ts?x=1\nhttps://elsewhere.example.com/a.ts\nhttp://example.com/live/acme/cam/plain.ts\nhttps://example.com/live/acme/cam/secure.ts\nhttp://second.example.com/live/acme/cam/second.ts\n/live/beta/cam/x.ts\n../other/b.ts?token=a.b.c\n"
	)
	bodies := []struct{ name, path, mime, body string }{
		{"HLS", playlist, hlsType, index},
		{"HLS by its type", "/live/acme/cam/list", hlsType, index},
		{"HLS with one stream", playlist, hlsType, "#EXTM3U\nseg.ts\n"},
		{"HLS without URIs", playlist, hlsType, "#EXTM3U\n#EXT-X-ENDLIST\n"},
		{"HLS that leaks", playlist, hlsType, "#EXTM3U\n#EXT-X-DEFINE:QUERYPARAM=\"token\"\nseg.ts?x={$token}\n"},
		{"DASH", "/live/acme/cam/m.mpd", dashType, `<MPD><Period><AdaptationSet><SegmentTemplate media="$Number$.m4s?a&amp;b"/><BaseURL>/live/acme/other/</BaseURL></AdaptationSet></Period></MPD>`},
		{"JSON", "/live/acme/cam/steer", jsonType, `{"VERSION":1,"RELOAD-URI":"steer?x"}`},
		{"no manifest", playlist, hlsType, "once upon a time there was a text"},
		{"media", media, "video/mp4", "\x00\x00\x00\x18ftypmp42"},
		{"nothing", playlist, hlsType, ""},
	}
	tokens := map[string]string{
		"of the stream":       mint(t, nil),
		"of both":             mint(t, func(g *token.Grant) { g.ID, g.Streams = "both", []string{"cam", "other"} }),
		"of the organisation": mint(t, func(g *token.Grant) { g.ID, g.Streams, g.OrgWide = "wide", nil, true }),
	}
	for _, mode := range []string{"query", "session", "path", "cookie", "off"} {
		lines := "propagate " + mode
		if mode == "cookie" {
			lines += "\ncors https://www.example.com"
		}
		h := newGate(t, lines, sessionKey(t, "a"))
		for _, b := range bodies {
			for _, zipped := range []bool{false, true} {
				body := []byte(b.body)
				if zipped {
					body = zip(t, body)
				}
				shared := &sharedBody{body, make(map[any]any)}
				answer := func(share bool) *origin {
					return &origin{answer: func(w http.ResponseWriter, _ *http.Request) error {
						w.Header().Set("Content-Type", b.mime)
						w.Header().Set("Etag", `"1"`)
						w.Header().Set("Last-Modified", "Sat, 28 Nov 2026 12:00:00 GMT")
						w.Header().Set("Content-Length", fmt.Sprint(len(body)))
						if zipped {
							w.Header().Set("Content-Encoding", "gzip")
						}
						w.WriteHeader(http.StatusOK)
						if !share {
							_, err := w.Write(body)
							return err
						}
						return w.(handoff.SharedWriter).WriteShared(shared)
					}}
				}
				for range 2 { // with and without what is known already
					for whose, text := range tokens {
						for _, form := range []string{b.path + "?token=" + text, b.path + "?jwtoken=" + text, "/live/~" + text + b.path[len("/live"):], "/live/~" + text + b.path[len("/live"):] + "?token=" + text, "https://example.com" + b.path + "?token=" + text, "http://second.example.com" + b.path + "?token=" + text} {
							for _, more := range [][]string{{"Host: live.example.com"}, {"Accept-Encoding: gzip"}} {
								what := fmt.Sprintf("%s, %s, zipped %v, a token %s, %s, %v", mode, b.name, zipped, whose, strings.ReplaceAll(form, text, "TOKEN"), more)
								want := get(t, h, answer(false), form, more...)
								got := get(t, h, answer(true), form, more...)
								if strings.HasPrefix(want.Header().Get("Content-Type"), "application/problem") {
									if got.Code != want.Code {
										t.Errorf("%s: %d, want %d", what, got.Code, want.Code)
									}
									continue // the id differs
								}
								if got.Code != want.Code || !maps.EqualFunc(got.Header(), want.Header(), equalValues) || !bytes.Equal(got.Body.Bytes(), want.Body.Bytes()) {
									t.Fatalf("%s:\n got %d %v\n%q\nwant %d %v\n%q", what, got.Code, got.Header(), got.Body, want.Code, want.Header(), want.Body)
								}
								for other, foreign := range tokens {
									if other != whose && strings.Contains(got.Body.String(), foreign) {
										t.Errorf("%s: it has the token %s in it", what, other)
									}
								}
							}
						}
					}
				}
			}
		}
	}
}

func equalValues(a, b []string) bool { return strings.Join(a, "\n") == strings.Join(b, "\n") }

func zip(t *testing.T, body []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What is kept with a manifest is used: the second viewer's copy is not made by
// looking at it again.
func TestSharedManifestsAreReadOnce(t *testing.T) {
	h := newGate(t, "propagate query")
	shared := &sharedBody{[]byte("#EXTM3U\nseg.ts\n"), make(map[any]any)}
	o := &origin{answer: func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Content-Type", "application/vnd.apple.mpegurl")
		return w.(handoff.SharedWriter).WriteShared(shared)
	}}
	get(t, h, o, playlist+"?token="+mint(t, nil))
	copy(shared.body, "#EXTM3U\nbad.ts\n")
	if w := get(t, h, o, playlist+"?token="+mint(t, func(g *token.Grant) { g.ID = "2" })); !strings.Contains(w.Body.String(), "seg.ts?token=") {
		t.Errorf("%q", w.Body)
	}
	if len(shared.known) != 1 {
		t.Errorf("%d ways are known", len(shared.known))
	}
}
