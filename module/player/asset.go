package player

import (
	"embed"
	"net/http"
	"strconv"
	"strings"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/asset"
)

//go:embed page
var files embed.FS

// assets are the files that the page needs.
var assets = asset.New(files, "page",
	asset.File{Name: "player.js", Type: "text/javascript; charset=utf-8"},
	asset.File{Name: "style.css", Type: "text/css; charset=utf-8"},
	asset.File{Name: "icon.svg", Type: "image/svg+xml"},
)

// forEver is for URLs whose content never changes.
const forEver = "public, max-age=31536000, immutable"

// serveAsset answers for what pages need. A path is VERSION/NAME, or that of the
// library.
func (h *Handler) serveAsset(w http.ResponseWriter, r *http.Request, path string) {
	if path == libraryName {
		h.serveLibrary(w, r)
		return
	}
	version, name, _ := strings.Cut(path, "/")
	if !assets.Serve(w, r, version, name, forEver) {
		w.Header().Set("Cache-Control", "no-store")
		http.Error(w, "There is nothing here.", http.StatusNotFound)
	}
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
