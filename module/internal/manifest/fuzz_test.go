package manifest

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// FuzzHLS checks what must hold for every playlist: a second run changes
// nothing, another token replaces the first, taking the added pairs out gives
// back the input, the output is bounded, and each URI with the token leads to
// this site as net/url reads it.
func FuzzHLS(f *testing.F) {
	for line := range strings.SplitAfterSeq(tags, "\n") {
		in, _ := mark("#EXTM3U\n" + line)
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if strings.Contains(in, testToken) {
			return
		}
		out := testRewriter().HLS(nil, []byte(in))
		got := string(out)
		uris := strings.Count(got, testToken)
		if len(got) > len(in)+uris*(len(testToken)+len("token")+2) {
			t.Errorf("%d bytes with %d tokens became %d", len(in), uris, len(got))
		}
		if again := mustHLS(t, testRewriter(), got); again != got {
			t.Errorf("second run:\n got %q\nwant %q", again, got)
		}
		other := testRewriter()
		other.Token = "another.token.9"
		if first, second := mustHLS(t, other, in), mustHLS(t, other, got); first != second {
			t.Errorf("other token after the first:\n got %q\nwant %q", second, first)
		}
		if !hasTokenPair(in) && !strings.Contains(in, "~") && withoutAdded(got, in) != in {
			t.Errorf("more than the token changed:\n got %q\nfrom %q", got, in)
		}
		checkTemplate(t, writeHLS, in)
		checkTokenURIs(t, got)

		rw := pathRewriter()
		inPath := mustHLS(t, rw, in)
		if again := mustHLS(t, rw, inPath); again != inPath {
			t.Errorf("second run in path form:\n got %q\nwant %q", again, inPath)
		}
		if !hasTokenPair(in) && !strings.Contains(in, "~") && strings.ReplaceAll(inPath, "/~"+testToken, "") != in {
			t.Errorf("more than the segment changed:\n got %q\nfrom %q", inPath, in)
		}
	})
}

// FuzzURI checks the same for one reference.
func FuzzURI(f *testing.F) {
	f.Fuzz(func(t *testing.T, ref string) {
		if strings.Contains(ref, testToken) {
			return
		}
		got := testRewriter().Reference(ref)
		checkURI(t, testRewriter, ref, got)
		if got != ref {
			checkOwn(t, got)
			if strings.Count(got, testToken) != 1 {
				t.Errorf("URI(%q) = %q", ref, got)
			}
			if !hasTokenPair(ref) && !strings.Contains(ref, "~") && withoutAdded(got, ref) != ref {
				t.Errorf("more than the token changed: URI(%q) = %q", ref, got)
			}
		}
		inPath := pathRewriter().Reference(ref)
		checkURI(t, pathRewriter, ref, inPath)
		switch {
		case strings.Contains(inPath, testToken):
			checkOwn(t, strings.Replace(inPath, "/~"+testToken, "", 1))
		case inPath != ref: // a token segment that stood there has gone
			checkHere(t, inPath)
		}
	})
}

// hasTokenPair tells whether s may hold a pair that is replaced or removed.
func hasTokenPair(s string) bool {
	return strings.Contains(unescape(s), "token=")
}

// withoutAdded takes the added pairs out of got, which was made of in.
func withoutAdded(got, in string) string {
	const pair = "token=" + testToken
	var out strings.Builder
	for got != "" {
		if rest, ok := strings.CutPrefix(got, pair); ok {
			got = rest
			continue
		}
		next := out.Len()
		added := strings.HasPrefix(got[1:], pair) && (got[0] == '?' || got[0] == '&') && (next >= len(in) || in[next] != got[0])
		if !added {
			out.WriteByte(got[0])
		}
		got = got[1:]
	}
	return out.String()
}

var definition = regexp.MustCompile(`(?m)^#EXT-X-DEFINE:.*?NAME="([^"]*)".*?VALUE="([^"]*)"`)

// checkTokenURIs looks for the token in a playlist without the help of the
// rewriter and checks the URI around each.
func checkTokenURIs(t *testing.T, playlist string) {
	t.Helper()
	values := make(map[string]string)
	for line := range strings.SplitSeq(strings.ReplaceAll(playlist, "\r", "\n"), "\n") {
		if m := definition.FindStringSubmatch(line); m != nil {
			values["{$"+m[1]+"}"] = m[2]
		}
		isTag := strings.HasPrefix(line, "#")
		for from := 0; ; {
			n := strings.Index(line[from:], testToken)
			if n < 0 {
				break
			}
			at := from + n
			from = at + len(testToken)
			uri := strings.TrimRight(line, " \t\r")
			if isTag {
				start, end := strings.LastIndexByte(line[:at], '"'), strings.IndexByte(line[at:], '"')
				if start < 0 || end < 0 {
					t.Errorf("token outside of quotes: %q", line)
					continue
				}
				uri = line[start+1 : at+end]
			}
			for reference, value := range values {
				uri = strings.ReplaceAll(uri, reference, value)
			}
			checkOwn(t, uri)
		}
	}
}

// checkOwn checks that net/url takes a reference for one of this site.
func checkOwn(t *testing.T, ref string) {
	t.Helper()
	u := checkHere(t, ref)
	if u == nil {
		return
	}
	if p := u.EscapedPath(); !strings.HasPrefix(p, "/live/org1/cam1/") && !strings.HasPrefix(p, "/q/") {
		t.Errorf("%q leads to the path %s", ref, p)
	}
}

// checkHere resolves a reference, which must stay on this site; nil for one that
// net/url does not read.
func checkHere(t *testing.T, ref string) *url.URL {
	t.Helper()
	base, err := url.Parse("https://live.example.com/live/org1/cam1/index.m3u8")
	if err != nil {
		t.Fatal(err)
	}
	u, err := base.Parse(asBrowsersWrite(ref))
	if err != nil {
		if !stricter(err) {
			t.Errorf("net/url does not read %q: %v", ref, err)
		}
		return nil
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	switch origin := u.Scheme + " " + strings.ToLower(u.Hostname()) + " " + port; origin {
	case "https live.example.com 443", "https cdn.example.com 8443", "http ::1 80":
	default:
		t.Errorf("%q leads to %s", ref, origin)
	}
	if u.User != nil {
		t.Errorf("%q has user information", ref)
	}
	return u
}

// asBrowsersWrite makes slashes of backslashes and escapes what browsers do: with any of it
// in a path, net/url takes %2F for a slash.
func asBrowsersWrite(ref string) string {
	var b strings.Builder
	for i := range len(ref) {
		switch c := ref[i]; {
		case c == '\\':
			b.WriteByte('/')
		case c >= 0x80 || strings.IndexByte(" \"<>^`{|}", c) >= 0:
			fmt.Fprintf(&b, "%%%02X", c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// stricter tells whether net/url refuses what players read: escapes that are none, controls,
// and a colon in the first segment.
func stricter(err error) bool {
	text := err.Error()
	return strings.Contains(text, "invalid URL escape") || strings.Contains(text, "control character") || strings.Contains(text, "cannot contain colon") || strings.Contains(text, "missing protocol scheme")
}
