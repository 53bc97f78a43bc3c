package integration_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// cacheable is an origin whose playlist and segments any cache may keep.
var cacheable = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=3600")
	if strings.HasSuffix(r.URL.Path, ".m3u8") {
		w.Header().Set("Content-Type", "application/vnd.apple.mpegurl")
		io.WriteString(w, "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nseg.ts\n")
		return
	}
	w.Header().Set("Content-Type", "video/mp2t")
	io.WriteString(w, "media")
})

// twoViewers plays a playlist and a segment with two tokens through a cache
// below the gate, and asserts what a cache must not change.
func twoViewers(t *testing.T, server *harness.Server, origin *harness.Origin, key *harness.Key) {
	t.Helper()
	get := func(target string) harness.Answer {
		return harness.Clients()[0].Do(t, server, harness.Request{Target: target})
	}
	const playlist, segment = "/live/org1/cam/index.m3u8", "/live/org1/cam/seg.ts"
	tokens := []string{
		key.Token(t, "--org", "org1", "--stream", "cam", "--user", "one"),
		key.Token(t, "--org", "org1", "--orgwide", "--user", "two"),
	}
	for i, token := range tokens {
		for range 2 {
			a := get(playlist + "?token=" + token)
			if want := "\nseg.ts?token=" + token + "\n"; a.Status != http.StatusOK || !strings.Contains(string(a.Body), want) {
				t.Fatalf("viewer %d: status %d, playlist\n%s", i+1, a.Status, a.Body)
			}
			if other := tokens[1-i]; strings.Contains(string(a.Body), other) {
				t.Fatalf("viewer %d gets the other's token", i+1)
			}
			if got := a.Header.Get("Cache-Control"); got != "private, no-store" {
				t.Errorf("a playlist with a token is %q", got)
			}
			if a := get(segment + "?token=" + token); a.Status != http.StatusOK || string(a.Body) != "media" {
				t.Fatalf("viewer %d: status %d for the segment", i+1, a.Status)
			}
		}
	}
	fetched := map[string]int{}
	for _, call := range origin.Calls() {
		fetched[call.Target]++
	}
	if len(fetched) != 2 || fetched[playlist] != 1 || fetched[segment] != 1 {
		t.Errorf("two viewers cost the origin %v instead of one fetch of each", fetched)
	}
	for _, target := range []string{playlist, segment} {
		if a := get(target); a.Status != http.StatusUnauthorized {
			t.Errorf("a cached object without a token: status %d for %s", a.Status, target)
		}
	}
	for i, token := range tokens {
		if strings.Contains(origin.Raw(), token) || strings.Contains(origin.Raw(), harness.Signature(token)) {
			t.Errorf("the token of viewer %d reached the origin", i+1)
		}
	}
}

// Two viewers cost the origin one fetch, a cached object without a token is
// 401, and no cached object holds anyone's token: with the cache of nginx as
// the origin of the gate.
func TestNginxCacheBelowTheGate(t *testing.T) {
	t.Parallel()
	origin := harness.NewOrigin(t, cacheable)
	dir := t.TempDir()
	addr := harness.Loopback(harness.Port(t))
	conf := fmt.Sprintf(`%[1]s
worker_processes 1;
pid %[2]s/nginx.pid;
error_log %[2]s/error.log warn;
events {}
http {
	access_log off;
	client_body_temp_path %[2]s/body;
	proxy_temp_path %[2]s/proxy;
	fastcgi_temp_path %[2]s/fastcgi;
	uwsgi_temp_path %[2]s/uwsgi;
	scgi_temp_path %[2]s/scgi;
	proxy_cache_path %[2]s/cache keys_zone=media:1m;
	server {
		listen %[3]s;
		location / {
			proxy_pass http://%[4]s;
			proxy_cache media;
			proxy_cache_key $request_uri;
			proxy_cache_lock on;
		}
	}
}
`, harness.NginxUser(), dir, addr, origin.Addr)
	harness.StartNginx(t, dir, conf)
	harness.Wait(t, "nginx to listen", func() bool {
		r, err := http.Get("http://" + addr + "/ready")
		if err == nil {
			r.Body.Close()
		}
		return err == nil
	})
	key := harness.NewKey(t, "main", "EdDSA")
	server := harness.Serve(t, setup{}.caddyfile(), harness.Env{"KEY": key.PublicFile, "ORIGIN": addr})
	origin.Forget()
	twoViewers(t, server, origin, key)

	filepath.WalkDir(filepath.Join(dir, "cache"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if strings.Contains(string(data), "eyJ") {
			t.Errorf("the cache keeps a token:\n%s", data)
		}
		return err
	})
}

// The same with the cache plugin in the same process, which orders itself ahead
// of rewrites: the gate stands before it all the same.
func TestCachePluginBelowTheGate(t *testing.T) {
	t.Parallel()
	binary := harness.XCaddy(t, "github.com/caddyserver/cache-handler@v0.16.0")
	origin := harness.NewOrigin(t, cacheable)
	key := harness.NewKey(t, "main", "EdDSA")
	s := setup{globals: "cache {\nttl 1h\n}", site: "cache"}
	server := harness.ServeWith(t, binary, s.caddyfile(), harness.Env{"KEY": key.PublicFile, "ORIGIN": origin.Addr})
	twoViewers(t, server, origin, key)
}
