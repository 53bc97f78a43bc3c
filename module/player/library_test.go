package player

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

func writeFile(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

const libraryText = "window.Hls = {};"

// publisher is a server with the package of a library, and counts requests.
func publisher(t *testing.T, member, text string) (url string, asked *atomic.Int64) {
	t.Helper()
	var archive bytes.Buffer
	zipped := gzip.NewWriter(&archive)
	members := tar.NewWriter(zipped)
	for name, content := range map[string]string{"package/README.md": "read me", member: text} {
		if err := members.WriteHeader(&tar.Header{Name: name, Size: int64(len(content)), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(members, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := members.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	asked = new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = w.Write(archive.Bytes())
	}))
	t.Cleanup(server.Close)
	return server.URL, asked
}

func testLibrary(dir, url string) *library {
	sum := sha256.Sum256([]byte(libraryText))
	return &library{dir: dir, url: url, sha256: hex.EncodeToString(sum[:])}
}

// hls.js is downloaded once, kept on disk, and never used when it is not the file
// that this version knows.
func TestLibrary(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	url, asked := publisher(t, libraryMember, libraryText)
	l := testLibrary(dir, url)
	for range 3 {
		plain, zipped, err := l.get(t.Context())
		if err != nil || string(plain) != libraryText {
			t.Fatalf("%q, %v", plain, err)
		}
		z, err := gzip.NewReader(bytes.NewReader(zipped))
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(z); err != nil || string(text) != libraryText {
			t.Errorf("compressed: %q, %v", text, err)
		}
	}
	again := testLibrary(dir, "http://127.0.0.1:1/nobody")
	if plain, _, err := again.get(t.Context()); err != nil || string(plain) != libraryText {
		t.Errorf("from the disk: %q, %v", plain, err)
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("it was downloaded %d times", n)
	}
	// What somebody has changed on disk is fetched anew.
	writeFile(t, l.path(), []byte("alert(1)"))
	if plain, _, err := testLibrary(dir, url).get(t.Context()); err != nil || string(plain) != libraryText || asked.Load() != 2 {
		t.Errorf("after a change on disk: %q, %v, %d downloads", plain, err, asked.Load())
	}
}

// A download that fails, or is another file, is no library; it is not tried again
// at once, and the error says what to do.
func TestNoLibrary(t *testing.T) {
	wrong, asked := publisher(t, libraryMember, "alert(1)")
	without, _ := publisher(t, "package/dist/another.js", libraryText)
	for name, url := range map[string]string{"another file": wrong, "not in the package": without, "nobody there": "http://127.0.0.1:1/"} {
		l := testLibrary(t.TempDir(), url)
		for range 2 {
			plain, zipped, err := l.get(t.Context())
			if plain != nil || zipped != nil || err == nil || !strings.Contains(err.Error(), l.path()) {
				t.Errorf("%s: %q, %v", name, plain, err)
			}
		}
		if _, err := os.Stat(l.path()); err == nil {
			t.Errorf("%s: it is kept on disk", name)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("it was asked %d times within a second", n)
	}
}

// Pages get the library compressed where they can, and 503 without it.
func TestServeLibrary(t *testing.T) {
	h := player(t, "/play", nil)
	url, _ := publisher(t, libraryMember, libraryText)
	h.library = testLibrary(t.TempDir(), url)
	answer := get(t, h, http.MethodGet, host+"/play/-/"+libraryName)
	if answer.Code != 200 || answer.Body.String() != libraryText || answer.Header().Get("Content-Encoding") != "" || !strings.Contains(answer.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("%d %v %s", answer.Code, answer.Header(), answer.Body)
	}
	h.library = testLibrary(t.TempDir(), "http://127.0.0.1:1/")
	if answer = get(t, h, http.MethodGet, host+"/play/-/"+libraryName); answer.Code != 503 || answer.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", answer.Code, answer.Header())
	}
}

// The handlers of a process share the library of a directory, which goes with the
// last of them.
func TestLibraryIsShared(t *testing.T) {
	dir := t.TempDir()
	first, second := acquireLibrary(dir), acquireLibrary(dir)
	if first != second {
		t.Error("two handlers have a library each")
	}
	for _, l := range []*library{first, second} {
		if err := (&Handler{library: l}).Cleanup(); err != nil {
			t.Error(err)
		}
	}
	if n, known := libraries.References(dir); known {
		t.Errorf("%d handlers use the library", n)
	}
}
