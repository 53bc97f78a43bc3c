package token

import (
	"strings"
	"testing"
)

func TestHostPatternsMatchWhatTheyName(t *testing.T) {
	tests := []struct {
		pattern, origin string // host[:port] as a browser sends it; port 443 otherwise
		want            bool
	}{
		{"example.com", "example.com", true},
		{"example.com", "EXAMPLE.com", true},
		{"Example.COM", "example.com", true},
		{"example.com", "example.com:8443", true},
		{"example.com", "example.com.", true},
		{"example.com:8443", "example.com:8443", true},
		{"example.com:443", "example.com", true},
		{"*.example.com", "www.example.com", true},
		{"*.example.com", "a.b.c.example.com", true},
		{"*.example.com:8443", "www.example.com:8443", true},
		{"203.0.113.7", "203.0.113.7", true},
		{"[2001:db8::1]", "[2001:db8::1]", true},
		{"[2001:db8::1]:8443", "[2001:db8::1]:8443", true},
		{"localhost", "localhost:3000", true},
		{"xn--bcher-kva.example", "xn--bcher-kva.example", true},

		{"example.com", "evilexample.com", false},
		{"example.com", "example.com.evil", false},
		{"example.com", "example.comevil", false},
		{"example.com", "www.example.com", false},
		{"example.com", "example.co", false},
		{"example.com", "example-com.evil", false},
		{"example.com", "exampleXcom", false},
		{"example.com", "xn--example-com.evil", false},
		{"example.com:8443", "example.com", false},
		{"example.com:8443", "example.com:443", false},
		{"example.com:443", "example.com:4430", false},
		{"*.example.com", "example.com", false},
		{"*.example.com", "evilexample.com", false},
		{"*.example.com", "example.com.evil", false},
		{"*.example.com", "www.example.com.evil", false},
		{"*.example.com", "www.evilexample.com", false},
		{"*.example.com:8443", "www.example.com", false},
		{"203.0.113.7", "203.0.113.70", false},
		{"[2001:db8::1]", "[2001:db8::11]", false},
	}
	for _, tt := range tests {
		p, err := ParseHostPattern(tt.pattern)
		if err != nil {
			t.Errorf("%s: %v", tt.pattern, err)
			continue
		}
		host, port, ok := ParseHost(tt.origin)
		if !ok {
			t.Errorf("%s is no host", tt.origin)
			continue
		}
		if port == "" {
			port = "443"
		}
		if got := p.Match(host, port); got != tt.want {
			t.Errorf("%s matches %s: %v", tt.pattern, tt.origin, got)
		}
		if again, err := ParseHostPattern(p.String()); err != nil || again != p {
			t.Errorf("%s is written as %s: %v", tt.pattern, p, err)
		}
	}
	for _, pattern := range []string{"example.com", "*.example.com"} {
		p, err := ParseHostPattern(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, host := range []string{"", ".", ".example.com", "*.example.com"} {
			if p.Match(host, "443") && host != "*.example.com" {
				t.Errorf("%s matches %q", pattern, host)
			}
		}
	}
	var zero HostPattern
	for _, host := range []string{"", "example.com"} {
		if zero.Match(host, "443") || zero.Match(host, "") {
			t.Errorf("the zero pattern matches %q", host)
		}
	}
}

func TestOddHostPatternsAreErrors(t *testing.T) {
	for _, s := range []string{
		"", " ", ".", "*", "*.", ".*", "**", "*.*", "*.*.example.com", "www.*.com", "*example.com", "*-x.example.com", "example.*", "ex*mple.com", "*.com*",
		"https://example.com", "http://*.example.com", "://example.com", "//example.com", "example.com/", "example.com/page", "/", "example.com?x", "example.com#x",
		"user@example.com", "user:pass@example.com", "@example.com", "example.com@evil.example", "example.com\\", "\\example.com",
		"example.com:", "example.com:0", "example.com:0443", "example.com:65536", "example.com:99999", "example.com:-1", "example.com:443x", "example.com:https", "example.com:*", "example.com:443:443", ":443",
		"example..com", ".example.com", "example.com.", "*.example.com.", "-example.com", "example-.com", "exa mple.com", " example.com", "example.com ", "example.com\n", "exam\tple.com", "example.com\x00",
		"bücher.example", "exämple.com", "example。com", "ｅxample.com", "\u212aing.com", "e\u0301xample.com", "example.com\u200b",
		"example.com,example.org", "^example\\.com$", "(example.com)", "example%2ecom", "%65xample.com",
		"[example.com]", "[2001:db8::1", "2001:db8::1]", "2001:db8::1", "[2001:db8::1]x", "[2001:db8::1]:", "[2001:db8::1]:0", "[]", "[::1%eth0]", "[fe80::1%25eth0]", "[[::1]]", "[203.0.113.7]",
		"*.203.0.113.7", "*.[2001:db8::1]", "203.0.113.256", "203.0.113", "1", "127.1", "example.1",
		strings.Repeat("a", 64) + ".com", strings.Repeat("a.", 127) + "com",
	} {
		if p, err := ParseHostPattern(s); err == nil {
			t.Errorf("%q is the pattern %s", s, p)
		}
	}
}

func TestParseHostReadsWhatBrowsersSend(t *testing.T) {
	for s, want := range map[string][2]string{
		"example.com": {"example.com", ""}, "Example.COM:8443": {"example.com", "8443"}, "example.com.": {"example.com", ""}, "example.com.:1": {"example.com", "1"},
		"localhost": {"localhost", ""}, "a_b.example": {"a_b.example", ""}, "203.0.113.7:65535": {"203.0.113.7", "65535"}, "[::1]": {"::1", ""}, "[2001:DB8::1]:443": {"2001:db8::1", "443"},
		"xn--bcher-kva.example": {"xn--bcher-kva.example", ""}, "a--b.example": {"a--b.example", ""}, strings.Repeat("a", 63) + ".com": {strings.Repeat("a", 63) + ".com", ""},
	} {
		host, port, ok := ParseHost(s)
		if !ok || host != want[0] || port != want[1] {
			t.Errorf("%q: %q, %q, %v", s, host, port, ok)
		}
	}
}

func TestParseHostRefusesWhatNoBrowserSends(t *testing.T) {
	for _, s := range []string{
		"", ".", "..", "example.com..", ".example.com", "a..b", "user@example.com", "user:pass@example.com", "example.com@evil.example", "example.com/", "example.com?", "example.com#",
		"example.com\\evil", "example.com evil", "example.com\t", "\x00example.com", "example.com\n", "bücher.example", "\u212aing.com", "example。com", "%65xample.com", "example.com%00",
		"example.com:", "example.com:0", "example.com:080", "example.com:65536", "example.com:x", "example.com: 80", "example.com:80:80", ":80", "*.example.com", "*",
		"[::1", "::1]", "::1", "[]", "[example.com]", "[::1]x", "[::1.]", "[::1].", "[::1]:", "[::1%eth0]", "[::1%25eth0]", "[203.0.113.7]", "a[::1]", "[::1][::1]", "1", "127.1", "256.1.1.1", "-a.example", "a-.example",
	} {
		if host, port, ok := ParseHost(s); ok {
			t.Errorf("%q is host %q, port %q", s, host, port)
		}
	}
}
