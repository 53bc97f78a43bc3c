package console

import (
	"strings"
	"testing"
)

// Each kind of address has the players that can play it, with the whole address;
// that of a nanoplayer has the token beside it and not in it.
func TestSnippets(t *testing.T) {
	for stream, titles := range map[string]string{
		"https://live.test/live/acme/cam/index.m3u8?token=TOKEN":    "In a page, where the browser plays HLS; hls.js; video.js; Shaka Player; ffplay; VLC; curl",
		"https://live.test/live/acme/cam/manifest.mpd?token=TOKEN":  "dash.js; Shaka Player; ffplay; VLC; curl",
		"https://live.test/live/acme/cam/INDEX.M3U8?token=TOKEN":    "In a page, where the browser plays HLS; hls.js; video.js; Shaka Player; ffplay; VLC; curl",
		"https://live.test/live/acme/cam/manifest.MPD?token=TOKEN":  "dash.js; Shaka Player; ffplay; VLC; curl",
		"https://live.test/live/acme/cam.flv?token=TOKEN":           "ffplay; VLC; curl",
		"wss://live.test/h5live/stream/acme-cam?rtmp=1&token=TOKEN": "nanoplayer; In a page",
		"": "",
	} {
		var got []string
		for _, s := range snippets(stream, "TOKEN") {
			got = append(got, s.Title)
			if s.Title != "nanoplayer" && !strings.Contains(s.Text, stream) {
				t.Errorf("%s: %s", s.Title, s.Text)
			}
			if s.Title == "nanoplayer" && (!strings.Contains(s.Text, `"wss://live.test/h5live/stream/acme-cam?rtmp=1"`) || strings.Count(s.Text, "TOKEN") != 1 || !strings.Contains(s.Text, `jwtoken: "TOKEN"`)) {
				t.Error(s.Text)
			}
		}
		if list := strings.Join(got, "; "); list != titles {
			t.Errorf("%s: %s", stream, list)
		}
	}
}
