package manifest

import (
	"strings"
	"testing"
)

// What makes players themselves carry the token elsewhere, apart from how references carry
// it. check says how the manifest was asked for: with a token in the query (q), in the path
// (p), and whether its references carry it in their query (Q).
func TestLeaks(t *testing.T) {
	const clone = `{"VERSION":1,"PATHWAY-CLONES":[{"URI-REPLACEMENT":{"HOST":"evil.test"}}]}`
	for _, tt := range []struct {
		check string
		f     Format
		text  string
		leak  bool
	}{
		{"q", HLS, "#EXTM3U\n#EXT-X-DEFINE:QUERYPARAM=\"token\"\n", true},
		{"p", HLS, "#EXTM3U\n#EXT-X-DEFINE:QUERYPARAM=\"token\"\n", false},
		{"qQ", HLS, "#EXTM3U\n#EXT-X-DEFINE:QUERYPARAM=\"other\"\n", false},
		{"", HLS, "#EXTM3U\n#EXT-X-CONTENT-STEERING:SERVER-URI=\"https://evil.test/s\"\n", true},
		{"p", HLS, "#EXTM3U\n#EXT-X-CONTENT-STEERING:PATHWAY-ID=\"a,b\", SERVER-URI = \"//evil.test/s\"\n", true},
		{"p", HLS, "#EXTM3U\n#EXT-X-CONTENT-STEERING:SERVER-URI=\"\\\\\\\\evil.test/s\"\n", true},
		{"p", HLS, "#EXTM3U\n#EXT-X-CONTENT-STEERING:SERVER-URI=\"data:application/json,{}\"\n", true},
		{"p", HLS, "#EXTM3U\n#EXT-X-CONTENT-STEERING:SERVER-URI=\"{$x}/s\"\n", true},
		{"p", HLS, "#EXTM3U\r#EXT-X-CONTENT-STEERING:SERVER-URI=\"/s\",SERVER-URI=\"https://evil.test\"\r", true},
		{"p", HLS, "#EXTM3U\n#EXT-X-CONTENT-STEERING:SERVER-URI=\"/s\"\n#EXT-X-MEDIA:URI=\"https://evil.test/x\"\n", false},
		{"p", HLS, "#EXTM3U\n#EXT-X-CONTENT-STEERING:SERVER-URI=\"https://live.example.com/s\"\n", false},
		{"q", DASH, `<MPD><UrlQueryInfo useMPDUrlQuery="true" queryTemplate="$querypart$"/></MPD>`, true},
		{"p", DASH, `<MPD><UrlQueryInfo useMPDUrlQuery="true" queryTemplate="$querypart$"/></MPD>`, false},
		{"p", DASH, `<Period><UrlQueryInfo useMPDUrlQuery="true" queryTemplate="$querypart$"/></Period>`, true},
		{"p", DASH, `<Patch><UrlQueryInfo useMPDUrlQuery="true"/></Patch>`, true},
		{"p", DASH, `<MPD><ContentSteering>` + strings.Repeat("&#32;", 2000) + `&#104;ttps://evil.test/s</ContentSteering></MPD>`, true},
		{"p", DASH, `<MPD><ContentSteering>&#104;ttps://evil.test/` + strings.Repeat("&#120;", 20_000) + `</ContentSteering></MPD>`, true},
		{"p", DASH, `<MPD><ContentSteering>https://evil.test/s`, true},
		{"p", DASH, `<MPD><ContentSteering>s<b/></ContentSteering></MPD>`, true},
		{"p", DASH, `<MPD><Metrics><Reporting dvb:reportingUrl="https://evil.test/r"/></Metrics></MPD>`, true},
		{"p", DASH, `<MPD><Metrics><Reporting dvb:reportingUrl="r"/></Metrics></MPD>`, false},
		{"q", DASH, "\xff\xfe#\x00E\x00X\x00T\x00M\x003\x00U\x00\n\x00#\x00E\x00X\x00T\x00-\x00X\x00-\x00D\x00E\x00F\x00I\x00N\x00E\x00:\x00Q\x00U\x00E\x00R\x00Y\x00P\x00A\x00R\x00A\x00M\x00=\x00t\x00o\x00k\x00e\x00n\x00\n\x00", true},
		{"q", DASH, `<!DOCTYPE MPD><MPD><UrlQueryInfo useMPDUrlQuery="true"/></MPD>`, true},
		{"q", DASH, `<MPD><UrlQueryInfo useMPDUrlQuery="true" queryTemplate="$querypart$"/>`, true},
		{"q", DASH, `<!DOCTYPE MPD [<!ENTITY e "x">]><MPD>&e;</MPD>`, true},
		{"p", DASH, `<!DOCTYPE MPD><MPD/>`, false},
		{"p", DASH, `<MPD><ContentSteering>https://evil.test/s</ContentSteering></MPD>`, true},
		{"p", DASH, `<MPD><ContentSteering><![CDATA[https:]]>//evil.test/s</ContentSteering></MPD>`, true},
		{"p", DASH, "\xff\xfe<\x00M\x00P\x00D\x00>\x00<\x00C\x00o\x00n\x00t\x00e\x00n\x00t\x00S\x00t\x00e\x00e\x00r\x00i\x00n\x00g\x00", true},
		{"p", DASH, `<MPD><ContentSteering>s.json</ContentSteering></MPD>`, false},
		{"p", DASH, `<MPD><Period xlink:href="https://evil.test/p"/><PatchLocation>https://evil.test/p</PatchLocation></MPD>`, false},
		{"Q", DASH, `<MPD><Period xlink:href="https://evil.test/p"/></MPD>`, true},
		{"Q", DASH, `<MPD><PatchLocation>//evil.test/p</PatchLocation></MPD>`, true},
		{"Q", DASH, `<MPD><Period xlink:href="urn:mpeg:dash:resolve-to-zero:2013"/><Period xlink:href="p"/></MPD>`, false},
		{"Q", DASH, `<html><a xlink:href="https://evil.test/"/></html>`, false},
		{"p", JSON, clone, true},
		{"p", JSON, "\ufeff" + clone, true},
		{"qQ", JSON, clone, false}, // its clones get the parameter emptied
		{"", JSON, clone, false},
		{"q", JSON, `{"VERSION":1,"TTL":5,`, true},
		{"q", JSON, `{"ASSETS":[}`, true},
		{"q", JSON, `{"VERSION":1,"NAME":"x",`, false},
		{"q", JSON, `{"x":{"VERSION":1,"TTL":5,`, false},
	} {
		c := &Check{Site: testSite(), Names: []string{"token"}}
		for _, how := range tt.check {
			c.Queried, c.InPath, c.InQuery = c.Queried || how == 'q', c.InPath || how == 'p', c.InQuery || how == 'Q'
		}
		if err := c.Manifest(tt.f, []byte(tt.text)); (err != nil) != tt.leak {
			t.Errorf("%s %q: %v", tt.check, tt.text, err)
		}
	}
}

// Thumbnails are pictures in cues.
func TestVTT(t *testing.T) {
	const in = "WEBVTT\r\n\r\nNOTE sprite.jpg\r\n\r\n1\r\n00:00.000 --> 00:05.000\r\nsprite 0.jpg\r\nsprite_0.jpg#xywh=0,0,160,90\r\n\r\nsprite_1.jpg\r\n\r\n00:05.000 --> 00:10.000\r\n../cam/a.PNG?x\r\nhttps://evil.test/a.jpg\r\nlook at a.jpg\r\njpg\r\n"
	want := "WEBVTT\r\n\r\nNOTE sprite.jpg\r\n\r\n1\r\n00:00.000 --> 00:05.000\r\nsprite 0.jpg\r\n~T.T.T/sprite_0.jpg#xywh=0,0,160,90\r\n\r\nsprite_1.jpg\r\n\r\n00:05.000 --> 00:10.000\r\n../~T.T.T/cam/a.PNG?x\r\nhttps://evil.test/a.jpg\r\nlook at a.jpg\r\njpg\r\n"
	if got := string(based("/live/org/cam/thumbs.vtt").VTT(nil, []byte(in))); got != want {
		t.Errorf("\n got %q\nwant %q", got, want)
	}
}
