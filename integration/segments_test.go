package integration_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// A token may be a path segment of its own anywhere below the literal start of a rule;
// the origin gets the path without it. What only looks like one is a name.
func TestTokenSegments(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{gate: liveRule + "\nstream /vod/{org}/{stream}"}, nil)
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	for target, want := range map[string]string{
		"/live/~T/org1/cam/seg.ts":                    "/live/org1/cam/seg.ts",
		"/live/org1/~T/cam/seg.ts":                    "/live/org1/cam/seg.ts",
		"/live/org1/cam/~T/seg.ts?a=1":                "/live/org1/cam/seg.ts?a=1",
		"/live/org1/cam/a/b/~T/c/seg.ts":              "/live/org1/cam/a/b/c/seg.ts",
		"/live/~T/org1/~T/cam/~T/a/~T/seg.ts":         "/live/org1/cam/a/seg.ts",
		"/live/org1/cam/~T/~T/seg.ts":                 "/live/org1/cam/seg.ts",
		"/live/%7ET/org1/cam/seg.ts":                  "/live/org1/cam/seg.ts",
		"/live/org1/cam/%7eT/a%20b/seg.ts":            "/live/org1/cam/a%20b/seg.ts",
		"/live/org1/cam/~T/~john.doe/seg.ts":          "/live/org1/cam/~john.doe/seg.ts",
		"/live/org1/cam/~T/~john.q.doe/~/~~/seg.ts":   "/live/org1/cam/~john.q.doe/~/~~/seg.ts",
		"/live/org1/cam/~T/~s.tevens/%7Ejoe/seg.ts":   "/live/org1/cam/~s.tevens/%7Ejoe/seg.ts",
		"/live/org1/cam/~T/[1]/seg.ts":                "/live/org1/cam/%5B1%5D/seg.ts",
		"/vod/~T/org1/cam":                            "/vod/org1/cam",
		"/vod/org1/~T/cam":                            "/vod/org1/cam",
		"/live/org1/cam/~john.doe/seg.ts?token=T":     "/live/org1/cam/~john.doe/seg.ts",
		"/live/org1/cam/~T/seg.ts?token=T&jwtoken=T":  "/live/org1/cam/seg.ts",
		"/live/org1/cam/~john.doe/~T/~x.y.z/~/seg.ts": "/live/org1/cam/~john.doe/~x.y.z/~/seg.ts",
	} {
		a := harness.Raw(t, g.Server, harness.RawTarget(g.Server, strings.ReplaceAll(target, "T", token)))
		g.allowed(t, a)
		if got := g.origin.Last(t).Target; got != want {
			t.Errorf("%s: the origin got %s", target, got)
		}
	}
	mark := len(g.origin.Raw())
	inner := "%65" + token[1:]
	refusals := map[string]string{
		"/live/org1/cam/~T":                         "bad_request",
		"/live/org1/~T":                             "bad_request",
		"/live/~T":                                  "bad_request",
		"/vod/org1/cam/~T":                          "bad_request",
		"/live/org1/cam/~T?token=T":                 "bad_request",
		"/live/org1/cam/%7eT":                       "bad_request",
		"/live/org1/cam/~I/seg.ts":                  "bad_request",
		"/live/org1/cam/~I/seg.ts?token=T":          "bad_request",
		"/live/org1/cam/%7EI/seg.ts?token=T":        "bad_request",
		"/live/org1/cam/%257ET/seg.ts?token=T":      "bad_request",
		"/live/org1/cam/%25257eT/seg.ts?token=T":    "bad_request",
		"/live/org1/cam/%2525257eI/seg.ts?token=T":  "bad_request",
		"/live/org1/cam/~I?token=T":                 "bad_request",
		"/~T/live/org1/cam/seg.ts":                  "bad_request",
		"/other/~T/org1/cam/seg.ts":                 "bad_request",
		"/live/~T/org1/cam/~U/seg.ts":               "ambiguous_token",
		"/live/org1/cam/~U/~T/seg.ts":               "ambiguous_token",
		"/live/org1/cam/~T/%2e%2e/seg.ts":           "bad_request",
		"/live/org1/cam/~T//seg.ts":                 "bad_request",
		"/live/org1/cam2/~T/seg.ts":                 "forbidden",
		"/live/org1/cam/~john.doe/seg.ts":           "missing_token",
		"/live/org1/cam/~T.x/seg.ts":                "missing_token",
		"/live/org1/cam/~s.AAAA/seg.ts":             "missing_token",
		"/live/org1/cam/~john.q.doe/seg.ts?token=s": "malformed_token",
	}
	other := g.key.Token(t, "--org", "org1", "--orgwide")
	for target, reason := range refusals {
		sent := strings.NewReplacer("T", token, "I", inner, "U", other).Replace(target)
		a := harness.Raw(t, g.Server, harness.RawTarget(g.Server, sent))
		if p := problemOf(t, a); p.Reason != reason {
			t.Errorf("%s: %d %s instead of %s", target, a.Status, p.Reason, reason)
		}
	}
	g.origin.SawNothing(t, mark)
	for _, part := range []string{harness.Signature(token), harness.Signature(other)} {
		if strings.Contains(g.Everything(), part) {
			t.Error("a token is in a log")
		}
	}
}

// The page before may have a token in its path, at any depth: the origin learns the rest.
func TestTokenSegmentsOfTheReferer(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{}, nil)
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	for referer, want := range map[string]string{
		"/live/org1/cam/~T/index.html":           "/live/org1/cam/index.html",
		"/live/~T/org1/~T/cam/index.html?a=1":    "/live/org1/cam/index.html?a=1",
		"/live/org1/cam/%7eT/index.html":         "/live/org1/cam/index.html",
		"/live/org1/cam/~T":                      "/",
		"/live/org1/cam/%257eT/index.html":       "/",
		"/elsewhere/~T/index.html":               "/",
		"/live/org1/cam/~john.doe.x/":            "/live/org1/cam/~john.doe.x/",
		"/live/org1/cam/index.html?token=T&b=%2": "/",
	} {
		a := g.get(t, target(token), "Referer: http://page.test"+strings.ReplaceAll(referer, "T", token))
		if a.Status != http.StatusOK {
			t.Errorf("%s: status %d", referer, a.Status)
		}
		if got := fmt.Sprint(g.origin.Last(t).Values("Referer")); got != "[http://page.test"+want+"]" {
			t.Errorf("%s: the origin got %s", referer, got)
		}
	}
}
