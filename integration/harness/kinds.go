//go:build players

package harness

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// Kinds serves manifests of unusual kinds below /live/{org}/{stream}/. foreign is the
// URL of another host that has the same DASH segments.
func Kinds(t testing.TB, mux *http.ServeMux, foreign string) {
	t.Helper()
	const base = "/live/{org}/{stream}/"
	ts, dash := PlainTS(t), DASH(t)
	picture := tiles(t)
	mux.Handle(base+"variables/", variables(t, ts))
	mux.Handle(base+"names/", oddNames(t, ts))
	mux.Handle(base+"images/", imageStream(t, ts, picture))
	mux.Handle(base+"pictures/", cuePictures(ts, picture))
	mux.Handle(base+"ids/", oddIDs(t, dash))
	mux.Handle(base+"remote/", remotePeriod(t, dash))
	mux.Handle(base+"tiles/", imageSet(t, dash, picture))
	mux.Handle(base+"base/", withBase(t, dash, func(*http.Request) string { return baseURL("media/") }))
	mux.Handle(base+"absolute/", withBase(t, dash, func(r *http.Request) string {
		return baseURL("http://" + r.Host + path.Dir(r.URL.Path) + "/media/")
	}))
	pool := func(r *http.Request) string { return baseURL(foreign + "/pool/" + r.PathValue("stream") + "/") }
	mux.Handle(base+"alternative/", withBase(t, dash, func(r *http.Request) string { return baseURL("media/") + pool(r) }))
	mux.Handle(base+"foreign/", withBase(t, dash, func(r *http.Request) string { return pool(r) + baseURL("media/") }))
	mux.Handle(base+"patched/", patched(t))
	mux.Handle(base+"cookie/", withSession(FragmentedMP4(t)))
	mux.Handle(base+"cookie-dash/", withSession(dash))
}

// ForeignPool is the other host of Kinds. Pages of any site may read it.
func ForeignPool(t testing.TB) *Origin {
	dash := DASH(t)
	return NewOrigin(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Allow-Headers", "Range")
		if r.Method != http.MethodOptions {
			dash.ServeFile(w, r)
		}
	}))
}

// text is a file of a tree.
func (tree *Tree) text(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(tree.Dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// edit replaces texts that have to be there. The pairs are as in strings.NewReplacer.
func edit(t testing.TB, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("no %q in\n%s", pairs[i], text)
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return text
}

// answers serves texts by the last element of the path, and leaves the rest to next.
func answers(texts map[string]string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		name := path.Base(r.URL.Path)
		text, ok := texts[name]
		if !ok {
			next(w, r)
			return
		}
		kind := mediaTypes[path.Ext(name)]
		if kind == "" {
			kind = map[string]string{".vtt": "text/vtt", ".jpg": "image/jpeg"}[path.Ext(name)]
		}
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write([]byte(text))
	}
}

// below serves files of the tree from one folder and nothing from elsewhere, so that
// a reference which is resolved against another base is not found.
func (tree *Tree) below(folder string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if path.Base(path.Dir(r.URL.Path)) != folder {
			http.NotFound(w, r)
			return
		}
		tree.ServeFile(w, r)
	}
}

// variables is HLS with EXT-X-DEFINE: a value at the beginning of a reference, one
// inside, and one that is imported.
func variables(t testing.TB, ts *Tree) http.HandlerFunc {
	const list = `#EXTM3U
#EXT-X-VERSION:8
#EXT-X-DEFINE:NAME="folder",VALUE="list"
#EXT-X-DEFINE:NAME="stem",VALUE="seg"
#EXT-X-STREAM-INF:BANDWIDTH=150000,CODECS="avc1.42c00c,mp4a.40.2",RESOLUTION=160x90
{$folder}/media.m3u8
`
	media := edit(t, ts.text(t, ts.First), "#EXT-X-VERSION:3\n",
		"#EXT-X-VERSION:8\n#EXT-X-DEFINE:IMPORT=\"stem\"\n#EXT-X-DEFINE:NAME=\"parts\",VALUE=\"parts\"\n")
	for name, written := range map[string]string{
		"seg0.ts": "{$parts}/seg0.ts", "seg1.ts": "parts/{$stem}1.ts", "seg2.ts": "{$parts}/{$stem}2.ts",
		"seg3.ts": "parts/{$stem}3.ts", "seg4.ts": "{$parts}/seg4.ts", "seg5.ts": "parts/seg5.ts",
	} {
		media = edit(t, media, "\n"+name+"\n", "\n"+written+"\n")
	}
	return answers(map[string]string{"index.m3u8": list, "media.m3u8": media}, ts.below("parts"))
}

