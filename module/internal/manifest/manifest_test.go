package manifest

import (
	"strings"

	"github.com/playgate/playgate/module/internal/weborigin"
)

// The tokens of the tests have the form of a token; they mean nothing.
const (
	testToken  = "hdr.payload.sig"
	otherToken = "old.old-payload.old-sig"
)

// testCovers says yes to every path below /live/org1/cam1/ and puts the token
// segment behind /live. The query decides below /q/.
func testCovers(path, query string) (int, string, bool) {
	if rest, ok := strings.CutPrefix(path, "/live/org1/cam1/"); ok {
		return len("/live"), "", rest != ""
	}
	return len("/q"), "", strings.HasPrefix(path, "/q/") && query == "stream=org1-cam1"
}

func testRewriter() *Rewriter {
	return &Rewriter{
		Scheme: "https", Host: "live.example.com",
		Path:  "/live/org1/cam1/index.m3u8",
		Sites: []weborigin.Origin{{Scheme: "https", Host: "cdn.example.com", Port: "8443"}, {Scheme: "http", Host: "[::1]", Port: "80"}},
		Token: testToken, Name: "token", Names: []string{"token", "jwtoken"},
		Covers: testCovers,
	}
}

func pathRewriter() *Rewriter {
	rw := testRewriter()
	rw.InPath = true
	return rw
}
