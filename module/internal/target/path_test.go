package target

import (
	"errors"
	"net/url"
	"path"
	"strings"
	"testing"
)

// starred are rules whose "*" matches every path; of bare ones it matches none.
func starred(tb testing.TB) *Rules { return &Rules{Open: []Pattern{mustPattern(tb, "/*")}} }

var bare = new(Rules)

func TestReadPathLetsThroughWhatReadsInOneWay(t *testing.T) {
	for _, p := range []string{
		"/", "/a", "/a/", "/live/org1/cam1/index.m3u8", "/live/org1/cam1/", "/a.b/..c/d../...", "/.a/.well-known/x", "/a/.../b", "/~a",
		"/!$&'()*+,=:@~-._", "/a%20b", "/a%3ab", "/%22%3c%3e%5b%5d%5e%60%7b%7c%7d", "/%41", "/%7e", "/%2ea", "/a%2e", "/%2e%2e%2e", "/a%2eb",
		"/%c3%a9", "/%C3%A9", "/%e2%82%ac", "/%f0%9f%98%80", "/a/%20/b", "/:a", "/a=b&c", "/%ef%bf%bd", "/%e2%80%ae", "/*",
	} {
		for _, rs := range []*Rules{bare, starred(t)} {
			if got, err := rs.ReadPath(p); err != nil || got != p {
				t.Errorf("%q: %q, %v", p, got, err)
			}
		}
	}
}

func TestReadPathEscapesWhatIsNotASCII(t *testing.T) {
	for p, want := range map[string]string{
		"/é": "/%C3%A9", "/\u65e5\u672c/a": "/%E6%97%A5%E6%9C%AC/a", "/\xc3%a9": "/%C3%a9", "/é%7e%c3%a9~": "/%C3%A9%7e%c3%a9~",
	} {
		for _, rs := range []*Rules{bare, starred(t)} {
			if got, err := rs.ReadPath(p); err != nil || got != want {
				t.Errorf("%q: %q, %v", p, got, err)
			}
		}
	}
}

// Only where "*" matches may a path have these.
func TestReadPathOfWhatAStarMatches(t *testing.T) {
	for p, want := range map[string]string{
		"/a[b]c|d^e": "/a%5Bb%5Dc%7Cd%5Ee", "/a[%5b%7e]": "/a%5B%5b%7e%5D",
		"/a%23b": "/a%23b", "/a%3fb": "/a%3fb", "/a%3Fb": "/a%3Fb", "/a%25": "/a%25", "/100%25": "/100%25", "/a%25b": "/a%25b", "/a%25zz": "/a%25zz", "/a%25g0": "/a%25g0", "/a%25/20": "/a%25/20",
		"/a%25%25": "/a%25%25", "/a%25u12": "/a%25u12",
		"/a;b": "/a;b", "/a;": "/a;", "/a%3bb": "/a%3bb", "/a%3B": "/a%3B", "/a;;b": "/a;;b", "/a;x=1/b;y=2": "/a;x=1/b;y=2", "/...;a": "/...;a", "/a..;b": "/a..;b", "/é;[": "/%C3%A9;%5B",
	} {
		got, err := starred(t).ReadPath(p)
		if err != nil || got != want {
			t.Errorf("%q: %q, %v, want %q", p, got, err, want)
		}
		if again, err := starred(t).ReadPath(got); err != nil || again != got {
			t.Errorf("%q read again: %q, %v", got, again, err)
		}
		if got, err := bare.ReadPath(p); !errors.Is(err, ErrBadRequest) {
			t.Errorf("%q where no * matches: %q, %v", p, got, err)
		}
	}
}

