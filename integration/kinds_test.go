package integration_test

import (
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// manifestKind is a manifest of a kind that packagers and servers write, and what a player asks
// for by it.
type manifestKind struct {
	name, path, mediaType, text string
	// children are what the origin is to be asked for.
	children []string
	// others are further manifests by their paths.
	others map[string]string
}

const mpdHead = `<?xml version="1.0" encoding="UTF-8"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" xmlns:xlink="http://www.w3.org/1999/xlink">`

// manifestKinds are those in which a token on each reference got lost, or had to be everywhere.
var manifestKinds = []manifestKind{
	{
		name: "blanks and other alphabets", path: "/live/org1/cam/index.m3u8", mediaType: "application/vnd.apple.mpegurl",
		text:     "#EXTM3U\n#EXTINF:2.0,\nch\u3000one_1.ts\n#EXTINF:2.0,\nch one_2.ts\n#EXTINF:2.0,\n番組_3.ts\n#EXTINF:2.0,\nch%20one_4.ts\n",
		children: []string{"/live/org1/cam/ch%E3%80%80one_1.ts", "/live/org1/cam/ch%20one_2.ts", "/live/org1/cam/%E7%95%AA%E7%B5%84_3.ts", "/live/org1/cam/ch%20one_4.ts"},
	},
	{
		name: "lines that end in CR", path: "/live/org1/cam/cr.m3u8", mediaType: "application/vnd.apple.mpegurl",
		text: "#EXTM3U\r#EXTINF:2.0,\rseg1.ts\r#EXT-X-ENDLIST", children: []string{"/live/org1/cam/seg1.ts"},
	},
	{
		name: "a variable of another parameter", path: "/live/org1/cam/define.m3u8", mediaType: "application/vnd.apple.mpegurl",
		text: "#EXTM3U\n#EXT-X-DEFINE:QUERYPARAM=\"viewer\"\n#EXT-X-STREAM-INF:BANDWIDTH=4\n360.m3u8?viewer={$viewer}\n", children: []string{"/live/org1/cam/360.m3u8?viewer={$viewer}"},
	},
	{
		name: "thumbnails", path: "/live/org1/cam/thumbs.vtt", mediaType: "text/vtt",
		text: "WEBVTT\n\n00:00.000 --> 00:05.000\nsprite_0.jpg#xywh=0,0,160,90\n", children: []string{"/live/org1/cam/sprite_0.jpg"},
	},
	{
		name: "thumbnails in a playlist", path: "/live/org1/cam/images.m3u8", mediaType: "application/vnd.apple.mpegurl",
		text:     "#EXTM3U\n#EXT-X-IMAGE-STREAM-INF:BANDWIDTH=1,URI=\"tiles/320x180.m3u8\"\n#EXT-X-SESSION-DATA:DATA-ID=\"x\",URI=\"thumbs.json\"\n#EXT-X-STREAM-INF:BANDWIDTH=9\nv/index.m3u8\n",
		children: []string{"/live/org1/cam/tiles/320x180.m3u8", "/live/org1/cam/thumbs.json", "/live/org1/cam/v/index.m3u8"},
	},
	{
		name: "odd ids", path: "/live/org1/cam/equals.mpd", mediaType: "application/dash+xml",
		text:     mpdHead + `<Period><AdaptationSet><SegmentTemplate initialization="dash/show-$RepresentationID$.dash" media="dash/show-$RepresentationID$-$Number$.dash"/><Representation id="video=300000"/><Representation id="a/b"/></AdaptationSet></Period></MPD>`,
		children: []string{"/live/org1/cam/dash/show-video=300000.dash", "/live/org1/cam/dash/show-video=300000-1.dash", "/live/org1/cam/dash/show-a/b.dash"},
	},
	{
		name: "an odd id beside a good one", path: "/live/org1/cam/beside.mpd", mediaType: "application/dash+xml",
		text:     mpdHead + `<Period><AdaptationSet><SegmentTemplate initialization="v/$RepresentationID$/init.mp4" media="v/$RepresentationID$/$Number$.m4s"/><Representation id="v1"/></AdaptationSet><AdaptationSet><SegmentTemplate initialization="t/text.mp4" media="t/$Number$.m4s"/><Representation id="text=1000"/></AdaptationSet></Period></MPD>`,
		children: []string{"/live/org1/cam/v/v1/init.mp4", "/live/org1/cam/v/v1/1.m4s", "/live/org1/cam/t/text.mp4", "/live/org1/cam/t/1.m4s"},
	},
	{
		name: "a base URL in CDATA", path: "/live/org1/cam/cdata.mpd", mediaType: "application/dash+xml",
		text:     mpdHead + "\n<BaseURL><![CDATA[v/]]></BaseURL>" + `<Period><AdaptationSet><SegmentTemplate initialization="init.mp4" media="$Number$.m4s"/><Representation id="v1"/></AdaptationSet></Period></MPD>`,
		children: []string{"/live/org1/cam/v/init.mp4", "/live/org1/cam/v/1.m4s"},
	},
	{
		name: "patches", path: "/live/org1/cam/patched.mpd", mediaType: "application/dash+xml",
		text:     mpdHead + `<PatchLocation ttl="60">index.mpp?publishTime=1</PatchLocation><Period><AdaptationSet><SegmentTemplate initialization="v/init.mp4" media="v/$Time$.m4s"/><Representation id="v1"/></AdaptationSet></Period></MPD>`,
		children: []string{"/live/org1/cam/v/init.mp4", "/live/org1/cam/v/0.m4s", "/live/org1/cam/index.mpp?publishTime=1", "/live/org1/cam/index.mpp?publishTime=2"},
		others:   map[string]string{"/live/org1/cam/index.mpp?publishTime=1": `<Patch xmlns="urn:mpeg:dash:schema:mpd-patch:2020"><replace sel="/MPD/PatchLocation[1]"><PatchLocation>index.mpp?publishTime=2</PatchLocation></replace></Patch>`},
	},
	{
		name: "patches from the root", path: "/live/org1/cam/rooted.mpd", mediaType: "application/dash+xml",
		text:     mpdHead + `<PatchLocation>/live/org1/cam/r.mpp?t=1</PatchLocation><Period><AdaptationSet><SegmentTemplate media="v/$Time$.m4s"/><Representation id="v1"/></AdaptationSet></Period></MPD>`,
		children: []string{"/live/org1/cam/v/0.m4s", "/live/org1/cam/r.mpp?t=1", "/live/org1/cam/r.mpp?t=2"},
		others:   map[string]string{"/live/org1/cam/r.mpp?t=1": `<Patch><replace sel="/MPD/PatchLocation[1]"><PatchLocation>/live/org1/cam/r.mpp?t=2</PatchLocation></replace></Patch>`},
	},
	{
		name: "remote periods, clocks and alternatives", path: "/live/org1/cam/remote.mpd", mediaType: "application/dash+xml",
		text: mpdHead + `<BaseURL>media/</BaseURL><Period xlink:href="p/1.xml"/><EventStream><Event><ReplacePresentation url="alt.mpd"/></Event></EventStream>` +
			`<UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-iso:2014" value="clock https://time.test/"/></MPD>`,
		children: []string{"/live/org1/cam/p/1.xml", "/live/org1/cam/alt.mpd", "/live/org1/cam/clock"},
	},
	{
		name: "base URLs of this site and of others", path: "/live/org1/cam/bases.mpd", mediaType: "application/dash+xml",
		text:     mpdHead + `<Period><AdaptationSet><Representation id="1"><BaseURL>a b.mp4</BaseURL></Representation><Representation id="2"><BaseURL>/live/org1/cam/c.mp4</BaseURL></Representation><Representation id="3"><BaseURL>https://cdn.test/d.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>`,
		children: []string{"/live/org1/cam/a%20b.mp4", "/live/org1/cam/c.mp4"},
	},
}

func kindsOrigin() http.Handler {
	texts := map[string][2]string{}
	for _, k := range manifestKinds {
		texts[k.path] = [2]string{k.mediaType, k.text}
		for path, text := range k.others {
			texts[path] = [2]string{"application/dash-patch+xml", text}
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := texts[r.URL.RequestURI()]
		if !ok {
			text = [2]string{"video/mp4", "segment"}
		}
		w.Header().Set("Content-Type", text[0])
		_, _ = io.WriteString(w, text[1])
	})
}

// What plays without the gate plays behind it: each kind of manifest leads, with a token in
// the first URL alone, to what it leads to at the origin, which gets no token.
func TestKindsOfManifestsPlay(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"session", "session query", "query"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			g, _ := guardSessions(t, setup{gate: "propagate " + mode}, kindsOrigin())
			token := g.key.Token(t, "--org", "org1", "--stream", "cam")
			for _, k := range manifestKinds {
				g.origin.Forget()
				play(t, g, k.path+"?token="+token, k.name)
				var asked []string
				for _, c := range g.origin.Calls() {
					asked = append(asked, c.Target)
					if strings.Contains(c.Head, "~s.") || strings.Contains(c.Head, token) || strings.Contains(c.Head, "token=") {
						t.Errorf("%s: the origin got\n%s", k.name, c.Head)
					}
				}
				for _, child := range k.children {
					if !slices.Contains(asked, child) {
						t.Errorf("%s: nobody asked for %s, but for %s", k.name, child, strings.Join(asked, " "))
					}
				}
			}
		})
	}
}

