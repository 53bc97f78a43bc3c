package integration_test

import (
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// Referer exact, wildcard, with a port, and what only looks alike.
func TestPage(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{}, nil)
	referer := func(value string) []string { return []string{"Referer: " + value} }
	for _, tc := range []struct {
		name, rule string
		headers    []string
		reason     string
	}{
		{"exact", "page.test", referer("https://page.test/"), ""},
		{"exact, without a path", "page.test", referer("https://page.test"), ""},
		{"exact, plain HTTP", "page.test", referer("http://page.test/watch?v=1"), ""},
		{"exact, other case", "page.test", referer("https://PAGE.test/"), ""},
		{"below", "page.test", referer("https://www.page.test/"), "wrong_referer"},
		{"wildcard", "*.page.test", referer("https://www.page.test/"), ""},
		{"wildcard, deeper", "*.page.test", referer("https://a.b.page.test/"), ""},
		{"wildcard, apex", "*.page.test", referer("https://page.test/"), "wrong_referer"},
		{"port", "page.test:8443", referer("https://page.test:8443/"), ""},
		{"another port", "page.test:8443", referer("https://page.test:9443/"), "wrong_referer"},
		{"no port where one is asked for", "page.test:8443", referer("https://page.test/"), "wrong_referer"},
		{"look-alike in front", "page.test", referer("https://evilpage.test/"), "wrong_referer"},
		{"look-alike behind", "page.test", referer("https://page.test.evil.test/"), "wrong_referer"},
		{"look-alike of a wildcard", "*.page.test", referer("https://evilpage.test/"), "wrong_referer"},
		{"in the path", "page.test", referer("https://evil.test/page.test/"), "wrong_referer"},
		{"in the query", "page.test", referer("https://evil.test/?https://page.test/"), "wrong_referer"},
		{"as a user name", "page.test", referer("https://page.test@evil.test/"), "wrong_referer"},
		{"with a user name", "page.test", referer("https://evil.test@page.test/"), "wrong_referer"},
		{"backslash", "page.test", referer(`https://evil.test\@page.test/`), "wrong_referer"},
		{"another scheme", "page.test", referer("ftp://page.test/"), "wrong_referer"},
		{"no scheme", "page.test", referer("page.test"), "wrong_referer"},
		{"no URL at all", "page.test", referer("://"), "wrong_referer"},
		{"absent", "page.test", nil, "wrong_referer"},
		{"Origin", "page.test", []string{"Origin: https://page.test"}, ""},
		{"Origin of another page", "page.test", []string{"Origin: https://evil.test"}, "wrong_referer"},
		{"Origin before Referer", "page.test", []string{"Origin: https://evil.test", "Referer: https://page.test/"}, "wrong_referer"},
		{"Origin before Referer, the good one", "page.test", []string{"Origin: https://page.test", "Referer: https://evil.test/"}, ""},
		{"Origin null is none", "page.test", []string{"Origin: null"}, "wrong_referer"},
		{"Origin null, Referer counts", "page.test", []string{"Origin: null", "Referer: https://page.test/"}, ""},
		{"Referer twice", "page.test", []string{"Referer: https://page.test/", "Referer: https://page.test/"}, "wrong_referer"},
		{"Origin twice", "page.test", []string{"Origin: https://page.test", "Origin: https://page.test"}, "wrong_referer"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			token := g.key.Sign(t, harness.Good("org1", "cam").With("referer", []string{tc.rule}))
			g.judged(t, g.get(t, target(token), tc.headers...), tc.reason)
		})
	}
}

// "referer_missing allow" is for players that send neither; a wrong page, and a
// malformed header, stay refused.
func TestPageMayBeMissing(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{gate: "referer_missing allow"}, nil)
	token := g.key.Token(t, "--org", "org1", "--stream", "cam", "--referer", "page.test", "--referer", "*.page.test")
	for _, tc := range []struct {
		name    string
		headers []string
		reason  string
	}{
		{"absent", nil, ""},
		{"Origin null", []string{"Origin: null"}, ""},
		{"right", []string{"Referer: https://www.page.test/"}, ""},
		{"wrong", []string{"Referer: https://evil.test/"}, "wrong_referer"},
		{"twice", []string{"Referer: https://page.test/", "Referer: https://evil.test/"}, "wrong_referer"},
		{"malformed", []string{"Referer: ://"}, "wrong_referer"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g.judged(t, g.get(t, target(token), tc.headers...), tc.reason)
		})
	}
}