// What could be read in two ways is refused, also where "*" matches.
func TestReadPathRefusesWhatReadsInTwoWays(t *testing.T) {
	paths := []string{
		"", "a", "*", "http://x/a", " /a", "?",
		"//", "//a", "/a//b", "/a//", "///", "/live//org1/cam1/x",
		"/.", "/..", "/./a", "/../a", "/a/.", "/a/..", "/a/./b", "/a/../b", "/live/org1/cam1/../cam2/x",
		"/%2e", "/%2E", "/.%2e", "/%2e.", "/%2e%2e", "/%2E%2e/a", "/a/%2e%2E/b", "/a/%2e", "/a/.%2E/",
		"/a%2fb", "/a%2Fb", "/a/..%2fb", "/a%5cb", "/a%5Cb", "/a\\b", "/\\b", "/a/..\\b", "/%5c..%5cb", "/a%5c..;b",
		"/a%252fb", "/a%252e%252e/b", "/%2525", "/a%2500", "/a%255cb", "/a%25%32e", "/%25%36%31", "/a%25u002e", "/a%25U005cb", "/a%25%75002e",
		"/;/a", "/;", "/;a", "/%3b", "/a/%3b/b", "/a/;b", "/a/..;/b", "/a/..;x=1/b", "/.;a", "/%2e%2e;a", "/..%3ba", "/.%2E%3b", "/a;..", "/a;../b", "/a;..;..;b", "/a;.;b", "/a%3b%2e%2e",
		"/#", "/%23", "/a/%3f", "/%3f/a", "/..%23", "/..%3fa", "/a/%2e%2e%3f/b", "/.%3F", "/a%3f..", "/a%23../b",
		"/a#b", "/a?b", "/a#", "/a;#",
		"/a%00b", "/%00", "/a%0d%0ab", "/a%0A", "/a%09b", "/a%1fb", "/a%7fb", "/a\x00b", "/a\nb", "/a\r\nb", "/a\tb", "/a\x7fb", "/a b", "/%c2%80", "/%c2%9f", "/\u0085", "/a;%00",
		"/%", "/a%", "/a%2", "/a%zz", "/a%2g", "/a%%20", "/%u002e", "/a%-1", "/a% 2", "/a;%",
		"/%ff", "/\xff", "/%c3", "/\xc3", "/%c0%af", "/%c0%ae%c0%ae", "/\xc0\xaf", "/%e0%80%af", "/%ed%a0%80", "/%f4%90%80%80", "/%c3/%a9", "/%a9", "/\xe2\x82", "/a;\xff",
		"/%80", "/%2f", "/a/%2f/b",
	}
	for _, c := range "\"<>\\`{}" {
		paths = append(paths, "/a"+string(c)+"b")
	}
	for _, p := range paths {
		for _, rs := range []*Rules{bare, starred(t)} {
			if got, err := rs.ReadPath(p); !errors.Is(err, ErrBadRequest) {
				t.Errorf("%q: got %q, %v, want bad_request", p, got, err)
			}
		}
	}
}

func TestReadPathJudgesEveryByte(t *testing.T) {
	const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,=:@/"
	for rs, more := range map[*Rules]struct{ raw, escaped string }{bare: {"", ""}, starred(t): {"[]|^;", "#?;%"}} {
		for b := range 128 {
			c := string([]byte{byte(b)})
			_, err := rs.ReadPath("/a" + c + "z")
			if got, want := err == nil, strings.Contains(plain+more.raw, c); got != want {
				t.Errorf("raw %q: %v", c, got)
			}
			want := b >= 0x20 && b != 0x7f && !strings.Contains("/\\", c) && (!strings.Contains("%#?;", c) || strings.Contains(more.escaped, c))
			for _, escape := range []string{"%%%02x", "%%%02X"} {
				p := "/a" + sprintf(escape, b) + "z"
				if got, err := rs.ReadPath(p); (err == nil) != want || err == nil && got != p {
					t.Errorf("%s: %q, %v", p, got, err)
				}
			}
		}
	}
}

// naive are readers who take a path for more than it says: who decode it twice, end
// segments at a semicolon, take semicolons or backslashes for slashes, or take what
// is left for a URL.
func naive(raw string) (readings []string) {
	once, err := url.PathUnescape(raw)
	if err != nil {
		return []string{"no path: " + err.Error()}
	}
	list := []string{raw, once}
	if twice, err := url.PathUnescape(once); err == nil {
		list = append(list, twice)
	}
	for _, end := range []string{"?", "#"} {
		for _, p := range list {
			p, _, _ = strings.Cut(p, end)
			list = append(list, p)
		}
	}
	for _, p := range list {
		segments := strings.Split(p, "/")
		for i := range segments {
			segments[i], _, _ = strings.Cut(segments[i], ";")
		}
		list = append(list, strings.Join(segments, "/"), strings.ReplaceAll(p, ";", "/"), strings.ReplaceAll(p, "\\", "/"))
	}
	for _, p := range list {
		clean := path.Clean(p)
		if strings.HasSuffix(p, "/") && clean != "/" {
			clean += "/"
		}
		readings = append(readings, clean)
	}
	return readings
}

