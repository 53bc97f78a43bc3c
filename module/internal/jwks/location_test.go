package jwks

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestParseLocation(t *testing.T) {
	for text, want := range map[string]string{
		"https://keys.example/jwks.json":              "https://keys.example/jwks.json",
		"HTTPS://keys.example":                        "https://keys.example",
		"https://user:sesame@keys.example/a?b=sesame": "https://keys.example/a",
		"https://keys.example:8443/a/?sesame":         "https://keys.example:8443/a/",
		"http://localhost/jwks":                       "http://localhost/jwks",
		"http://LOCALHOST:81/jwks":                    "http://LOCALHOST:81/jwks",
		"http://127.0.0.1:8080/jwks":                  "http://127.0.0.1:8080/jwks",
		"http://127.9.9.9/jwks":                       "http://127.9.9.9/jwks",
		"http://[::1]:8080/jwks":                      "http://[::1]:8080/jwks",
		"/etc/playgate/jwks.json":                     "/etc/playgate/jwks.json",
		"/etc/playgate/../jwks.json":                  "/etc/jwks.json",
	} {
		l, err := ParseLocation(text)
		if err != nil || l.String() != want || l.File() != strings.HasPrefix(text, "/") {
			t.Errorf("%s: %v, %v", text, l, err)
		}
	}
	l, err := ParseLocation("keys/jwks.json")
	if err != nil || !l.File() || !filepath.IsAbs(l.String()) {
		t.Errorf("a path from here: %v, %v", l, err)
	}
}

func TestLocationsThatAreRefused(t *testing.T) {
	for text, says := range map[string]string{
		"":                                    "https URL or the path",
		"http://keys.example/jwks":            "write https",
		"http://sesame@keys.example/?sesame":  "write https",
		"http://localhost.keys.example/jwks":  "write https",
		"http://127.0.0.1.keys.example/jwks":  "write https",
		"http://127.0.0.1@keys.example/jwks":  "write https",
		"http://10.0.0.1/jwks":                "write https",
		"http://[::2]/jwks":                   "write https",
		"http://0.0.0.0/jwks":                 "write https",
		"http://2130706433/jwks":              "write https",
		"ftp://keys.example/jwks":             "https URL or from a file",
		"file:///etc/jwks":                    "https://host/path",
		"https:///jwks":                       "https://host/path",
		"https:/keys.example/jwks":            "https://host/path",
		"https:keys.example":                  "https://host/path",
		"http:keys.example":                   "https://host/path",
		"https://user:sesame@[::1/jwks":       "https://host/path",
		"https://user:sesame@keys.example/%z": "https://host/path",
		"https://keys.example/jwks#a":         "fragment",
		"https://keys.example/jwks#":          "fragment",
	} {
		l, err := ParseLocation(text)
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: %v, %v", text, l, err)
		}
	}
}

// Different locations never share a set, and what is secret in a URL is not in
// the id under which its set is kept.
func TestLocationIDs(t *testing.T) {
	seen := map[string]string{}
	for _, text := range []string{
		"https://keys.example/a", "https://keys.example/b", "https://keys.example/a?b", "https://user@keys.example/a", "https://user:sesame@keys.example/a",
		"https://keys.example:444/a", "http://localhost/a", "/a", "/b",
	} {
		l, err := ParseLocation(text)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseLocation(text)
		if err != nil || again.ID() != l.ID() {
			t.Errorf("%s: two ids", text)
		}
		if other := seen[l.ID()]; other != "" || strings.Contains(l.ID(), "sesame") {
			t.Errorf("%s has the id %s, as %q", text, l.ID(), other)
		}
		seen[l.ID()] = text
	}
}
