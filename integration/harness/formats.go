//go:build players

package harness

import (
	"mime"
	"net/http"
	"path"
	"path/filepath"
	"testing"
)

// Long enough for a player that wants two seconds of it after a slow start.
const formatSeconds = 6

// PlainTS is HLS of TS segments.
func PlainTS(t testing.TB) *Tree {
	return makeTree(t, &plainTS, Tree{Name: "TS", First: "index.m3u8", AtLeast: 6}, nil,
		append(Source(formatSeconds), "-f", "hls", "-hls_time", "1", "-hls_playlist_type", "vod", "-hls_segment_filename", "seg%d.ts", "index.m3u8"))
}

// DASH is a static MPD with a SegmentTemplate.
func DASH(t testing.TB) *Tree {
	return makeTree(t, &dash, Tree{Name: "DASH", First: "manifest.mpd"}, nil,
		append(Source(formatSeconds), "-f", "dash", "-seg_duration", "1", "-use_template", "1", "-use_timeline", "1", "manifest.mpd"))
}

// Progressive is one fragmented MP4 file.
func Progressive(t testing.TB) *Tree {
	return makeTree(t, &progressive, Tree{Name: "progressive fMP4", First: "clip.mp4"}, nil,
		append(Source(formatSeconds), "-f", "mp4", "-movflags", "frag_keyframe+empty_moov+default_base_moof", "clip.mp4"))
}

var plainTS, dash, progressive once[*Tree]

// mediaTypes are not left to the machine's own table.
var mediaTypes = map[string]string{
	".m3u8": "application/vnd.apple.mpegurl",
	".mpd":  "application/dash+xml",
	".ts":   "video/mp2t",
	".m4s":  "video/iso.segment",
	".mp4":  "video/mp4",
	".js":   "text/javascript",
	".html": "text/html; charset=utf-8",
}

// ServeFile answers with a file of the tree, found by its name alone.
func (tree *Tree) ServeFile(w http.ResponseWriter, r *http.Request) {
	serveFile(w, r, filepath.Join(tree.Dir, path.Base(r.URL.Path)))
}

func serveFile(w http.ResponseWriter, r *http.Request, file string) {
	kind := mediaTypes[filepath.Ext(file)]
	if kind == "" {
		kind = mime.TypeByExtension(filepath.Ext(file))
	}
	w.Header().Set("Content-Type", kind)
	http.ServeFile(w, r, file)
}