// checkRead fails when a path that was let through, raw as the origin gets it, means
// something else to net/url and path.Clean than to us.
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
	if again, err := url.PathUnescape(decoded); err == nil && again != decoded {
		t.Errorf("%q can be decoded twice: %q", raw, again)
	}
	u, err := url.ParseRequestURI(raw)
	if err != nil {
		t.Fatalf("%q is let through, and net/url says %v", raw, err)
	}
	if u.Path != decoded || u.Host != "" || u.RawQuery != "" || u.Fragment != "" || u.EscapedPath() != raw {
		t.Errorf("%q is %+v to net/url", raw, *u)
	}
	if strings.ContainsAny(decoded, "\\\x00") {
		t.Errorf("%q has a delimiter when decoded", raw)
	}
	for i := range len(raw) {
		if raw[i] <= ' ' || raw[i] >= 0x7f || strings.IndexByte("\"<>\\^`{|}[]#?", raw[i]) >= 0 {
			t.Errorf("%q goes out with %q", raw, raw[i])
		}
	}
}

// oddParts are what paths are made of in the tests of their readings.
var oddParts = []string{
	"a", "..", ".", "%2e", "%2E", "%2f", "%5c", "%25", "/", "//", "\\", ";", "%3b", "%20", "é", "%c3%a9", "%c3", "\xff", "%", "#", "%23", "?", "%3f", "%00", "x=y", "..a", "%61",
	"[", "^", "2e", "u002e", "vip", "cam9.flv", "hd",
}

func TestWhatIsLetThroughHasTheSameSegmentsForEverybody(t *testing.T) {
	rs := starred(t)
	check := func(raw string) {
		if out, err := rs.ReadPath(raw); err == nil {
			checkRead(t, out)
		}
	}
	for _, a := range oddParts {
		for _, b := range oddParts {
			for _, c := range oddParts {
				check("/x" + a + b + c)
				check("/" + a + "/" + b + c)
			}
		}
	}
}

// Whoever reads the path that the origin gets finds the stream that was decided on,
// or an open path where the path was open.
func TestEveryReaderFindsTheSameStream(t *testing.T) {
	rs := crossedRules(t)
	n := 0
	check := func(raw, query string) {
		t.Helper()
		if checkReaders(t, rs, raw, query) {
			n++
		}
	}
	for _, start := range []string{"/live/org1/cam1/", "/v/cam1/", "/v/", "/h5/", "/", "/open/", "/live/"} {
		for _, a := range oddParts {
			for _, b := range oddParts {
				check(start+a+b, "s=cam1")
				check(start+a+"/"+b, "s=cam1")
				for _, c := range oddParts {
					check(start+a+b+c, "s=cam1")
					check(start+a+"/"+b+c, "s=cam1")
				}
			}
		}
	}
	if n < 1000 {
		t.Errorf("only %d paths were let through", n)
	}
}

// crossedRules are such that paths for one can look like paths for another.
func crossedRules(tb testing.TB) *Rules {
	h5 := mustRule(tb, "/h5/*", "s", "")
	pinned := mustRule(tb, "/v/{stream}/*", "", "")
	return &Rules{
		Rules: []*Rule{
			mustRule(tb, "/live/vip/{stream}", "", ""), mustRule(tb, "/live/{stream}.flv", "", ""), mustRule(tb, "/v/{stream}/hd/{org}", "", ""), mustRule(tb, "/{stream}.flv", "", ""),
			mustRule(tb, "/live/{org}/{stream}/*", "", ""), pinned, h5, mustRule(tb, "/live/*", "s", ""),
		},
		Open:       []Pattern{mustPattern(tb, "/open/*"), mustPattern(tb, "/*.jpg"), mustPattern(tb, "/v/*/poster")},
		DefaultOrg: "org0",
	}
}

