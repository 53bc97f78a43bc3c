package access

import (
	"net/url"
	"strings"
	"testing"
)

func TestReadPage(t *testing.T) {
	none, odd := Page{State: PageAbsent}, Page{}
	known := func(host, port string) Page { return Page{PageKnown, host, port} }
	one := func(s string) []string { return []string{s} }
	tests := []struct {
		name            string
		origin, referer []string
		want            Page
	}{
		{"neither", nil, nil, none},
		{"origin", one("https://www.example.com"), nil, known("www.example.com", "443")},
		{"origin, http", one("http://www.example.com"), nil, known("www.example.com", "80")},
		{"origin with port", one("https://www.example.com:8443"), nil, known("www.example.com", "8443")},
		{"origin with the default port", one("https://www.example.com:443"), nil, known("www.example.com", "443")},
		{"origin in capitals", one("HTTPS://WWW.Example.COM"), nil, known("www.example.com", "443")},
		{"origin with a trailing dot", one("https://www.example.com."), nil, known("www.example.com", "443")},
		{"origin, IPv6", one("http://[2001:db8::1]:3000"), nil, known("2001:db8::1", "3000")},
		{"origin, IPv4", one("http://203.0.113.7"), nil, known("203.0.113.7", "80")},
		{"referer", nil, one("https://www.example.com/page?x=1#y"), known("www.example.com", "443")},
		{"referer, origin only", nil, one("https://www.example.com/"), known("www.example.com", "443")},
		{"referer without a path", nil, one("https://www.example.com"), known("www.example.com", "443")},
		{"referer, query behind the host", nil, one("https://www.example.com?x=/y"), known("www.example.com", "443")},
		{"referer, fragment behind the host", nil, one("https://www.example.com#x"), known("www.example.com", "443")},
		{"referer with port", nil, one("http://www.example.com:8080/x"), known("www.example.com", "8080")},
		{"referer with an @ in its path", nil, one("https://www.example.com/@user"), known("www.example.com", "443")},
		{"referer with a URL in its path", nil, one("https://www.example.com/https://evil.example/"), known("www.example.com", "443")},
		{"referer in another alphabet's ASCII form", nil, one("https://xn--bcher-kva.example/"), known("xn--bcher-kva.example", "443")},

		{"origin before referer", one("https://a.example"), one("https://b.example/"), known("a.example", "443")},
		{"origin before a doubled referer", one("https://a.example"), []string{"x", "y"}, known("a.example", "443")},
		{"origin null, no referer", one("null"), nil, none},
		{"origin null, referer", one("null"), one("https://b.example/"), known("b.example", "443")},
		{"origin null, doubled referer", one("null"), []string{"https://b.example/", "https://b.example/"}, odd},

		{"odd origin does not fall back", one("x"), one("https://b.example/"), odd},
		{"empty origin", one(""), nil, odd},
		{"origin Null", one("Null"), nil, odd},
		{"origin doubled", []string{"https://a.example", "https://a.example"}, nil, odd},
		{"origin null, doubled", []string{"null", "null"}, nil, odd},
		{"origin, list", one("https://a.example https://b.example"), nil, odd},
		{"origin, list with comma", one("https://a.example,https://b.example"), nil, odd},
		{"origin with a slash", one("https://a.example/"), nil, odd},
		{"origin with a path", one("https://a.example/x"), nil, odd},
		{"origin with a query", one("https://a.example?x"), nil, odd},
		{"origin with user information", one("https://a.example@evil.example"), nil, odd},
		{"origin without scheme", one("a.example"), nil, odd},
		{"origin of a file", one("file://"), nil, odd},
		{"origin of an extension", one("chrome-extension://abcdef"), nil, odd},
		{"origin with another scheme", one("ws://a.example"), nil, odd},
		{"origin with a blank scheme", one(" https://a.example"), nil, odd},
		{"origin without host", one("https://"), nil, odd},

		{"empty referer", nil, one(""), odd},
		{"blank referer", nil, one(" "), odd},
		{"doubled referer", nil, []string{"https://a.example/", "https://a.example/"}, odd},
		{"referer without scheme", nil, one("www.example.com/"), odd},
		{"network-path referer", nil, one("//www.example.com/"), odd},
		{"relative referer", nil, one("/page"), odd},
		{"about:blank", nil, one("about:blank"), odd},
		{"data", nil, one("data:text/html,https://www.example.com/"), odd},
		{"javascript", nil, one("javascript://www.example.com/%0aalert(1)"), odd},
		{"app", nil, one("android-app://com.example/"), odd},
		{"user information", nil, one("https://www.example.com@evil.example/"), odd},
		{"user and password", nil, one("https://www.example.com:443@evil.example/"), odd},
		{"own user information", nil, one("https://user@www.example.com/"), odd},
		{"backslash before the at sign", nil, one(`https://evil.example\@www.example.com/`), odd},
		{"backslash for the slashes", nil, one(`https:\\www.example.com/`), odd},
		{"backslash behind the host", nil, one(`https://www.example.com\evil`), odd},
		{"backslash in the path", nil, one(`https://www.example.com/a\b`), odd},
		{"tab in the host", nil, one("https://www.exa\tmple.com/"), odd},
		{"blank before it", nil, one(" https://www.example.com/"), odd},
		{"blank behind it", nil, one("https://www.example.com/ "), odd},
		{"NUL in the host", nil, one("https://www.example.com\x00.evil.example/"), odd},
		{"delete in the path", nil, one("https://www.example.com/\x7f"), odd},
		{"line feed", nil, one("https://www.example.com/\nx"), odd},
		{"escape in the host", nil, one("https://www.example%2ecom/"), odd},
		{"IDN in Unicode", nil, one("https://bücher.example/"), odd},
		{"Kelvin sign", nil, one("https://\u212aing.example/"), odd},
		{"full-width dot", nil, one("https://www.example．com/"), odd},
		{"one slash", nil, one("https:/www.example.com/"), odd},
		{"three slashes", nil, one("https:///www.example.com/"), odd},
		{"port 0", nil, one("https://www.example.com:0/"), odd},
		{"port too large", nil, one("https://www.example.com:65536/"), odd},
		{"port empty", nil, one("https://www.example.com:/"), odd},
		{"port with a zero before it", nil, one("https://www.example.com:0443/"), odd},
		{"port of letters", nil, one("https://www.example.com:https/"), odd},
		{"brackets around a name", nil, one("https://[www.example.com]/"), odd},
		{"brackets open", nil, one("https://[::1/"), odd},
		{"brackets and a name", nil, one("https://[::1]www.example.com/"), odd},
		{"dot in brackets", nil, one("https://[2001:db8::1.]/"), odd},
		{"dot behind brackets", nil, one("https://[2001:db8::1]./"), odd},
		{"zone", nil, one("https://[fe80::1%25eth0]/"), odd},
		{"IPv6 without brackets", nil, one("https://2001:db8::1/"), odd},
		{"empty label", nil, one("https://www..example.com/"), odd},
		{"two dots at the end", nil, one("https://www.example.com../"), odd},
		{"wildcard", nil, one("https://*.example.com/"), odd},
	}
	for _, tt := range tests {
		if got := ReadPage(tt.origin, tt.referer); got != tt.want {
			t.Errorf("%s: got %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

func TestHostsThatLookAlikeDoNotMatch(t *testing.T) {
	a := good(t)
	for page, want := range map[string]bool{
		"https://www.example.com/": true, "https://a.b.example.com:8443/": true, "https://WWW.EXAMPLE.COM./": true,
		"https://example.com/": false, "https://evilexample.com/": false, "https://www.evilexample.com/": false, "https://www.example.com.evil/": false, "https://evil.example/www.example.com": false,
		"https://evil.example/?www.example.com": false, "https://evil.example/#.example.com": false, "https://www-example.com/": false, "https://www.example.com@evil.example/": false, "https://example.com.www.evil/": false,
	} {
		a.facts.Page = ReadPage(nil, []string{page})
		if v := a.judge(); v.Allowed != want {
			t.Errorf("%s: got %+v", page, v)
		}
	}
}

// FuzzPage compares with net/url: who is a known page here has the same host
// there, and no other.
func FuzzPage(f *testing.F) {
	f.Fuzz(func(t *testing.T, header string, isOrigin bool) {
		origin, referer := []string(nil), []string{header}
		if isOrigin {
			origin, referer = referer, nil
		}
		page := ReadPage(origin, referer)
		if page.State != PageKnown {
			if page.Host != "" || page.Port != "" {
				t.Errorf("%q: %+v", header, page)
			}
			return
		}
		// A path that net/url does not like does not matter; the host does.
		scheme, rest, _ := strings.Cut(header, "://")
		end := strings.IndexAny(rest, "/?#")
		if end < 0 {
			end = len(rest)
		}
		if isOrigin && end != len(rest) {
			t.Errorf("origin %q: %+v", header, page)
		}
		u, err := url.Parse(scheme + "://" + rest[:end])
		if err != nil {
			t.Fatalf("%q is %+v, and net/url says %v", header, page, err)
		}
		if whole, err := url.Parse(header); err == nil && (whole.Host != u.Host || whole.User != nil) {
			t.Errorf("%q has host %q to net/url, and %q in front of it", header, whole.Host, u.Host)
		}
		host, port := strings.TrimSuffix(asciiLower(u.Hostname()), "."), u.Port()
		if port == "" {
			port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
		}
		if page.Host != host || page.Port != port || u.User != nil {
			t.Errorf("%q is %+v, and %q port %q to net/url", header, page, host, port)
		}
	})
}

func asciiLower(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}
