package harness

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const rtmpModule = "/usr/lib/nginx/modules/ngx_rtmp_module.so"

// nginxConf is the least that makes live HLS out of RTMP. "hls_nested on" gives
// each stream a directory of its own: then the stream's name is a segment of
// every URL, those of the media segments too, and a gate can tell streams apart.
const nginxConf = `load_module ` + rtmpModule + `;
%[1]s
worker_processes 1;
pid %[2]s/nginx.pid;
error_log %[2]s/error.log warn;
events {}
rtmp {
	server {
		listen 127.0.0.1:%[3]d;
		application org1 {
			live on;
			hls on;
			hls_nested on;
			hls_path %[2]s/hls/org1;
			hls_fragment 1s;
			hls_playlist_length 30s;
		}
	}
}
http {
	access_log off;
	client_body_temp_path %[2]s/body;
	proxy_temp_path %[2]s/proxy;
	fastcgi_temp_path %[2]s/fastcgi;
	uwsgi_temp_path %[2]s/uwsgi;
	scgi_temp_path %[2]s/scgi;
	server {
		listen %[4]s;
		root %[2]s/hls;
		types {
			application/vnd.apple.mpegurl m3u8;
			video/mp2t ts;
		}
	}
}
`

// NginxRTMP is an nginx that turns what ffmpeg publishes to it into live HLS.
type NginxRTMP struct {
	// Addr serves /org1/cam/index.m3u8.
	Addr string
}

// StartNginxRTMP starts nginx and ffmpeg and returns when the playlist names
// some segments.
func StartNginxRTMP(t testing.TB) *NginxRTMP {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "hls", "org1"), 0o755); err != nil {
		t.Fatal(err)
	}
	rtmp := Port(t)
	n := &NginxRTMP{Addr: Loopback(Port(t))}
	server := StartNginx(t, dir, fmt.Sprintf(nginxConf, NginxUser(), dir, rtmp, n.Addr))
	Wait(t, "nginx to listen", func() bool {
		return answersTCP(n.Addr) && answersTCP(Loopback(rtmp)) || server.Ended()
	})

	args := append([]string{"-re"}, Source(600)...)
	args = append(args, "-f", "flv", fmt.Sprintf("rtmp://127.0.0.1:%d/org1/cam", rtmp))
	publisher := StartProcess(t, os.Environ(), dir, "ffmpeg", args...)
	Wait(t, "live HLS from nginx-rtmp", func() bool {
		if publisher.Ended() || server.Ended() {
			t.Fatal("nginx or its publisher ended")
		}
		return segmentsAt("http://"+n.Addr+"/org1/cam/index.m3u8") >= 3
	})
	return n
}

// StartNginx starts an nginx with this configuration in a directory.
func StartNginx(t testing.TB, dir, conf string) *Process {
	t.Helper()
	path, err := exec.LookPath("nginx")
	if err != nil {
		path = "/usr/sbin/nginx" // not on the path of ordinary users in Debian
	}
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	server := StartProcess(t, os.Environ(), dir, path, "-e", "stderr", "-p", dir, "-c", file, "-g", "daemon off;")
	// SIGTERM lets the master end its workers, which a SIGKILL would orphan.
	t.Cleanup(func() { server.End(syscall.SIGTERM, 10*time.Second) })
	return server
}

// NginxUser is the line that a configuration needs when root runs the tests:
// else the workers may not write to the test's directory.
func NginxUser() string {
	if os.Geteuid() == 0 {
		return "user root;"
	}
	return ""
}

func segmentsAt(url string) int {
	response, err := http.Get(url)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return 0
	}
	var text strings.Builder
	if err := response.Write(&text); err != nil {
		return 0
	}
	return strings.Count(text.String(), "#EXTINF")
}