// oddNames is HLS whose segments have blanks, an ideographic blank, letters that are
// not ASCII, and an escape in their names.
func oddNames(t testing.TB, ts *Tree) http.HandlerFunc {
	media := ts.text(t, ts.First)
	for name, written := range map[string]string{
		"seg0.ts": "camera one 0.ts", "seg1.ts": "camera\u3000one 1.ts", "seg2.ts": "番組 2.ts",
		"seg3.ts": "camera%20one%203.ts", "seg4.ts": "Kamera-für-alle 4.ts", "seg5.ts": "camera one 5.ts",
	} {
		media = edit(t, media, "\n"+name+"\n", "\n"+written+"\n")
	}
	return answers(map[string]string{"index.m3u8": media}, func(w http.ResponseWriter, r *http.Request) {
		name := path.Base(r.URL.Path) // the digit before ".ts" says which
		serveFile(w, r, filepath.Join(ts.Dir, "seg"+name[max(0, len(name)-len("0.ts")):]))
	})
}

// imageStream is HLS with a playlist of thumbnails.
func imageStream(t testing.TB, ts *Tree, picture string) http.HandlerFunc {
	return answers(map[string]string{
		"index.m3u8": `#EXTM3U
#EXT-X-VERSION:6
#EXT-X-IMAGE-STREAM-INF:BANDWIDTH=9000,RESOLUTION=160x90,CODECS="jpeg",URI="tiles/tiles.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=150000,CODECS="avc1.42c00c,mp4a.40.2",RESOLUTION=160x90
media/media.m3u8
`,
		"tiles.m3u8": `#EXTM3U
#EXT-X-VERSION:7
#EXT-X-TARGETDURATION:6
#EXT-X-MEDIA-SEQUENCE:1
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-IMAGES-ONLY
#EXTINF:6,
#EXT-X-TILES:RESOLUTION=160x90,LAYOUT=2x3,DURATION=1
tile.jpg
#EXT-X-ENDLIST
`,
		"media.m3u8": ts.text(t, ts.First),
		"tile.jpg":   picture,
	}, ts.below("media"))
}

// cuePictures is HLS with thumbs.vtt beside it, whose cues are parts of a picture.
func cuePictures(ts *Tree, picture string) http.HandlerFunc {
	return answers(map[string]string{
		"thumbs.vtt": `WEBVTT

00:00:00.000 --> 00:00:03.000
sprites/sprite.jpg#xywh=0,0,160,90

00:00:03.000 --> 00:00:06.000
sprites/sprite.jpg#xywh=160,0,160,90
`,
		"sprite.jpg": picture,
	}, ts.ServeFile)
}

// tiles is a picture of two by three tiles.
func tiles(t testing.TB) string {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 320, 270))
	for y := range 270 {
		for x := range 320 {
			img.Set(x, y, color.RGBA{uint8(x), uint8(y), 90, 255})
		}
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, nil); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// withSession is a tree whose manifests set a cookie for the folder of the stream, as
// MediaMTX does; everything else needs it.
func withSession(tree *Tree) http.HandlerFunc {
	const name = "session"
	return func(w http.ResponseWriter, r *http.Request) {
		want := mtxSession + "-" + r.PathValue("stream")
		if path.Base(r.URL.Path) == tree.First {
			w.Header().Set("Cache-Control", "no-cache")
			http.SetCookie(w, &http.Cookie{Name: name, Value: want, Path: "/live/" + r.PathValue("org") + "/" + r.PathValue("stream")})
		} else if c, err := r.Cookie(name); err != nil || c.Value != want {
			http.Error(w, "no session", http.StatusForbidden)
			return
		}
		tree.ServeFile(w, r)
	}
}
