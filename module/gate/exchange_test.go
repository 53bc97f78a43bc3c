package gate

import (
	"net/url"
	"slices"
	"testing"
)

// A field value can be appended to, as handlers do with Header.Add, without a
// change to any other, and there are as many as are asked for.
func TestLinesAreApart(t *testing.T) {
	var x exchange
	var lines [][]string
	want := []string{"a", "", "b", "c", "d", "e", "f", "g", "h", "i", "j"}
	for _, value := range want {
		lines = append(lines, x.line(value))
	}
	for i := range lines {
		_ = append(lines[i], "more")
	}
	lines[0][0] = ""
	lines = append(lines, x.line("k"))
	want = append(want, "k")
	lines[0][0] = "other"
	for i, line := range lines[1:] {
		if !slices.Equal(line, want[i+1:i+2]) {
			t.Errorf("line %d is %q instead of %q", i+1, line, want[i+1])
		}
	}
}

// The short ways give what net/url gives, for every byte.
func TestPlainPaths(t *testing.T) {
	paths := []string{"", "*", "/", "//", "//host/x", "/a/b.m3u8", "/a b", "/%41", "/a%2fb", "a/b", "/é", "/~token/x"}
	for c := range 256 {
		paths = append(paths, "/a"+string(rune(c))+"b", "/a"+string([]byte{byte(c)})+"b")
	}
	for _, path := range paths {
		for _, u := range []url.URL{{Path: path}, {Path: path, RawPath: path}, {Path: path, RawQuery: "q=1"}, {Path: path, RawPath: path, ForceQuery: true}} {
			if got, want := requestURI(&u), u.RequestURI(); got != want {
				t.Errorf("%+v: %q instead of %q", u, got, want)
			}
			slow := u
			if decoded, err := url.PathUnescape(u.RawPath); u.RawPath == "" || err != nil || decoded != u.Path {
				slow.RawPath = ""
			}
			want := slow.EscapedPath()
			if slow.RawPath != "" {
				want = slow.RawPath
			}
			if got := rawPath(&u); got != want {
				t.Errorf("%+v: raw %q instead of %q", u, got, want)
			}
		}
	}
}
