package asset

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/fstest"
)

// A file is served at the URL of its version alone, and the version is another one
// as soon as any file is.
func TestServe(t *testing.T) {
	files := []File{{"page.js", "text/javascript"}, {"icon.svg", "image/svg+xml"}}
	folder := fstest.MapFS{"page/page.js": {Data: []byte("run()")}, "page/icon.svg": {Data: []byte("<svg/>")}, "page/page.html": {Data: []byte("<p>")}}
	s := New(folder, "page", files...)
	for _, tt := range []struct {
		version, name string
		served        bool
	}{
		{s.Version(), "page.js", true},
		{s.Version(), "icon.svg", true},
		{s.Version(), "page.html", false},
		{s.Version(), "", false},
		{"000000000000", "page.js", false},
		{"", "page.js", false},
	} {
		w := httptest.NewRecorder()
		served := s.Serve(w, httptest.NewRequest(http.MethodGet, "/", nil), tt.version, tt.name, "max-age=60")
		if served != tt.served || !served && len(w.Header()) > 0 {
			t.Errorf("%s of version %q: served %v, header %v", tt.name, tt.version, served, w.Header())
		}
		if served && w.Header().Get("Cache-Control") != "max-age=60" {
			t.Errorf("%s: header %v", tt.name, w.Header())
		}
	}
	folder["page/icon.svg"].Data = []byte("<svg />")
	if other := New(folder, "page", files...); other.Version() == s.Version() || len(s.Version()) != 12 {
		t.Errorf("version %s, and then %s", s.Version(), other.Version())
	}
}
