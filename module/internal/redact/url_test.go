package redact

import "testing"

// A path loses one token, and a query all of them; everything else stays as it is
// written.
func TestURLs(t *testing.T) {
	for _, tt := range []struct{ path, want string }{
		{"/live/acme/cam/index.m3u8", "/live/acme/cam/index.m3u8"},
		{"/live/~" + planted + "/acme/cam/a%20b.ts", "/live/acme/cam/a%20b.ts"},
		{"/~" + plantedSession + "/live/acme", "/live/acme"},
		{"/~" + planted, ""},
		{"/~" + planted + "/~" + planted + "/x", "/~" + planted + "/x"},
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
