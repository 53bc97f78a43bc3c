package gate

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// What a cache in front may keep of protected media: nothing that is shared,
// and nothing beyond the token's life. What the origin says more strictly stays.
func TestLimitCaching(t *testing.T) {
	inTen := noon.Add(10 * time.Second).Format(http.TimeFormat)
	for _, tc := range []struct {
		name    string
		lines   []string
		expires string
		left    time.Duration
		want    string
	}{
		{"nothing said", nil, "", time.Hour, "private"},
		{"public", []string{"public"}, "", time.Hour, "private"},
		{"private already", []string{"private, max-age=5"}, "", time.Hour, "private, max-age=5"},
		{"public with an age", []string{"public, max-age=31536000, immutable"}, "", time.Hour, "private, max-age=3600"},
		{"a short age", []string{"max-age=2"}, "", time.Hour, "private, max-age=2"},
		{"in capitals", []string{"Public, Max-Age=99999"}, "", time.Minute, "private, max-age=60"},
		{"quoted", []string{`max-age="99999"`}, "", time.Minute, "private, max-age=60"},
		{"not a number", []string{"max-age=soon"}, "", time.Minute, "private, max-age=0"},
		{"negative", []string{"max-age=-1"}, "", time.Minute, "private, max-age=0"},
		{"too large for a number", []string{"max-age=99999999999999999999"}, "", time.Minute, "private, max-age=0"},
		{"shared age", []string{"s-maxage=600"}, "", time.Hour, "private"},
		{"shared and other age", []string{"s-maxage=600, max-age=30"}, "", time.Hour, "private, max-age=30"},
		{"stale answers", []string{"max-age=30, stale-while-revalidate=600, stale-if-error=600"}, "", time.Hour, "private, max-age=30"},
		{"for proxies", []string{"proxy-revalidate, max-age=30"}, "", time.Hour, "private, max-age=30"},
		{"stricter: no-store", []string{"no-store"}, "", time.Hour, "private, no-store"},
		{"stricter: no-cache", []string{"no-cache, max-age=30"}, "", time.Hour, "private, no-cache, max-age=30"},
		{"stricter: must-revalidate", []string{"max-age=30, must-revalidate, no-transform"}, "", time.Hour, "private, must-revalidate, no-transform, max-age=30"},
		{"two lines", []string{"public", "max-age=99999"}, "", time.Minute, "private, max-age=60"},
		{"empty entries", []string{", ,"}, "", time.Minute, "private"},
		{"Expires alone", nil, inTen, time.Hour, "private, max-age=10"},
		{"Expires beyond the token", nil, inTen, 5 * time.Second, "private, max-age=5"},
		{"Expires in the past", nil, noon.Add(-time.Hour).Format(http.TimeFormat), time.Hour, "private, max-age=0"},
		{"Expires unreadable", nil, "0", time.Hour, "private, max-age=0"},
		{"Expires beside an age", []string{"max-age=30"}, inTen, time.Hour, "private, max-age=30"},
		{"a token in its last leeway", []string{"max-age=30"}, "", -2 * time.Second, "private, max-age=0"},
		{"half a second left", []string{"max-age=30"}, "", 500 * time.Millisecond, "private, max-age=0"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := http.Header{}
			for _, line := range tc.lines {
				h.Add("Cache-Control", line)
			}
			if tc.expires != "" {
				h.Set("Expires", tc.expires)
			}
			h["Cache-Control"] = []string{limitCaching(h, tc.left, noon)}
			if got := strings.Join(h["Cache-Control"], " | "); got != tc.want {
				t.Errorf("Cache-Control %q instead of %q", got, tc.want)
			}
			if got := h.Get("Expires"); got != "" {
				t.Errorf("Expires is still %q", got)
			}
		})
	}
}

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
		"playlist":     {"", "", playlist + "?token=" + tok, "gzip"},
		"segment":      {"", "", media + "?token=" + tok, "gzip"},
		"off":          {"propagate off", "", playlist + "?token=" + tok, "gzip"},
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
	if got := o.only(t).Header.Get("Accept-Encoding"); got != "br" {
		t.Errorf("with a token in the header the origin is asked for %q", got)
	}
}

// What is remembered of one answer does not let another outlive its token.
func TestLimitIsEachTokensOwn(t *testing.T) {
	for _, tt := range []struct {
		left time.Duration
		want string
	}{
		{time.Hour, "private, max-age=60"},
		{time.Minute, "private, max-age=60"},
		{30 * time.Second, "private, max-age=30"},
		{time.Hour, "private, max-age=60"},
		{0, "private, max-age=0"},
		{-time.Second, "private, max-age=0"},
		{time.Hour, "private, max-age=60"},
	} {
		if got := limitCaching(http.Header{"Cache-Control": {"public, max-age=60"}}, tt.left, noon); got != tt.want {
			t.Errorf("with %v left: %q, want %q", tt.left, got, tt.want)
		}
	}
}
