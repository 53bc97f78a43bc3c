package gate

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// caching is an origin's answer with everything that caches listen to.
func caching(body string) *origin {
	return &origin{answer: func(w http.ResponseWriter, _ *http.Request) error {
		for name, value := range map[string]string{
			"Cache-Control": "public, max-age=86400", "Expires": noon.Add(24 * time.Hour).Format(http.TimeFormat),
			"Cdn-Cache-Control": "max-age=86400", "Surrogate-Control": "max-age=86400",
			"Cloudflare-Cdn-Cache-Control": "max-age=86400", "X-Accel-Expires": "86400",
		} {
			w.Header().Set(name, value)
		}
		_, err := io.WriteString(w, body)
		return err
	}}
}

// A segment is private, and fresh no longer than its token lives. Keep leaves
// everything to an outer cache that checks tokens itself.
func TestCachingOfSegments(t *testing.T) {
	w := get(t, newGate(t, ""), caching("media"), media+"?token="+mint(t, nil))
	if got := w.Header().Get("Cache-Control"); got != "private, max-age=3600" {
		t.Errorf("Cache-Control %q", got)
	}
	w = get(t, newGate(t, "downstream_cache keep"), caching("media"), media+"?token="+mint(t, nil))
	if got := w.Header().Get("Cache-Control"); got != "public, max-age=86400" || w.Header().Get("Cdn-Cache-Control") == "" {
		t.Errorf("Cache-Control %q, header %v", got, w.Header())
	}
}

// Targeted fields (RFC 9213) and their forerunners tell a shared cache to
// ignore Cache-Control: they must not outvote "private".
func TestTargetedCacheFieldsAreDropped(t *testing.T) {
	for target, body := range map[string]string{media: "media", playlist: "#EXTM3U\nseg.ts\n"} {
		w := get(t, newGate(t, ""), caching(body), target+"?token="+mint(t, nil))
		for _, name := range []string{"Cdn-Cache-Control", "Surrogate-Control", "Cloudflare-Cdn-Cache-Control", "X-Accel-Expires"} {
			if got := w.Header().Get(name); got != "" {
				t.Errorf("%s: a shared cache is told %s: %s", target, name, got)
			}
		}
	}
}

// narrowCodings leaves what the gate can undo, and says so even when that is
// nothing.
func TestNarrowCodings(t *testing.T) {
	for _, tc := range []struct {
		lines []string
		want  string
	}{
		{nil, ""},
		{[]string{""}, "identity"},
		{[]string{"gzip"}, "gzip"},
		{[]string{"GZIP"}, "gzip"},
		{[]string{"gzip, deflate, br, zstd"}, "gzip"},
		{[]string{"br;q=1.0, gzip;q=0.8, *;q=0.1"}, "gzip"},
		{[]string{"br", "gzip"}, "gzip"},
		{[]string{"br, zstd"}, "identity"},
		{[]string{"gzip;q=0"}, "identity"},
		{[]string{"gzip; q=0.000"}, "identity"},
		{[]string{"gzip;Q=0"}, "identity"},
		{[]string{"gzip;q=nonsense"}, "identity"},
		{[]string{"gzip;q=0.001"}, "gzip"},
		{[]string{"x-gzip"}, "identity"},
		{[]string{"*"}, "identity"},
		{[]string{"identity"}, "identity"},
	} {
		h := http.Header{}
		for _, line := range tc.lines {
			h.Add("Accept-Encoding", line)
		}
		narrowCodings(h)
		if got := strings.Join(h["Accept-Encoding"], " | "); got != tc.want {
			t.Errorf("%q becomes %q instead of %q", tc.lines, got, tc.want)
		}
	}
}

// The origin is asked for what the gate can undo where an answer may be a
// playlist to read, and for what the client takes where none is.
func TestCodingsBelowTheGate(t *testing.T) {
	tok := mint(t, nil)
	for name, tc := range map[string]struct{ lines, appLines, target, want string }{
		"playlist":     {"", "", playlist + "?token=" + tok, "identity"},
		"segment":      {"", "", media + "?token=" + tok, "gzip"},
		"off":          {"propagate off", "", playlist + "?token=" + tok, "identity"},
		"off, in path": {"propagate path", "", "/live/~" + tok + "/acme/cam/s.ts", "gzip"},
		"public":       {"", "org acme {\nsecure off\n}", playlist, "br, gzip, zstd"},
		"open":         {"open /x/*", "", "/x/y.m3u8", "br, gzip, zstd"},
	} {
		var o origin
		allowed(t, get(t, newGate(t, tc.lines, tc.appLines), &o, tc.target, "Accept-Encoding: br, gzip, zstd"))
		if got := o.only(t).Header.Get("Accept-Encoding"); got != tc.want {
			t.Errorf("%s: the origin is asked for %q instead of %q", name, got, tc.want)
		}
	}
	var o origin
	allowed(t, get(t, newGate(t, "propagate off"), &o, playlist, "Accept-Encoding: br", "Authorization: Bearer "+tok))
	if got := o.only(t).Header.Get("Accept-Encoding"); got != "identity" {
		t.Errorf("with a token in the header the origin is asked for %q", got)
	}
}
