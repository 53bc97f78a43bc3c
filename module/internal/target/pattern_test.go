package target

import (
	"strings"
	"testing"
)

func TestPatternsMatchWhatTheyName(t *testing.T) {
	tests := []struct {
		pattern, path string
		want          bool
	}{
		{"/favicon.ico", "/favicon.ico", true},
		{"/favicon.ico", "/favicon.ico/", false},
		{"/favicon.ico", "/x/favicon.ico", false},
		{"/favicon.ico", "/FAVICON.ICO", false},
		{"/assets/*", "/assets/a", true},
		{"/assets/*", "/assets/a/b", true},
		{"/assets/*", "/assets/a/", true},
		{"/assets/*", "/assets/", false},
		{"/assets/*", "/assets", false},
		{"/assets/*", "/assetsa", false},
		{"/*", "/a", true},
		{"/*", "/", false},
		{"/*.jpg", "/a.jpg", true},
		{"/*.jpg", "/.jpg", true},
		{"/*.jpg", "/a/b.jpg", false},
		{"/*.jpg", "/a.jpg2", false},
		{"/a*b*c", "/abc", true},
		{"/a*b*c", "/axxbyyc", true},
		{"/a*b*c", "/axxc", false},
		{"/a*b*c", "/abbcc", true},
		{"/ab*ba", "/aba", false},
		{"/ab*ba", "/abba", true},
		{"/live/*/x/poster.jpg", "/live/org1/x/poster.jpg", true},
		{"/live/*/x/poster.jpg", "/live/org1/y/x/poster.jpg", false},
		{"/a/", "/a/", true},
		{"/a/", "/a", false},
		{"/a%20b", "/a%20b", true},
		{"/a%20b", "/a b", false},
		{"/", "/", true},
	}
	for _, tt := range tests {
		p := mustPattern(t, tt.pattern)
		if p.Match(tt.path) != tt.want {
			t.Errorf("%s, path %s: %v", tt.pattern, tt.path, !tt.want)
		}
	}
}

func TestPatternErrorsSayWhatToChange(t *testing.T) {
	for pattern, says := range map[string]string{
		"": "begin with a slash", "*": "begin with a slash", "assets/*": "begin with a slash",
		"/a//b": "never match", "/a/../b": "never match", "/a;b": "never match", "/{org}/x": "captures", "/a%2fb": "never match", "/a b": "never match", "/a?b": "never match", "/[a-z]": "never match",
	} {
		if _, err := ParsePattern(pattern); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", pattern, err)
		}
	}
}

func TestManyStarsTakeNoLongTime(t *testing.T) {
	p := mustPattern(t, "/"+strings.Repeat("*a", 1000)+"b")
	if p.Match("/" + strings.Repeat("a", 100_000)) {
		t.Error("matches")
	}
}
