package harness

import (
	"bytes"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Visit is one URI of a playlist tree, fetched.
type Visit struct {
	URL string
	// Parent is the playlist that names it, empty for the first.
	Parent string
	Status int
	Type   string
	Body   []byte
}

// IsPlaylist tells whether what came is HLS.
func (v Visit) IsPlaylist() bool { return bytes.HasPrefix(v.Body, []byte("#EXTM3U")) }

// Gone tells whether the playlist that named this URI no longer does: the window
// of a live stream has moved on, and a 404 is what one gets.
func (v Visit) Gone(t testing.TB) bool {
	t.Helper()
	if v.Status != http.StatusNotFound || v.Parent == "" {
		return false
	}
	parent := Visit{URL: v.Parent, Body: Curl(t, v.Parent).Body}
	for _, uri := range URIs(parent) {
		if resolve(t, v.Parent, uri) == v.URL {
			return false
		}
	}
	return parent.IsPlaylist()
}

// maxVisits ends a walk that a live stream would keep going for ever.
const maxVisits = 400

// Walk fetches a playlist with curl, then every URI that it names, then every
// URI that those name, redirects included, and each URL once. Cookies are kept
// as a browser keeps them.
func Walk(t testing.TB, first string, args ...string) []Visit {
	t.Helper()
	jar := filepath.Join(t.TempDir(), "cookies")
	args = append([]string{"--cookie", jar, "--cookie-jar", jar}, args...)
	var visits []Visit
	seen := map[string]bool{first: true}
	for queue := [][2]string{{first, ""}}; len(queue) > 0 && len(visits) < maxVisits; queue = queue[1:] {
		answer := Curl(t, queue[0][0], args...)
		visit := Visit{URL: queue[0][0], Parent: queue[0][1], Status: answer.Status, Type: answer.Header.Get("Content-Type"), Body: answer.Body}
		visits = append(visits, visit)
		for _, uri := range append(URIs(visit), answer.Header["Location"]...) {
			if next := resolve(t, visit.URL, uri); !seen[next] {
				seen[next] = true
				queue = append(queue, [2]string{next, visit.URL})
			}
		}
	}
	return visits
}

var quotedURI = regexp.MustCompile(`[:,](?:URI|SERVER-URI|X-ASSET-URI|X-ASSET-LIST)="([^"]*)"`)

// URIs are the URIs that a playlist names, as they are written.
func URIs(v Visit) []string {
	if !v.IsPlaylist() {
		return nil
	}
	var uris []string
	for line := range strings.Lines(string(v.Body)) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case line == "":
		case line[0] != '#':
			uris = append(uris, line)
		default:
			for _, match := range quotedURI.FindAllStringSubmatch(line, -1) {
				uris = append(uris, match[1])
			}
		}
	}
	return uris
}

func resolve(t testing.TB, base, uri string) string {
	t.Helper()
	parent, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	child, err := parent.Parse(uri)
	if err != nil {
		t.Fatalf("URI in a playlist: %v", err)
	}
	return child.String()
}

var (
	tokenPair    = regexp.MustCompile(`([?&])(?:token|jwtoken)=[^&#]*(&?)`)
	tokenSegment = regexp.MustCompile(`/~[^/?#]+`)
)

// WithoutToken takes the token out of a URL, wherever Playgate puts one.
func WithoutToken(url string) string {
	url = tokenSegment.ReplaceAllString(url, "")
	for {
		next := tokenPair.ReplaceAllStringFunc(url, func(pair string) string {
			if strings.HasSuffix(pair, "&") {
				return pair[:1]
			}
			return ""
		})
		if next == url {
			return url
		}
		url = next
	}
}