// checkReaders reports whether a request is let through.
func checkReaders(t *testing.T, rs *Rules, raw, query string) bool {
	t.Helper()
	out, err := rs.ReadPath(raw)
	if err != nil {
		return false
	}
	q, err := ParseQuery(query, nil)
	if err != nil {
		return false
	}
	decided, err := rs.Target(Request{Method: "GET", Path: out, Query: q})
	if err != nil {
		return false
	}
	checkRead(t, out)
	for _, reading := range naive(out) {
		// Readers match what they have read; nothing is escaped in it any more.
		other, err := rs.Target(Request{Method: "GET", Path: reading, Query: q})
		if decided.Open {
			if !other.Open {
				t.Errorf("%q is open, and %q to some is %s", out, reading, outcome(other, err))
			}
			continue
		}
		if err == nil && !other.Open && (other.Org != decided.Org || other.Stream != decided.Stream) {
			t.Errorf("%q is %s/%s, and %q to some is %s", out, decided.Org, decided.Stream, reading, outcome(other, err))
		}
		if err != nil && !strings.Contains(reading, "%") {
			t.Errorf("%q is %s/%s, and %q to some: %v", out, decided.Org, decided.Stream, reading, err)
		}
	}
	return true
}

// A path is not what it looks like where another rule, or none, is for what some
// readers find in it.
func TestReadPathComparesReadings(t *testing.T) {
	rs := crossedRules(t)
	for p, ok := range map[string]bool{
		"/live/org1/cam1/a;b": true, "/live/org1/cam1/a%3fb": true, "/live/org1/cam1/a%23b": true, "/live/org1/cam1/a%25b[": true, "/live/org1/cam1/%61": true,
		"/live/org1/cam1;a/x": false, "/live/org1;a/cam1/x": false, "/live;a/org1/cam1/x": false, "/li[ve/org1/cam1/x": false, "/live/org1/c|m1/x": false, "/live/org1/cam1%3b/x": false,
		"/live/org1/cam1/x;": true, "/live/org1/cam1/": true, "/live/org1/cam1/;": false,
		"/open/a;b": true, "/open/a%3fb": true, "/open/;a": false, "/open;a/b": false,
		"/cam9.flv;.jpg": false, "/cam9.flv%3b.jpg": false, "/cam9.flv%3f.jpg": false, "/cam9.flv%23.jpg": false, "/cam9.jpg": true, "/cam%20.jpg": true,
		"/v/cam1/a;b": true, "/v/cam1/hd;org9": false, "/v/cam1/h%64/org9": false, "/v/cam1%3f/poster": false,
		"/h5/a": true, "/h5/a;s=cam9": false, "/h5/a%3fs=cam9": false, "/h5/a%23": false, "/h5/a%3bb": false, "/h5/a[b]": true, "/h5/100%25": true,
		"/live/%76ip/cam9": false, "/live/v%69p/cam9": false, "/nowhere/a": true, "/nowhere/a;b": false, "/nowhere/a[b": false, "/nowhere/a%25": false,
	} {
		q := mustQuery(t, "s=cam1")
		out, err := rs.ReadPath(p)
		if (err == nil) != ok {
			t.Errorf("%q: %q, %v", p, out, err)
		}
		if err == nil && !strings.HasPrefix(p, "/nowhere/") && !strings.HasSuffix(p, "/") {
			if _, err := rs.Target(Request{Method: "GET", Path: out, Query: q}); err != nil {
				t.Errorf("%q: %v", p, err)
			}
		}
	}
}

// A star may not end inside of an escape: the path is not open to those who decode it.
func TestReadPathOfOpenPatterns(t *testing.T) {
	rs := &Rules{Open: []Pattern{mustPattern(t, "/a*0.jpg")}}
	for p, ok := range map[string]bool{"/a0.jpg": true, "/a%200.jpg": true, "/a%20.jpg": false, "/a;0.jpg": false} {
		if _, err := rs.ReadPath(p); (err == nil) != ok {
			t.Errorf("%q: %v", p, err)
		}
	}
}

// Where the rule pins a query value, nothing in the path may cut the query off.
func TestReadPathOfPinnedRules(t *testing.T) {
	r := mustRule(t, "/p/{stream}/*", "", "")
	r.Pins = []Pin{{"secure", "1"}}
	rs := &Rules{Rules: []*Rule{r}, DefaultOrg: "org0"}
	for p, ok := range map[string]bool{"/p/cam1/a": true, "/p/cam1/a%23": false, "/p/cam1/a%3fsecure=0": false, "/p/cam1/a;secure=0": false, "/p/cam1/a|b": true, "/p/cam1/%c3%a9": true} {
		if _, err := rs.ReadPath(p); (err == nil) != ok {
			t.Errorf("%q: %v", p, err)
		}
	}
}
