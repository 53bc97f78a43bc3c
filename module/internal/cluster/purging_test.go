package cluster

import (
	"strings"
	"testing"
)

func TestAtURL(t *testing.T) {
	const (
		jwt   = "eyJhbGciOiJIUzI1NiJ9.eyJvcmciOiJhIn0.c2lnbmF0dXJl"
		index = "https://live.example.com/live/acme/cam1/index.m3u8"
	)
	cached := Cached{Host: "live.example.com", URI: "/live/acme/cam1/index.m3u8?a=1&b", Org: "acme", Stream: "cam1"}
	odd := Cached{Host: "live.example.com:1234", URI: "/live/acme/cam1/a%5B1%5D.ts", Org: "acme"}
	for text, want := range map[string]bool{
		"https://live.example.com/live/acme/cam1/a[1].ts": true, "https://live.example.com:1234/live/acme/cam1/a%5B1].ts": true,
		"https://live.example.com:1235/live/acme/cam1/a[1].ts": false, "https://live.example.com/live/acme/cam1/a[2].ts": false,
	} {
		p, err := AtURL(text)
		if err != nil {
			t.Fatal(text, err)
		}
		if p.All = true; p.Matches(&odd) != want {
			t.Errorf("%s: want %v", text, want)
		}
	}
	for text, want := range map[string]bool{
		index: true,
		"http://LIVE.example.com:80/live/acme/cam1/index.m3u8":    true,
		"https://live.example.com:443/live/acme/cam1/index.m3u8":  true,
		"https://live.example.com:8443/live/acme/cam1/index.m3u8": false,
		index + "?token=" + jwt:                                   true,
		index + "?a=1&CMCD=sid%3Dx&b&utm_source=x":                true,
		"https://live.example.com/live/acme/%63am1/index.m3u8":    true,
		index + "?a=1&b":                     true,
		index + "?a=1&jwtoken=" + jwt + "&b": true,
		"https://live.example.com/live/~" + jwt + "/acme/cam1/index.m3u8": true,
		index + "?a=1":     false,
		index + "?token=x": false,
		"https://live.example.com/live/acme/cam1/":           false,
		"https://live.example.com/live/acme/cam1/INDEX.m3u8": false,
		"https://example.com/live/acme/cam1/index.m3u8":      false,
	} {
		p, err := AtURL(text)
		if err != nil {
			t.Fatal(text, err)
		}
		if strings.Contains(p.Path+p.Query, jwt) {
			t.Errorf("%s: the token is in %+v", text, p)
		}
		for _, owners := range []struct {
			all   bool
			list  []string
			owned bool
		}{{true, nil, true}, {false, []string{"beta", "acme"}, true}, {false, []string{"beta"}, false}, {false, nil, false}} {
			p.All, p.Owners = owners.all, owners.list
			if p.Matches(&cached) != (want && owners.owned) {
				t.Errorf("%s for %+v: want %v", text, owners, want)
			}
		}
	}
	for _, text := range []string{"", "/live/acme/cam1/index.m3u8", "live.example.com/x", "ftp://live.example.com/x", "https://a@live.example.com/x", "https://%zz/"} {
		if _, err := AtURL(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}
