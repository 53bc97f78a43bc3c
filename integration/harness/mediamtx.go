package harness

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// mediaMTX answers HLS the way MediaMTX does, as far as a gate in front of it
// is concerned:
//   - the first request for a playlist is redirected to itself with
//     "cookieCheck=1", by a path that forgets everything else of the query;
//   - it keeps a session of its own, in a cookie and in every URI;
//   - what the request's query held is copied into every URI, but for the
//     _HLS_ parameters.
type mediaMTX struct {
	tree *Tree
}

const (
	mtxFirst   = "/org1/cam/index.m3u8"
	mtxMedia   = "/org1/cam/main_stream.m3u8"
	mtxSession = "0c9f3a52-5b0e-4c39-8f5b-5d0a2c8f6f11"
)

// MediaMTX starts an origin that is shaped like MediaMTX and serves
// /org1/cam/index.m3u8.
func MediaMTX(t testing.TB) *Origin {
	t.Helper()
	return NewOrigin(t, mediaMTX{FragmentedMP4(t)})
}

func (m mediaMTX) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	switch {
	case r.URL.Path == mtxFirst && !query.Has("cookieCheck") && !hasCookie(r, "cookieCheck"):
		http.SetCookie(w, &http.Cookie{Name: "cookieCheck", Value: "1", Path: "/"})
		w.Header().Set("Location", mtxFirst+"?cookieCheck=1")
		w.WriteHeader(http.StatusFound)
	case r.URL.Path == mtxFirst:
		http.SetCookie(w, &http.Cookie{Name: "session", Value: mtxSession, Path: "/org1/cam/"})
		playlist(w, "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-INDEPENDENT-SEGMENTS\n\n"+
			"#EXT-X-STREAM-INF:BANDWIDTH=132000,CODECS=\"avc1.42c00b,mp4a.40.2\",RESOLUTION=160x90,FRAME-RATE=25.000\n"+
			"main_stream.m3u8?"+copied(query)+"\n")
	case query.Get("session") != mtxSession && !hasCookie(r, "session"):
		http.Error(w, "no session", http.StatusForbidden)
	case r.URL.Path == mtxMedia:
		m.media(w, query)
	default:
		http.ServeFile(w, r, filepath.Join(m.tree.Dir, filepath.Base(r.URL.Path)))
	}
}

// media is the tree's own playlist with the query behind every URI.
func (m mediaMTX) media(w http.ResponseWriter, query url.Values) {
	text, err := os.ReadFile(filepath.Join(m.tree.Dir, m.tree.First))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	var out strings.Builder
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "#EXT-X-MAP:URI="):
			line = strings.TrimSuffix(line, `"`) + "?" + copied(query) + `"`
		case line != "" && line[0] != '#':
			line += "?" + copied(query)
		}
		fmt.Fprintln(&out, line)
	}
	playlist(w, out.String())
}

func copied(query url.Values) string {
	next := url.Values{}
	for name, values := range query {
		if name != "cookieCheck" && !strings.HasPrefix(name, "_HLS_") {
			next[name] = values
		}
	}
	next.Set("session", mtxSession)
	return next.Encode()
}

func playlist(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "application/vnd.apple.mpegurl")
	w.Header().Set("Cache-Control", "no-cache")
	w.Write([]byte(text))
}

func hasCookie(r *http.Request, name string) bool {
	_, err := r.Cookie(name)
	return err == nil
}
