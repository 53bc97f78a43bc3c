//go:build players

package harness

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// FLV is a node-media-server with one publisher.
type FLV struct {
	// Addr serves Path, as FLV over HTTP and over WebSockets.
	Addr, Path string
}

// StartFLV starts the server and ffmpeg and returns when there is something to
// play.
func StartFLV(t testing.TB, packages Packages) FLV {
	t.Helper()
	dir := t.TempDir()
	rtmp := Port(t)
	port := Port(t)
	f := FLV{Addr: Loopback(port), Path: "/live/cam.flv"}
	conf, err := json.Marshal(map[string]any{
		"bind":  "127.0.0.1",
		"rtmp":  map[string]any{"port": rtmp},
		"http":  map[string]any{"port": port},
		"store": map[string]any{"path": filepath.Join(dir, "data")},
		"auth":  map[string]any{"play": false, "publish": false, "secret": "unused"},
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "config.json")
	if err := os.WriteFile(file, conf, 0o600); err != nil {
		t.Fatal(err)
	}
	server := StartProcess(t, os.Environ(), dir, Node(), filepath.Join(packages.Dir, "node-media-server", "bin", "app.js"), "--config", file, "--no-admin")
	Wait(t, "node-media-server to listen", func() bool {
		return answersTCP(f.Addr) && answersTCP(Loopback(rtmp)) || server.Ended()
	})
	args := append([]string{"-re"}, Source(3600)...)
	publisher := StartProcess(t, os.Environ(), dir, "ffmpeg", append(args, "-f", "flv", fmt.Sprintf("rtmp://127.0.0.1:%d/live/cam", rtmp))...)
	Wait(t, "FLV from node-media-server", func() bool {
		if server.Ended() || publisher.Ended() {
			t.Fatal("node-media-server or its publisher ended")
		}
		response, err := http.Get("http://" + f.Addr + f.Path)
		if err != nil {
			return false
		}
		defer response.Body.Close()
		magic := make([]byte, 3)
		_, err = response.Body.Read(magic)
		return err == nil && string(magic) == "FLV"
	})
	return f
}
