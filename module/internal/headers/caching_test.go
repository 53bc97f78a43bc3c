package headers

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2027, 1, 15, 12, 0, 0, 0, time.UTC)

// What a cache in front may keep of protected media: nothing that is shared,
// and nothing beyond the token's life. What the origin says more strictly stays.
func TestLimitCaching(t *testing.T) {
	inTen := noon.Add(10 * time.Second).Format(http.TimeFormat)
	var limit CachingLimit
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
			h["Cache-Control"] = []string{limit.CacheControl(h, tc.left, noon)}
			if got := strings.Join(h["Cache-Control"], " | "); got != tc.want {
				t.Errorf("Cache-Control %q instead of %q", got, tc.want)
			}
			if got := h.Get("Expires"); got != "" {
				t.Errorf("Expires is still %q", got)
			}
		})
	}
}

// What is remembered of one answer does not let another outlive its token.
func TestLimitIsEachTokensOwn(t *testing.T) {
	var limit CachingLimit
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
		if got := limit.CacheControl(http.Header{"Cache-Control": {"public, max-age=60"}}, tt.left, noon); got != tt.want {
			t.Errorf("with %v left: %q, want %q", tt.left, got, tt.want)
		}
	}
}
