//go:build players

package harness

import (
	"fmt"
	"net/http"
	"path"
	"strings"
	"testing"
	"time"
)

// Live is an origin whose HLS never ends: the same six seconds again and again, a
// new segment each second, below every folder.
func Live(t testing.TB) http.Handler {
	t.Helper()
	tree := PlainTS(t)
	began := time.Now()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path.Base(r.URL.Path) != "index.m3u8" {
			_, name, _ := strings.Cut(path.Base(r.URL.Path), "-")
			serveFile(w, r, path.Join(tree.Dir, name))
			return
		}
		const window = 6
		first := int(time.Since(began).Seconds())
		var list strings.Builder
		fmt.Fprintf(&list, "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:%d\n#EXT-X-DISCONTINUITY-SEQUENCE:%d\n", first, (first+window-1)/window)
		for n := first; n < first+window; n++ {
			if n%formatSeconds == 0 && n > first {
				list.WriteString("#EXT-X-DISCONTINUITY\n")
			}
			fmt.Fprintf(&list, "#EXTINF:1,\n%d-seg%d.ts\n", n, n%formatSeconds)
		}
		w.Header().Set("Content-Type", mediaTypes[".m3u8"])
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write([]byte(list.String()))
	})
}
