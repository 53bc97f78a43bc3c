package target

import "testing"

func TestLooksLikeManifest(t *testing.T) {
	for p, want := range map[string]string{
		"/a.m3u8": "hls", "/a.M3U8": "hls", "/a.m3U8": "hls", "/.m3u8": "hls", "/a.mpd": "dash", "/a.MPD": "dash", "/a.Mpd": "dash", "/a.m3u%38": "hls", "/a%2Emp%64": "dash",
		"/a.m3u8;x=1": "hls", "/a.mpd%3bx": "dash", "/a.M3u8%3fx": "hls", "/a;b.m3u8": "", "/x.m3u8/a": "", "/m3u8": "", "/a.m3u": "", "/a.m3u88": "", "/mpd": "", "/a.ts": "", "": "", "/": "", "/é": "",
	} {
		hls, dash := LooksLikeHLS(p), LooksLikeDASH(p)
		if hls != (want == "hls") || dash != (want == "dash") || LooksLikeManifest(p) != (want != "") {
			t.Errorf("%q: HLS %v, DASH %v", p, hls, dash)
		}
	}
}