// play asks for a manifest, and for all that it leads to on this site. What is refused
// fails the test.
func play(t *testing.T, g *guarded, first, name string) {
	t.Helper()
	base := g.Plain()
	seen := map[string]bool{}
	for queue := []string{base + first}; len(queue) > 0; queue = queue[1:] {
		a := harness.Curl(t, queue[0])
		if a.Status != http.StatusOK {
			t.Errorf("%s: %s: status %d: %s", name, queue[0], a.Status, a.Body)
			continue
		}
		from, err := url.Parse(queue[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, next := range leads(from, first, string(a.Body)) {
			if strings.HasPrefix(next, base) && !seen[next] {
				seen[next] = true
				queue = append(queue, next)
			}
		}
	}
}

// leads are the URLs that a player would ask for next.
func leads(from *url.URL, first, text string) (list []string) {
	add := func(base *url.URL, ref string) {
		if u, err := base.Parse(strings.TrimSpace(ref)); err == nil {
			u.Fragment = ""
			list = append(list, u.String())
		}
	}
	switch {
	case strings.HasPrefix(text, "#EXTM3U"):
		text = strings.ReplaceAll(text, "\r", "\n")
		for _, uri := range harness.URIs(harness.Visit{Body: []byte(text)}) {
			add(from, uri)
		}
	case strings.HasPrefix(text, "WEBVTT"):
		for line := range strings.Lines(text) {
			if strings.Contains(line, ".jpg") {
				add(from, line)
			}
		}
	case strings.Contains(text, "<MPD"), strings.Contains(text, "<Patch"):
		mpd := from
		if strings.Contains(text, "<Patch") { // relative to the MPD
			mpd, _ = from.Parse(first)
		}
		var n node
		if xml.Unmarshal([]byte(text), &n) == nil {
			n.leads(mpd, mpd, nil, add)
		}
	}
	return list
}

// node is an element as encoding/xml reads it.
type node struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Text     string     `xml:",chardata"`
	Children []node     `xml:",any"`
}

func (n *node) attr(name string) string {
	for _, a := range n.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// leads calls add for the URLs that an element leads to. templates are those that its
// Representations inherit.
func (n *node) leads(mpd, base *url.URL, templates []*node, add func(*url.URL, string)) {
	own := false
	for i := range n.Children {
		switch c := &n.Children[i]; c.XMLName.Local {
		case "BaseURL":
			if u, err := base.Parse(strings.TrimSpace(c.Text)); err == nil && !own {
				base, own = u, true
			}
		case "SegmentTemplate":
			templates = append(templates, c)
		}
	}
	if n.XMLName.Local == "Representation" {
		if own && len(templates) == 0 {
			add(base, "")
		}
		for _, template := range templates {
			for _, name := range []string{"initialization", "media"} {
				if ref := template.attr(name); ref != "" {
					add(base, strings.NewReplacer("$RepresentationID$", n.attr("id"), "$Number$", "1", "$Time$", "0").Replace(ref))
				}
			}
		}
	}
	for i := range n.Children {
		c := &n.Children[i]
		switch c.XMLName.Local {
		case "PatchLocation", "Location":
			add(mpd, c.Text)
		case "UTCTiming":
			for _, ref := range strings.Fields(c.attr("value")) {
				add(mpd, ref)
			}
		case "ReplacePresentation":
			add(mpd, c.attr("url"))
		}
		if ref := c.attr("href"); ref != "" {
			add(mpd, ref)
		}
		c.leads(mpd, base, templates, add)
	}
}
