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
func testCovers(path, query string) (Cover, bool) {
	c := Cover{Start: 1, Insert: 1}
	if rest, ok := strings.CutPrefix(path, "/live/org1/cam1/"); ok {
		return c, rest != ""
	}
	return c, strings.HasPrefix(path, "/q/") && query == "stream=org1-cam1"
}

func testSite() Site {
	return Site{
		Own:    weborigin.Origin{Scheme: "https", Host: "live.example.com", Port: "443"},
		Others: []weborigin.Origin{{Scheme: "https", Host: "cdn.example.com", Port: "8443"}, {Scheme: "http", Host: "[::1]", Port: "80"}},
	}
}

// testRewriter is for a manifest in the query form.
func testRewriter() *Rewriter {
	return &Rewriter{
		Site: testSite(), Path: "/live/org1/cam1/index.m3u8",
		Token: testToken, Name: "token", Names: []string{"token", "jwtoken"},
		Covers: testCovers,
	}
}

// pathRewriter is for one that was asked for with the token behind /live.
func pathRewriter() *Rewriter {
	rw := testRewriter()
	rw.Form, rw.Segments = Inherited, []int{1}
	return rw
}

// check is for a manifest of which the address has a token in its query.
func testCheck() *Check {
	return &Check{Site: testSite(), Names: []string{"token", "jwtoken"}, Queried: true, InQuery: true}
}
