package harness

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
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
			"main_stream.m3u8?"+copied(query)+"\n", "private, no-cache")
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
	playlist(w, out.String(), "private, no-cache")
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

func playlist(w http.ResponseWriter, text, caching string) {
	w.Header().Set("Content-Type", "application/vnd.apple.mpegurl")
	w.Header().Set("Cache-Control", caching)
	w.Write([]byte(text))
}

func hasCookie(r *http.Request, name string) bool {
	_, err := r.Cookie(name)
	return err == nil
}

// mediaMTXForCDN is mediaMTX with hlsCDNSecret: who shows that gets media without a
// session of a viewer. Since the start, or since Restart, a first playlist has to be
// asked for with it before anything else is there.
type mediaMTXForCDN struct {
	mediaMTX
	secret string
	open   atomic.Bool
}

// MediaMTXForCDN starts MediaMTX with a secret for CDNs. What it returns makes it forget
// its sessions, as a restart does.
func MediaMTXForCDN(t testing.TB, secret string) (o *Origin, restart func()) {
	t.Helper()
	m := &mediaMTXForCDN{mediaMTX: mediaMTX{FragmentedMP4(t)}, secret: secret}
	return NewOrigin(t, m), func() { m.open.Store(false) }
}

func (m *mediaMTXForCDN) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Header.Get("Authorization") != "Bearer "+m.secret:
		w.Header().Set("Cache-Control", "private, no-cache")
		m.mediaMTX.ServeHTTP(w, r)
	case r.URL.Path == mtxFirst:
		m.open.Store(true)
		playlist(w, "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-INDEPENDENT-SEGMENTS\n\n"+
			"#EXT-X-STREAM-INF:BANDWIDTH=132000,CODECS=\"avc1.42c00b,mp4a.40.2\",RESOLUTION=160x90,FRAME-RATE=25.000\nmain_stream.m3u8\n", "public, max-age=30")
	case !m.open.Load():
		http.Error(w, "no session", http.StatusUnauthorized)
	case r.URL.Path == mtxMedia:
		text, err := os.ReadFile(filepath.Join(m.tree.Dir, m.tree.First))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		playlist(w, string(text), "public, max-age=1")
	default:
		w.Header().Set("Cache-Control", "public, max-age=3600")
		http.ServeFile(w, r, filepath.Join(m.tree.Dir, filepath.Base(r.URL.Path)))
	}
}
