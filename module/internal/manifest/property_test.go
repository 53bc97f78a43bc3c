package manifest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// sampleURI is a URI, and whether it stays on this site and leads to what the
// token may play.
type sampleURI struct {
	text string
	own  bool
}

var sampleURIs = []sampleURI{
	{"seg.ts", true},
	{"a/b/seg-1.m4s", true},
	{"./x.ts", true},
	{"../cam1/y", true},
	{"seg.ts?a=1", true},
	{"seg.ts?a=1&b=%2F#f", true},
	{"#f", false},
	{"x#y", true},
	{"/live/org1/cam1/x.ts", true},
	{"/q/x?stream=org1-cam1", true},
	{"https://live.example.com/live/org1/cam1/x", true},
	{"HTTPS://Live.Example.com:443/live/org1/cam1/x?y", true},
	{"//live.example.com/live/org1/cam1/x", true},
	{"https://cdn.example.com:8443/live/org1/cam1/x", true},
	{"http://[::1]/live/org1/cam1/x?y", true},
	{"höhe.ts", true},
	{"a%20b", true},
	{"seg.ts?token=abc", true},
	{"x?", true},
	{"...", true},
	{"/other/x", false},
	{"../cam2/x", false},
	{"/q/x?stream=org1-cam2", false},
	{"/live/org1/cam1/../cam2/x", false},
	{"..", false},
	{"/", false},
	{"//", false},
	{"https://evil.example.net/live/org1/cam1/x", false},
	{"//evil.example.net/live/org1/cam1/x", false},
	{"https://live.example.com.evil.net/live/org1/cam1/x", false},
	{"https://live.example.com@evil.net/live/org1/cam1/x", false},
	{"https://live.example.com:444/live/org1/cam1/x", false},
	{"http://live.example.com/live/org1/cam1/x", false},
	{"wss://live.example.com/live/org1/cam1/x", false},
	{"data:text/plain;base64,QUFB", false},
	{"skd://live.example.com/live/org1/cam1/k", false},
	{"urn:uuid:1", false},
	{"blob:https://live.example.com/live/org1/cam1/x", false},
	{`\\evil.net\live\org1\cam1\x`, false},
	{"/\\evil.net/live/org1/cam1/x", false},
	{"%2e%2e/cam1/x", true},
	{"a b", true},
	{"x%zz", true},
	{"12:30.ts", true},
}

// with returns the URI with the token, its ampersands written as given.
func (u sampleURI) with(joint string) (in, out string) {
	in = strings.ReplaceAll(u.text, "&", joint)
	if !u.own {
		return in, in
	}
	head, fragment, found := strings.Cut(in, "#")
	if found {
		fragment = "#" + fragment
	}
	switch {
	case strings.HasSuffix(head, "?"):
		return in, head + "token=" + testToken + fragment
	case strings.Contains(head, "?"):
		return in, head + joint + "token=" + testToken + fragment
	}
	return in, head + pairQ + fragment
}

// pair writes the same into a manifest and into what is to become of it.
type pair struct{ in, out strings.Builder }

func (p *pair) both(format string, args ...any) {
	fmt.Fprintf(&p.in, format, args...)
	fmt.Fprintf(&p.out, format, args...)
}

func (p *pair) uri(u sampleURI, joint string) {
	in, out := u.with(joint)
	p.in.WriteString(in)
	p.out.WriteString(out)
}

