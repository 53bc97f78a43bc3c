package console

import (
	"embed"
	"net/http"

	"github.com/playgate/playgate/module/internal/asset"
)

//go:embed page
var files embed.FS

// assets are the files that the pages need.
var assets = asset.New(files, "page",
	asset.File{Name: "console.js", Type: "text/javascript; charset=utf-8"},
	asset.File{Name: "style.css", Type: "text/css; charset=utf-8"},
	asset.File{Name: "icon.svg", Type: "image/svg+xml"},
)

func serveAsset(w http.ResponseWriter, r *http.Request) {
	if !assets.Serve(w, r, r.PathValue("version"), r.PathValue("name"), "private, max-age=31536000, immutable") {
		http.Error(w, "There is nothing here.", http.StatusNotFound)
	}
}
