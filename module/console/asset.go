package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"time"
)

//go:embed page
var files embed.FS

// assets are the files of the pages, by their names, with their types.
var assets = map[string]string{
	"console.js": "text/javascript; charset=utf-8",
	"style.css":  "text/css; charset=utf-8",
	"icon.svg":   "image/svg+xml",
}

func asset(name string) []byte {
	text, err := files.ReadFile("page/" + name)
	if err != nil {
		panic(err) // it is embedded
	}
	return text
}

// version is that of the assets: it stands in their URLs, so that a page never
// runs with the script of another version.
var version = func() string {
	sum := sha256.New()
	for _, name := range []string{"console.js", "style.css", "icon.svg"} {
		sum.Write(asset(name))
	}
	return hex.EncodeToString(sum.Sum(nil)[:6])
}()

func serveAsset(w http.ResponseWriter, r *http.Request) {
	kind := assets[r.PathValue("name")]
	if kind == "" || r.PathValue("version") != version {
		http.Error(w, "There is nothing here.", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "private, max-age=31536000, immutable")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(asset(r.PathValue("name"))))
}