func pick[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

// anyPlaylist makes a playlist of random tags, known and unknown, with random
// URIs.
func anyPlaylist(r *rand.Rand) *pair {
	p := new(pair)
	end := pick(r, "\n", "\r\n")
	p.both("%s#EXTM3U%s", pick(r, "", "\ufeff"), end)
	for range r.IntN(40) {
		u := pick(r, sampleURIs...)
		switch r.IntN(6) {
		case 0:
			p.both("%s", pick(r, "#EXT-X-ENDLIST", "#EXT-X-GAP", "# seg.ts", "#EXTINF:2,URI=\"seg.ts\"", "", "#EXT-X-VERSION:9", "#x:URI=\"seg.ts\"", `#EXT-X-X:URI=seg.ts,uri="seg.ts"`, `#EXT-X-X:A="URI=",B`))
		case 1, 2:
			name := pick(r, "MEDIA", "I-FRAME-STREAM-INF", "SESSION-DATA", "SESSION-KEY", "CONTENT-STEERING", "KEY", "MAP", "PART", "PRELOAD-HINT", "RENDITION-REPORT", "DATERANGE", "VENDOR-"+string(rune('A'+r.IntN(26))))
			p.both("#EXT-X-%s:", name)
			for range r.IntN(3) {
				p.both("%s,", pick(r, `A="b,c=d"`, "B=1", `NAME="URI=x"`, "C=0x1F", `D=""`, "E"))
			}
			p.both(`%s="`, pick(r, "URI", "SERVER-URI", "X-ASSET-URI", "X-ASSET-LIST"))
			p.uri(u, "&")
			p.both(`"%s`, pick(r, "", ",X=1", `,Y="z, URI="`, ","))
		default:
			if strings.HasPrefix(u.text, "#") {
				u = sampleURIs[0] // a line that begins with # is no URI
			}
			p.uri(u, "&")
			p.both("%s", pick(r, "", " ", "\t"))
		}
		p.both("%s", end)
	}
	return p
}

// anyMPD makes an MPD of random elements, known and unknown, with random URLs.
// Its base URLs are folders of this site.
func anyMPD(r *rand.Rand) *pair {
	p := new(pair)
	attribute := func(name string) {
		q := pick(r, `"`, `'`)
		p.both(" %s%s=%s%s", name, pick(r, "", " "), pick(r, "", "\n"), q)
		p.uri(pick(r, sampleURIs...), "&amp;")
		p.both("%s", q)
	}
	text := func(name string) {
		p.both("<%s>%s", name, pick(r, "", "\n  "))
		p.uri(pick(r, sampleURIs...), "&amp;")
		p.both("%s</%s>", pick(r, "", " "), name)
	}
	noise := func() {
		p.both("%s", pick(r, "", "\n", "<!-- <Location>x</Location> -->", "<?pi x?>", "<Foo bar='seg.ts'>seg.ts</Foo>", `<SegmentTimeline><S t="0" d="1"/></SegmentTimeline>`, "<![CDATA[<Location>x</Location>]]>", "\r\n &amp; "))
	}
	p.both("%s<MPD xmlns='urn:mpeg:dash:schema:mpd:2011'>", pick(r, "", "<?xml version=\"1.0\"?>\n", "\ufeff<?xml version='1.0' encoding='UTF-8'?>"))
	for range r.IntN(4) {
		noise()
		text(pick(r, "Location", "PatchLocation", "ContentSteering"))
	}
	for range r.IntN(3) {
		p.both("<Period")
		if r.IntN(3) == 0 {
			attribute("xlink:href")
		}
		p.both("><AdaptationSet>")
		noise()
		p.both("<SegmentTemplate")
		for _, name := range []string{"media", "initialization", "index", "bitstreamSwitching"} {
			if r.IntN(2) == 0 {
				attribute(name)
			}
		}
		p.both("/>")
		for range r.IntN(3) {
			p.both(`<Representation id="%d"><SegmentList>`, r.IntN(9))
			for range r.IntN(4) {
				p.both("<SegmentURL")
				attribute(pick(r, "media", "index"))
				p.both(" mediaRange='1-2'%s", pick(r, "/>", " />", "></SegmentURL>"))
				noise()
			}
			p.both("<%s", pick(r, "Initialization", "RepresentationIndex", "BitstreamSwitching"))
			attribute("sourceURL")
			p.both("/></SegmentList></Representation>")
		}
		p.both("</AdaptationSet></Period>")
	}
	p.both("</MPD>%s", pick(r, "", "\n", "<!-- -->"))
	return p
}

// For any manifest, each URI that stays on this site carries the token exactly
// once, each other byte is the origin's, and a second run changes nothing.
func TestAnyManifest(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	rw := testRewriter()
	for range 1000 {
		for name, p := range map[string]*pair{"HLS": anyPlaylist(random), "DASH": anyMPD(random)} {
			run := mustHLS
			if name == "DASH" {
				run = mustDASH
			}
			in, want := p.in.String(), p.out.String()
			got := run(t, rw, in)
			if got != want {
				t.Fatalf("%s:\n got %q\nwant %q\nfrom %q", name, got, want, in)
			}
			if again := run(t, rw, got); again != got {
				t.Fatalf("%s, second run:\n got %q\nwant %q", name, again, got)
			}
		}
	}
}
