package harness

import (
	"bufio"
	"bytes"
	"net/http"
	"net/textproto"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Answer is what a client got.
type Answer struct {
	Status int
	Proto  string
	Header http.Header
	Body   []byte
	// Code is curl's exit status: 0, or why there is no whole answer.
	Code int
}

// Curl fetches a URL exactly as written. It reads no settings of the machine's
// user, uses no proxy and accepts any certificate.
func Curl(t testing.TB, url string, args ...string) Answer {
	t.Helper()
	dir := t.TempDir()
	head, body := filepath.Join(dir, "head"), filepath.Join(dir, "body")
	all := []string{
		"--disable", "--silent", "--show-error", "--insecure", "--noproxy", "*", "--ipv4",
		"--path-as-is", "--globoff", "--max-time", "60",
		"--dump-header", head, "--output", body, "--write-out", "%{response_code} %{http_version}",
	}
	all = append(append(all, args...), "--", url)
	result := run(t, os.Environ(), "curl", all...)
	answer := Answer{Code: result.Code}
	status, version, _ := strings.Cut(result.Stdout, " ")
	answer.Status, _ = strconv.Atoi(status)
	answer.Proto = "HTTP/" + version
	answer.Body, _ = os.ReadFile(body)
	text, _ := os.ReadFile(head)
	answer.Header = lastHead(text)
	if answer.Status == 0 {
		t.Logf("curl %s: %s", url, strings.TrimSpace(result.Stderr))
	}
	return answer
}

// lastHead reads the last of the heads that curl dumped: an interim answer has
// one too.
func lastHead(text []byte) http.Header {
	header := http.Header{}
	reader := textproto.NewReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		if _, err := reader.ReadLine(); err != nil {
			return header
		}
		next, err := reader.ReadMIMEHeader()
		if err != nil && len(next) == 0 {
			return header
		}
		header = http.Header(next)
	}
}
