package harness

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// Probe plays a URL with ffprobe as far as it takes to know what is in it, and
// gives the kinds of stream found, "video" and "audio".
func Probe(t testing.TB, url string) []string {
	t.Helper()
	r := run(t, os.Environ(), "ffprobe", "-v", "error", "-print_format", "json", "-show_entries", "stream=codec_type", "-i", url)
	if r.Code != 0 {
		t.Errorf("ffprobe of %s: exit status %d\n%s", url, r.Code, r.Stderr)
		return nil
	}
	var found struct {
		Streams []struct {
			Type string `json:"codec_type"`
		}
	}
	if err := json.Unmarshal([]byte(r.Stdout), &found); err != nil {
		t.Errorf("ffprobe of %s: %v", url, err)
	}
	var kinds []string
	for _, stream := range found.Streams {
		kinds = append(kinds, stream.Type)
	}
	return kinds
}

// Play decodes two seconds of a URL's picture and sound with ffmpeg, which
// fetches everything itself from this one URL.
func Play(t testing.TB, url string) {
	t.Helper()
	r := run(t, os.Environ(), "ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "error", "-xerror", "-i", url,
		"-t", "2", "-map", "0:v:0", "-map", "0:a:0", "-progress", "pipe:1", "-f", "null", "-")
	if r.Code != 0 {
		t.Errorf("ffmpeg of %s: exit status %d\n%s", url, r.Code, r.Stderr)
	}
	if !strings.Contains(r.Stdout, "progress=end") || strings.Contains(r.Stdout, "\nframe=0\nfps=0.00\nstream_0_0_q=-0.0\nprogress=end") {
		t.Errorf("ffmpeg of %s decoded nothing:\n%s", url, r.Stdout)
	}
}

// Decode decodes all of a URL with ffmpeg, and returns what that says of errors.
func Decode(t testing.TB, url string) string {
	t.Helper()
	r := run(t, os.Environ(), "ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "error", "-i", url, "-f", "null", "-")
	return strings.TrimSpace(r.Stderr)
}
