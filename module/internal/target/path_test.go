package target

import (
	"errors"
	"net/url"
	"path"
	"strings"
	"testing"
)

func TestCheckPathLetsThroughWhatReadsInOneWay(t *testing.T) {
	for _, p := range []string{
		"/", "/a", "/a/", "/live/org1/cam1/index.m3u8", "/live/org1/cam1/", "/a.b/..c/d../...", "/.a/.well-known/x", "/a/.../b", "/~a",
		"/!$&'()*+,=:@~-._", "/a%20b", "/a%3bb", "/a%3Bb", "/a%3ab", "/%22%3c%3e%5b%5d%5e%60%7b%7c%7d", "/%41", "/%7e", "/%2ea", "/a%2e", "/%2e%2e%2e", "/a%2eb",
		"/%c3%a9", "/%C3%A9", "/é", "/\u65e5\u672c", "/%e2%82%ac", "/%f0%9f%98%80", "/a/%20/b", "/:a", "/a=b&c", "/\xc3%a9", "/%ef%bf%bd", "/%e2%80%ae", "/*",
	} {
		if err := CheckPath(p); err != nil {
			t.Errorf("%q: %v", p, err)
		}
	}
}

func TestCheckPathRefusesWhatReadsInTwoWays(t *testing.T) {
	paths := []string{
		"", "a", "*", "http://x/a", " /a", "?",
		"//", "//a", "/a//b", "/a//", "///", "/live//org1/cam1/x",
		"/.", "/..", "/./a", "/../a", "/a/.", "/a/..", "/a/./b", "/a/../b", "/live/org1/cam1/../cam2/x",
		"/%2e", "/%2E", "/.%2e", "/%2e.", "/%2e%2e", "/%2E%2e/a", "/a/%2e%2E/b", "/a/%2e", "/a/.%2E/",
		"/a%2fb", "/a%2Fb", "/a/..%2fb", "/a%5cb", "/a%5Cb", "/a\\b", "/\\b", "/a/..\\b", "/%5c..%5cb",
		"/a%25b", "/a%252fb", "/a%252e%252e/b", "/%2525", "/a%23b", "/a%3fb", "/a%3Fb", "/a#b", "/a;b", "/a;", "/;/a", "/a/..;/b", "/a;x=1/b", "/a?b",
		"/a%00b", "/%00", "/a%0d%0ab", "/a%0A", "/a%09b", "/a%1fb", "/a%7fb", "/a\x00b", "/a\nb", "/a\r\nb", "/a\tb", "/a\x7fb", "/a b", "/%c2%80", "/%c2%9f", "/\u0085",
		"/%", "/a%", "/a%2", "/a%zz", "/a%2g", "/a%%20", "/%u002e", "/a%-1", "/a% 2",
		"/%ff", "/\xff", "/%c3", "/\xc3", "/%c0%af", "/%c0%ae%c0%ae", "/\xc0\xaf", "/%e0%80%af", "/%ed%a0%80", "/%f4%90%80%80", "/%c3/%a9", "/%a9", "/\xe2\x82",
		"/%80", "/%2f", "/a/%2f/b",
	}
	for _, c := range "\"<>[]^`{|}" {
		paths = append(paths, "/a"+string(c)+"b")
	}
	for _, p := range paths {
		if err := CheckPath(p); !errors.Is(err, ErrBadRequest) {
			t.Errorf("%q: got %v, want bad_request", p, err)
		}
	}
}

func TestCheckPathJudgesEveryByte(t *testing.T) {
	const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,=:@/"
	for b := range 128 {
		c := string([]byte{byte(b)})
		if got, want := CheckPath("/a"+c+"b") == nil, strings.Contains(plain, c); got != want {
			t.Errorf("raw %q: %v", c, got)
		}
		want := b >= 0x20 && b != 0x7f && !strings.Contains("/\\%#?", c)
		for _, escape := range []string{"%%%02x", "%%%02X"} {
			p := "/a" + sprintf(escape, b) + "b"
			if got := CheckPath(p) == nil; got != want {
				t.Errorf("%s: %v", p, got)
			}
		}
	}
}

// checkRead fails when a path that was let through means something else to
// net/url and path.Clean than to us.
func checkRead(t *testing.T, raw string) {
	t.Helper()
	decoded, err := url.PathUnescape(raw)
	if err != nil {
		t.Fatalf("%q is let through, and net/url says %v", raw, err)
	}
	if decoded != decode(raw) {
		t.Errorf("%q is %q to net/url, %q here", raw, decoded, decode(raw))
	}
	clean := path.Clean(decoded)
	if strings.HasSuffix(decoded, "/") && clean != "/" {
		clean += "/"
	}
	if clean != decoded {
		t.Errorf("%q is cleaned to %q", raw, clean)
	}
	if strings.Count(raw, "/") != strings.Count(decoded, "/") {
		t.Errorf("%q has other segments when decoded: %q", raw, decoded)
	}
	if again, err := url.PathUnescape(decoded); err != nil || again != decoded {
		t.Errorf("%q can be decoded twice: %q", raw, again)
	}
	u, err := url.ParseRequestURI(raw)
	if err != nil {
		t.Fatalf("%q is let through, and net/url says %v", raw, err)
	}
	if u.Path != decoded || u.Host != "" || u.RawQuery != "" || u.Fragment != "" {
		t.Errorf("%q is %+v to net/url", raw, *u)
	}
	if strings.ContainsAny(decoded, "\\#?%\x00") {
		t.Errorf("%q has a delimiter when decoded", raw)
	}
}

func TestWhatIsLetThroughHasTheSameSegmentsForEverybody(t *testing.T) {
	parts := []string{"a", "..", ".", "%2e", "%2E", "%2f", "%5c", "%25", "/", "//", "\\", ";", "%3b", "%20", "é", "%c3%a9", "%c3", "\xff", "%", "#", "%23", "?", "%3f", "%00", "x=y", "..a", "%61"}
	for _, a := range parts {
		for _, b := range parts {
			for _, c := range parts {
				if raw := "/x" + a + b + c; CheckPath(raw) == nil {
					checkRead(t, raw)
				}
				if raw := "/" + a + "/" + b + c; CheckPath(raw) == nil {
					checkRead(t, raw)
				}
			}
		}
	}
}
