package redact

import "testing"

// Path and query lose their tokens; everything else stays as it is written.
func TestURLs(t *testing.T) {
	for _, tt := range []struct{ path, want string }{
		{"/live/acme/cam/index.m3u8", "/live/acme/cam/index.m3u8"},
		{"/live/~" + planted + "/acme/cam/a%20b.ts", "/live/acme/cam/a%20b.ts"},
		{"/~" + plantedSession + "/live/acme", "/live/acme"},
		{"/~" + planted, ""},
		{"/~" + planted + "/a/%7e" + planted + "/x", "/a/x"},
		{"/~john.q.doe/~s.tevens/%7E/x", "/~john.q.doe/~s.tevens/%7E/x"},
		{"/" + planted + "/~x/y", "/" + planted + "/~x/y"},
	} {
		if got := Path(tt.path); got != tt.want {
			t.Errorf("path %s: %s instead of %s", tt.path, got, tt.want)
		}
	}
	for _, tt := range []struct{ query, want string }{
		{"", ""},
		{"a=1&b=%20", "a=1&b=%20"},
		{"a=1&token=" + planted + "&b=2", "a=1&b=2"},
		{"other=" + plantedSession + "&token=" + planted, ""},
		{"a=1&&token=&b", "a=1&token=&b"},
	} {
		if got := Query(tt.query); got != tt.want {
			t.Errorf("query %s: %s instead of %s", tt.query, got, tt.want)
		}
	}
}

// A segment is a token as a whole, in one spelling but for its tilde. What becomes one
// when it is decoded further is hidden.
func TestSegments(t *testing.T) {
	escaped := "%65" + planted[1:]
	for _, tt := range []struct {
		segment, text string
		hidden        bool
	}{
		{"~" + planted, planted, false},
		{"%7E" + planted, planted, false},
		{"%7e" + plantedSession, plantedSession, false},
		{"~" + escaped, "", true},
		{"%7E" + escaped, "", true},
		{"%257e" + planted, "", true},
		{"%25252525257E" + escaped, "", true},
		{"~" + plantedSession[:40] + nested(plantedSession[40], 3, "%02x") + plantedSession[41:], "", true},
		{planted, "", false},
		{"a~" + planted, "", false},
		{"~~" + planted, "", false},
		{"~" + planted + ".x", "", false},
		{"~" + plantedSession[1:], "", false},
		{"~" + plantedSession + "x", "", false},
		{"~s.B" + plantedSession[3:], "", false},
		{"~john.q.doe", "", false},
		{"~a%20b", "", false},
		{"", "", false},
		{"~", "", false},
		{"%7", "", false},
	} {
		if text, hidden := Segment(tt.segment); text != tt.text || hidden != tt.hidden {
			t.Errorf("%s: %q, hidden %v", tt.segment, text, hidden)
		}
	}
}
