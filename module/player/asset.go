package player

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"
)

//go:embed page
var files embed.FS

// assets are the files of the page, by their names, with their types.
var assets = map[string]string{
	"player.js": "text/javascript; charset=utf-8",
	"style.css": "text/css; charset=utf-8",
	"icon.svg":  "image/svg+xml",
}

// version is that of the assets: it stands in their URLs, so that a page never
// runs with the script of another version.
var version = func() string {
	sum := sha256.New()
	for _, name := range []string{"player.js", "style.css", "icon.svg"} {
		text, err := files.ReadFile("page/" + name)
		if err != nil {
			panic(err) // it is embedded
		}
		sum.Write(text)
	}
	return hex.EncodeToString(sum.Sum(nil)[:6])
}()

// forEver is for URLs whose content never changes.
const forEver = "public, max-age=31536000, immutable"

// serveAsset answers for what pages need. A path is VERSION/NAME, or that of the
// library.
func (h *Handler) serveAsset(w http.ResponseWriter, r *http.Request, path string) {
	if path == libraryName {
		h.serveLibrary(w, r)
		return
	}
	name, ours := strings.CutPrefix(path, version+"/")
	kind, known := assets[name]
	if !ours || !known {
		w.Header().Set("Cache-Control", "no-store")
		http.Error(w, "There is nothing here.", http.StatusNotFound)
		return
	}
	text, err := files.ReadFile("page/" + name)
	if err != nil {
		panic(err) // it is embedded
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", forEver)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
}

func (h *Handler) serveLibrary(w http.ResponseWriter, r *http.Request) {
	plain, zipped, err := h.library.get(r.Context())
	if err != nil {
		h.logger.Error("browsers without HLS of their own cannot play on the player page", zap.Error(err))
		w.Header().Set("Cache-Control", "no-store")
		http.Error(w, "hls.js is not on this server.", http.StatusServiceUnavailable)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/javascript; charset=utf-8")
	header.Set("Cache-Control", forEver)
	header.Set("Vary", "Accept-Encoding")
	text := plain
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		header.Set("Content-Encoding", "gzip")
		text = zipped
	}
	header.Set("Content-Length", strconv.Itoa(len(text)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(text)
	}
}
