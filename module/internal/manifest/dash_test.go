package manifest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/playgate/playgate/module/internal/weborigin"
	"github.com/playgate/playgate/module/internal/xmltext"
)

const pairX = "&amp;token=" + testToken

// markMPD turns a text with marks into input and output: ^ is where a query
// begins with the token, + where the token joins one.
func markMPD(s string) (in, out string) {
	return strings.NewReplacer("^", "", "+", "").Replace(s), strings.NewReplacer("^", pairQ, "+", pairX).Replace(s)
}

// inMPD puts texts into an MPD.
func inMPD(children ...string) string {
	return `<?xml version="1.0" encoding="utf-8"?>` + "\n" + `<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" xmlns:xlink="http://www.w3.org/1999/xlink">` + strings.Join(children, "\n") + "</MPD>\n"
}

// inSet puts a text into an adaptation set, and leaves has what stands in its
// Representation.
func inSet(set, leaves string) string {
	return inMPD(`<Period><AdaptationSet>` + set + `<Representation id="v1">` + leaves + `</Representation></AdaptationSet></Period>`)
}

const evil = "https://evil.example.net/live/org1/cam1/"

func TestDASH(t *testing.T) {
	media := `<SegmentTemplate media="$Number$.m4s^"/>`
	bare := `<SegmentTemplate media="$Number$.m4s"/>`
	tests := []struct{ name, text string }{
		// Every element.
		{"SegmentTemplate", inSet(`<SegmentTemplate timescale="1" media="$Number$.m4s^" initialization="i.mp4^" index="x.sidx^" bitstreamSwitching="b.mp4^" duration="2"/>`, "")},
		{"SegmentTemplate with a timeline", inSet("<SegmentTemplate\n\tmedia = '$Time$.m4s^'\n><SegmentTimeline><S t=\"0\" d=\"2\"/></SegmentTimeline></SegmentTemplate >", "")},
		{"SegmentURL", inSet("", `<SegmentList duration="1"><SegmentURL media="1.m4s^" mediaRange="0-9" index="1.idx^" indexRange="0-9"/></SegmentList>`)},
		{"Initialization", inSet("", `<SegmentBase indexRange="0-9"><Initialization sourceURL="i.mp4^" range="0-9"/></SegmentBase>`)},
		{"RepresentationIndex", inSet("", `<SegmentBase><RepresentationIndex sourceURL="x^"/></SegmentBase>`)},
		{"BitstreamSwitching", inSet("", `<SegmentList><BitstreamSwitching sourceURL="b^"/></SegmentList>`)},
		{"BaseURL at every level", inMPD(`<BaseURL>a/</BaseURL><Period><BaseURL>b/</BaseURL><AdaptationSet><BaseURL>c/</BaseURL><Representation id="1"><BaseURL>d.mp4^</BaseURL></Representation></AdaptationSet></Period>`)},
		{"Location", inMPD(`<Location>https://live.example.com/live/org1/cam1/x.mpd?a=1+</Location>`)},
		{"PatchLocation", inMPD(`<PatchLocation ttl="60">p.mpp?publishTime=1+</PatchLocation>`)},
		{"ContentSteering", inMPD(`<ContentSteering defaultServiceLocation="a" queryBeforeStart="true">steering.json^</ContentSteering>`)},
		{"xlink", inMPD(`<Period xlink:href="p.xml^" xlink:actuate="onLoad"/><Period><AdaptationSet xlink:href='a.xml^'/></Period>`)},
		{"xlink to nothing", inMPD(`<Period xlink:href="urn:mpeg:dash:resolve-to-zero:2013"/>`)},
		{"attributes of other elements", inSet(`<Foo media="a" sourceURL="b" href="c" initialization="d"/><SegmentTemplate sourceURL="e"/>`, `<SegmentURL initialization="f"/><Initialization media="g"/>`)},
		{"elements in capitals", inSet(`<segmenttemplate media="a"/>`, `<baseurl>x</baseurl>`)},
		{"other texts", inMPD(`<ProgramInformation moreInformationURL="a"><Title>x</Title></ProgramInformation><UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-xsdate:2014" value="time^ https://evil.example.net/time /live/org1/cam1/t?a+"/><UTCTiming schemeIdUri="urn:mpeg:dash:utc:direct:2014" value="time"/>`)},
		{"namespace prefixes", `<d:MPD xmlns:d="urn:mpeg:dash:schema:mpd:2011"><d:BaseURL>a/</d:BaseURL><d:Period><d:AdaptationSet><d:SegmentTemplate media="m^"/></d:AdaptationSet></d:Period></d:MPD>`},
		{"text around", "<!-- a --><?pi x?>\n<MPD><!-- <BaseURL>a</BaseURL> --><BaseURL> \n a/ \t\r\n</BaseURL></MPD>\n<!-- end -->\n"},
		{"byte order mark", "\ufeff<MPD><BaseURL>a/</BaseURL></MPD>"},
		{"blanks in front", " \n<MPD><BaseURL>a/</BaseURL></MPD>"},
		{"CRLF", "<MPD>\r\n<BaseURL>\r\na/\r\n</BaseURL>\r\n</MPD>\r\n"},

		// Spelling.
		{"query", inSet("", `<SegmentList><SegmentURL media="1?a=1&amp;b=2+"/></SegmentList>`)},
		{"query with a number for the ampersand", inSet("", `<SegmentList><SegmentURL media="1?a=1&#38;b=2+"/><SegmentURL media='1?a&#x26;b+'/><SegmentURL media="1?a&#x00026;b+#f"/></SegmentList>`)},
		{"numbers for letters", inSet("", `<SegmentList><SegmentURL media="&#115;eg&#46;ts^"/><SegmentURL media="seg&#63;a+"/></SegmentList>`)},
		{"number for a slash of another host", inSet("", `<SegmentList><SegmentURL media="/&#47;evil.example.net/live/org1/cam1/x"/><SegmentURL media="https:&#x2f;/evil.example.net/live/org1/cam1/x"/></SegmentList>`)},
		{"number for a dot segment", inSet("", `<SegmentList><SegmentURL media=".&#46;/cam2/x"/></SegmentList>`)},
		{"number for a blank", inSet("", `<SegmentList><SegmentURL media="a&#9;b^"/><SegmentURL media="a&#x20;b^"/><SegmentURL media="&#10;a^"/></SegmentList>`)},
		{"entities of XML", inSet("", `<SegmentList><SegmentURL media="a&apos;b^"/><SegmentURL media="a&quot;b^"/><SegmentURL media="a?&lt;&gt;+"/></SegmentList>`)},
		{"apostrophes", inSet("", `<SegmentList><SegmentURL media='a"b^'/></SegmentList>`)},
		{"fragment", inSet("", `<SegmentList><SegmentURL media="a^#f"/></SegmentList>`)},
		{"letters beyond ASCII", inMPD(`<BaseURL>höhe/</BaseURL>`)},

		// Templates.
		{"formats", inSet(`<SegmentTemplate media="$RepresentationID$/$Bandwidth$/$Number%05d$-$Time%01x$-$SubNumber$.m4s^"/>`, "")},
		{"escaped dollar", inSet(`<SegmentTemplate media="a$$b$Number$.m4s?x=$$1+"/>`, "")},
		{"number in the query", inSet(`<SegmentTemplate media="s?n=$Number$&amp;r=$RepresentationID$+"/>`, "")},
		{"number in the fragment", inSet(`<SegmentTemplate media="s^#$Number$"/>`, "")},
		{"identifier that is none", inSet(`<SegmentTemplate media="$Foo$.m4s" initialization="$number$" index="$Number%5s$"/>`, "")},
		{"dollar alone", inSet(`<SegmentTemplate media="a$b.m4s" initialization="$Number.mp4"/>`, "")},
		{"dollar with a format", inSet(`<SegmentTemplate media="$%d$.m4s"/>`, "")},
		{"dollar outside of templates", inSet("", `<SegmentList><SegmentURL media="a$b^"/></SegmentList>`)},
		{"number as a port", inSet(`<SegmentTemplate media="https://cdn.example.com:844$Number$/live/org1/cam1/x"/>`, "")},
		{"number as a port by a digit", strings.ReplaceAll(inSet(`<SegmentTemplate media="https://host:808$Number$/live/org1/cam1/x"/>`, ""), "host", "ten.example.com")},
		{"identifier in the host", inSet(`<SegmentTemplate media="https://live.example.com$RepresentationID$/live/org1/cam1/x"/>`, "")},
		{"identifier behind the host", inSet(`<SegmentTemplate media="https://live.example.com/live/org1/cam1/$RepresentationID$/x^"/>`, "")},
		{"identifier in an escape", inSet(`<SegmentTemplate media="a/%2$Number%01x$/x" initialization="a/%$Number$e/x" index="%20$Number$^"/>`, "")},
		{"leaves by dots", inSet(`<SegmentTemplate media="../$Number$/x"/>`, "")},

		// Base URLs.
		{"foreign at MPD", inMPD(`<BaseURL>` + evil + `</BaseURL><Location>x^</Location><Period><AdaptationSet>` + bare + `<Representation id="1"><BaseURL>a/</BaseURL>` + bare + `</Representation></AdaptationSet></Period>`)},
		{"foreign at Period", inMPD(`<BaseURL>a/</BaseURL><Period><BaseURL>` + evil + `</BaseURL>` + bare + `<AdaptationSet>` + bare + `<Representation id="1">` + bare + `</Representation></AdaptationSet></Period><Period><AdaptationSet>` + media + `</AdaptationSet></Period>`)},
		{"foreign at AdaptationSet", inMPD(`<Period>` + bare + `<AdaptationSet><BaseURL>` + evil + `</BaseURL>` + bare + `<Representation id="1">` + bare + `</Representation></AdaptationSet><AdaptationSet>` + media + `</AdaptationSet></Period>`)},
		{"foreign at Representation, inherited template", inMPD(`<Period>` + bare + `<AdaptationSet>` + bare + `<Representation id="1"><BaseURL>` + evil + `</BaseURL></Representation><Representation id="2"><BaseURL>b/</BaseURL>` + media + `</Representation></AdaptationSet><AdaptationSet>` + media + `</AdaptationSet></Period>`)},
		{"foreign at Representation, inherited list", inSet(`<SegmentList><Initialization sourceURL="i"/><SegmentURL media="1"/></SegmentList>`, `<BaseURL>`+evil+`</BaseURL>`)},
		{"network path as base", inSet(bare, `<BaseURL>//evil.example.net/live/org1/cam1/</BaseURL>`)},
		{"location below a foreign base", inMPD(`<BaseURL>` + evil + `</BaseURL><Period><Location>x^</Location></Period>`)},
		{"more bases than are kept apart", inSet(bare, `</Representation>`+manyBases(maxInner+1)+`<Representation id="2">`)},
		{"as many bases as are kept apart", inSet(media, `</Representation>`+manyBases(maxInner)+`<Representation id="2">`)},
		{"other scheme as base", inSet(bare, `<BaseURL>http://live.example.com/live/org1/cam1/</BaseURL>`)},
		{"another stream's path as base", inSet(bare, `<BaseURL>/live/org1/cam2/</BaseURL>`)},
		{"another stream's path as base at MPD", inMPD(`<BaseURL>../cam2/</BaseURL>` + `<Period><AdaptationSet>` + bare + `</AdaptationSet></Period>`)},
		{"own and absolute", inMPD(`<BaseURL>https://live.example.com/live/org1/cam1/a/</BaseURL><Period><AdaptationSet>` + media + `</AdaptationSet></Period>`)},
		{"another site of ours", inMPD(`<BaseURL>https://cdn.example.com:8443/live/org1/cam1/b/</BaseURL><Period><AdaptationSet>` + media + `</AdaptationSet></Period>`)},
		{"base that only leads on", inMPD(`<BaseURL>/live/</BaseURL><Period><BaseURL>org1/</BaseURL><AdaptationSet><BaseURL>cam1/a/</BaseURL>` + media + `</AdaptationSet></Period>`)},
		{"chain that goes away and comes back", inMPD(`<BaseURL>/live/org1/cam2/</BaseURL><Period><BaseURL>../cam1/x^</BaseURL><AdaptationSet>` + media + `</AdaptationSet></Period>`)},
		{"chain that goes away and stays", inMPD(`<BaseURL>` + evil + `</BaseURL><Period><BaseURL>/live/org1/cam1/</BaseURL><AdaptationSet>` + bare + `</AdaptationSet></Period>`)},
		{"foreign, but the template is absolute", inSet(`<SegmentTemplate media="https://live.example.com/live/org1/cam1/$Number$^"/>`, `<BaseURL>`+evil+`</BaseURL>`)},
		{"foreign, and the template root-absolute", inSet(`<SegmentTemplate media="/live/org1/cam1/$Number$"/>`, `<BaseURL>`+evil+`</BaseURL>`)},
		{"alternatives of ours", inMPD(`<BaseURL serviceLocation="a">a/</BaseURL><BaseURL serviceLocation="b">https://cdn.example.com:8443/live/org1/cam1/b/</BaseURL><Period><AdaptationSet>` + media + `</AdaptationSet></Period>`)},
		{"one alternative is foreign", inMPD(`<BaseURL>a/</BaseURL><BaseURL>` + evil + `</BaseURL><Period><BaseURL>b/</BaseURL><AdaptationSet>` + bare + `</AdaptationSet></Period>`)},
		{"foreign alternative first", inMPD(`<BaseURL>` + evil + `</BaseURL><BaseURL>a/</BaseURL><Period><AdaptationSet>` + bare + `</AdaptationSet></Period>`)},
		{"too many alternatives", inMPD(strings.Repeat(`<BaseURL>a/</BaseURL>`, maxBases+1) + `<Period><AdaptationSet>` + bare + `</AdaptationSet></Period>`)},
		{"many alternatives hide a foreign one", inMPD(`<BaseURL>` + evil + `</BaseURL>` + strings.Repeat(`<BaseURL>a/</BaseURL>`, 3*maxBases) + `<Period><AdaptationSet>` + bare + `</AdaptationSet></Period>`)},
		{"empty base", inMPD(`<BaseURL></BaseURL><Period><BaseURL> </BaseURL><AdaptationSet><BaseURL/>` + media + `</AdaptationSet></Period>`)},
		{"base behind a Period", inMPD(`<Period><AdaptationSet>` + bare + `<Representation id="1"><BaseURL>x</BaseURL>` + bare + `</Representation></AdaptationSet></Period><BaseURL>` + evil + `</BaseURL>`)},
		{"base behind an AdaptationSet", inMPD(`<Period><AdaptationSet><Representation id="1">` + bare + `</Representation></AdaptationSet><BaseURL>` + evil + `</BaseURL></Period>`)},
		{"base behind a Representation", inSet("", bare+`</Representation><BaseURL>`+evil+`</BaseURL><Representation id="2">`)},
		{"base behind a template", inSet("", bare+`<BaseURL>`+evil+`</BaseURL>`)},
		{"base behind a list", inSet("", `<SegmentList><SegmentURL media="1"/></SegmentList><BaseURL>`+evil+`</BaseURL>`)},
		{"base behind something unknown with a URL", inSet("", `<Foo><Bar xlink:href="a^"/></Foo><BaseURL>`+evil+`</BaseURL>`)},
		{"base of ours out of order", inSet("", bare+`<BaseURL>a/</BaseURL>`)},
		{"base behind other elements", inSet(`<ContentProtection/><Role/><BaseURL>a/</BaseURL>`+media, "")},

		// What is not plain text is nobody's URL.
		{"CDATA", inMPD(`<BaseURL><![CDATA[a/]]></BaseURL><Period><AdaptationSet>` + media + `</AdaptationSet></Period>`)},
		{"CDATA behind a text", inMPD(`<BaseURL>a/<![CDATA[../../../]]></BaseURL><Location><![CDATA[x]]>^</Location>`)},
		{"comment in a base", inMPD(`<BaseURL>https://live.example.com<!-- -->.evil.example.net/live/org1/cam1/</BaseURL><Period><AdaptationSet>` + bare + `</AdaptationSet></Period>`)},
		{"instruction in a base", inMPD(`<BaseURL>a/<?x y?>b^</BaseURL>`)},
		{"element in a base", inMPD(`<BaseURL>a/<b>c</b></BaseURL><Location><BaseURL>x</BaseURL></Location>`)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in, want := markMPD(tt.text)
			checkDASH(t, in, want)
		})
	}
}

// checkDASH checks one result, that a second run changes nothing, and that
// another token takes the place of the first.
func checkDASH(t *testing.T, in, want string) {
	t.Helper()
	rw := testRewriter()
	got := mustDASH(t, rw, in)
	if got != want {
		t.Fatalf("\n got %s\nwant %s", got, want)
	}
	if again := mustDASH(t, rw, got); again != got {
		t.Errorf("second run:\n got %s\nwant %s", again, got)
	}
	other := testRewriter()
	other.Token = "another.token.9"
	if first, second := mustDASH(t, other, in), mustDASH(t, other, got); first != second {
		t.Errorf("other token after the first:\n got %s\nwant %s", second, first)
	}
}

func mustDASH(t *testing.T, rw *Rewriter, in string) string {
	t.Helper()
	out := rw.DASH(nil, []byte(in))
	return string(out)
}

// A token that the origin has put into a URL is replaced, however its
// ampersands are written.
func TestDASHReplacesTokens(t *testing.T) {
	for name, tc := range map[string][2]string{
		"alone":            {`1?token=` + otherToken, `1?token=` + testToken},
		"amid others":      {`1?a=1&amp;token=` + otherToken + `&amp;b=2`, `1?a=1&amp;token=` + testToken + `&amp;b=2`},
		"by number":        {`1?a=1&#38;token=` + otherToken + `&#x26;b=2`, `1?a=1&#38;token=` + testToken + `&#x26;b=2`},
		"other name":       {`1?a=1&amp;jwtoken=` + otherToken + `&#38;b=2`, `1?a=1&#38;b=2&amp;token=` + testToken},
		"other name first": {`1?jwtoken=` + otherToken + `&#38;b=2`, `1?b=2&amp;token=` + testToken},
		"twice":            {`1?token=` + otherToken + `&amp;token=` + otherToken, `1?token=` + testToken},
		"with a reference": {`1?&#116;oken=old&#46;old.old&amp;a`, `1?token=` + testToken + `&amp;a`},
		"the same":         {`1?token=` + testToken + `&amp;a`, `1?token=` + testToken + `&amp;a`},
	} {
		t.Run(name, func(t *testing.T) {
			const form = `<SegmentList><SegmentURL media="%s"/></SegmentList>`
			checkDASH(t, inSet("", fmt.Sprintf(form, tc[0])), inSet("", fmt.Sprintf(form, tc[1])))
		})
	}
}

// The id of a Representation becomes part of URLs: one that could lead them
// elsewhere keeps the token out of all of them.
func TestDASHWithHostileIDs(t *testing.T) {
	for id, safe := range map[string]bool{
		"v1": true, "a.b-c_d~": true, "1": true, "a..": true, "text=1000": true, "@evil": true, "ä": true, "a/b": true, "a b": true,
		"": false, ".": false, "..": false, "...": false, "/": false, "/evil.example.net": false, "../cam2": false, `\evil`: false, "//evil": false, "a/../b": false,
		"a?b": false, "a#b": false, "a%2e": false, "a:b": false, "&#46;&#46;": false, " /evil": false,
	} {
		in := inMPD(`<Period><AdaptationSet><SegmentTemplate media="$RepresentationID$/$Number$.m4s" initialization="i.mp4"/><Representation id="good"/><Representation id="` + id + `"/></AdaptationSet></Period>`)
		want := strings.Replace(in, "i.mp4", "i.mp4"+pairQ, 1)
		if safe {
			want = strings.Replace(want, "$.m4s", "$.m4s"+pairQ, 1)
		}
		if got := mustDASH(t, testRewriter(), in); got != want {
			t.Errorf("%q:\n got %s\nwant %s", id, got, want)
		}
	}
}

// A port of which an identifier is the end: the digit that stands for it while
// the URL is judged must not make the host ours.
func TestDASHWithAPortThatAnIdentifierEnds(t *testing.T) {
	for _, host := range []string{"live.example.com:8080", "live.example.com"} {
		rw := testRewriter()
		rw.Site.Own, _ = weborigin.Of("https", host)
		for _, media := range []string{"https://live.example.com:808$Number$/live/org1/cam1/x", "//live.example.com:808$Number$/live/org1/cam1/x"} {
			in := inSet(`<SegmentTemplate media="`+media+`"/>`, "")
			if got := mustDASH(t, rw, in); got != in {
				t.Errorf("%s: %s", media, got)
			}
		}
	}
}

// Anything that is not a plain, well-formed MPD goes out as it came.
func TestDASHLeavesOtherTextsAlone(t *testing.T) {
	const base = `<BaseURL>a</BaseURL>`
	utf16 := func(s string, order [2]int) string {
		var b strings.Builder
		for _, c := range "\ufeff" + s {
			pair := [2]byte{byte(c >> 8), byte(c)}
			b.Write([]byte{pair[order[0]], pair[order[1]]})
		}
		return b.String()
	}
	for name, in := range map[string]string{
		"nothing":                        "",
		"text":                           "a text",
		"blanks":                         " \n",
		"HTML":                           "<html><body>" + base + "</body></html>",
		"patch of a part":                `<Patch><add sel="/MPD/Period"><BaseURL>a/</BaseURL></add></Patch>`,
		"other root":                     `<Period>` + base + `</Period>`,
		"MPD inside another":             `<x><MPD>` + base + `</MPD></x>`,
		"root in small letters":          `<mpd>` + base + `</mpd>`,
		"two roots":                      `<MPD>` + base + `</MPD><MPD>` + base + `</MPD>`,
		"text behind":                    `<MPD>` + base + `</MPD>x`,
		"text in front":                  `x<MPD>` + base + `</MPD>`,
		"reference behind":               `<MPD>` + base + `</MPD>&amp;`,
		"CDATA in front":                 `<![CDATA[]]><MPD>` + base + `</MPD>`,
		"DOCTYPE":                        `<!DOCTYPE MPD><MPD>` + base + `</MPD>`,
		"DOCTYPE with an entity":         `<!DOCTYPE MPD [<!ENTITY e "https://evil.example.net/">]><MPD><BaseURL>a/</BaseURL><BaseURL>&e;</BaseURL></MPD>`,
		"DOCTYPE inside":                 `<MPD>` + base + `<!DOCTYPE x></MPD>`,
		"entity without a DOCTYPE":       `<MPD>` + base + `<Title>&e;</Title></MPD>`,
		"entity in an attribute":         `<MPD x="&e;">` + base + `</MPD>`,
		"bare ampersand":                 `<MPD>` + base + `<Title>a & b</Title></MPD>`,
		"ampersand at the end":           `<MPD>` + base + `<Title>a &</Title></MPD>`,
		"bare ampersand in an attribute": `<MPD x="a&b">` + base + `</MPD>`,
		"reference to nothing":           `<MPD>` + base + `&#0;</MPD>`,
		"reference to half a character":  `<MPD>` + base + `&#xD800;</MPD>`,
		"reference too large":            `<MPD>` + base + `&#x110000;</MPD>`,
		"reference in capitals":          `<MPD>` + base + `&#X26;</MPD>`,
		"reference without digits":       `<MPD>` + base + `&#;</MPD>`,
		"empty reference":                `<MPD>` + base + `&;</MPD>`,
		"reference in capital letters":   `<MPD>` + base + `&AMP;</MPD>`,
		"not closed":                     `<MPD>` + base,
		"closed by another":              `<MPD>` + base + `</Mpd>`,
		"crossed":                        `<MPD><Period><AdaptationSet>` + base + `</Period></AdaptationSet></MPD>`,
		"closed too often":               `<MPD>` + base + `</MPD></MPD>`,
		"cut in a tag":                   `<MPD>` + base + `</MPD`,
		"cut in an attribute":            `<MPD>` + base + `<Period id="`,
		"cut in a name":                  `<MPD>` + base + `<Per`,
		"cut behind a bracket":           `<MPD>` + base + `<`,
		"cut in a comment":               `<MPD>` + base + `<!-- x`,
		"comment like a tag":             `<MPD>` + base + `<!-x></MPD>`,
		"cut in CDATA":                   `<MPD>` + base + `<![CDATA[`,
		"cut in an instruction":          `<MPD>` + base + `<?x`,
		"cut in a URL":                   `<MPD><BaseURL>a/`,
		"attribute twice":                `<MPD x="a" x="b">` + base + `</MPD>`,
		"attribute without quotes":       `<MPD x=a>` + base + `</MPD>`,
		"attribute without a value":      `<MPD x>` + base + `</MPD>`,
		"attribute without a name":       `<MPD ="x">` + base + `</MPD>`,
		"attributes without a blank":     `<MPD x="a"y="b">` + base + `</MPD>`,
		"bracket in an attribute":        `<MPD x="<">` + base + `</MPD>`,
		"quote in a name":                `<MPD "x"="a">` + base + `</MPD>`,
		"blank in front of a name":       `< MPD>` + base + `</ MPD>`,
		"empty name":                     `<MPD>` + base + `<></></MPD>`,
		"closing tag with attributes":    `<MPD>` + base + `</MPD x="a">`,
		"slash in a tag":                 `<MPD>` + base + `<Period / ></MPD>`,
		"UTF-16 said":                    `<?xml version="1.0" encoding="UTF-16"?><MPD>` + base + `</MPD>`,
		"UTF-16 said behind a tab":       "<?xml\tversion='1.0' encoding='UTF-16'?><MPD>" + base + `</MPD>`,
		"UTF-7 said":                     "<?xml version='1.0'\n encoding = 'utf-7'?><MPD>" + base + `</MPD>`,
		"UTF-16, big end first":          utf16(`<MPD>`+base+`</MPD>`, [2]int{0, 1}),
		"UTF-16, little end first":       utf16(`<MPD>`+base+`</MPD>`, [2]int{1, 0}),
		"UTF-16 without a mark":          utf16(`<MPD>`+base+`</MPD>`, [2]int{1, 0})[2:],
		"too deep":                       `<MPD>` + base + strings.Repeat("<a>", xmltext.MaxDepth+1) + strings.Repeat("</a>", xmltext.MaxDepth+1) + `</MPD>`,
		"too many attributes":            `<MPD` + manyAttributes(xmltext.MaxAttributes+1) + `>` + base + `</MPD>`,
	} {
		if got := mustDASH(t, testRewriter(), in); got != in {
			t.Errorf("%s:\n got %q\nwant %q", name, got, in)
		}
	}
	// Just below the bounds all is well, or the cases above would show nothing.
	for _, form := range []string{
		`<MPD>%s</MPD>`,
		`<MPD>%s` + strings.Repeat("<a>", xmltext.MaxDepth-1) + strings.Repeat("</a>", xmltext.MaxDepth-1) + `</MPD>`,
		`<MPD` + manyAttributes(xmltext.MaxAttributes) + `>%s</MPD>`,
		"<?xml version='1.0' encoding='UTF-8' standalone='yes'?><MPD>%s</MPD>", `<?xml version="1.0"?><MPD>%s</MPD>`, `<?xml version="1.0" encoding="US-ASCII"?><MPD>%s</MPD>`,
	} {
		in, want := fmt.Sprintf(form, base), fmt.Sprintf(form, `<BaseURL>a`+pairQ+`</BaseURL>`)
		if got := mustDASH(t, testRewriter(), in); got != want {
			t.Errorf("\n got %q\nwant %q", got, want)
		}
	}
}

// manyBases are Representations with a base URL of its own for each.
func manyBases(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `<Representation id="v%[1]d"><BaseURL>%[1]d/</BaseURL></Representation>`, i)
	}
	return b.String()
}

func manyAttributes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ` a%d=""`, i)
	}
	return b.String()
}

// A player that is told to copy the query of the MPD would carry the token to
// whatever the MPD names. In path form there is no query to copy.
func TestDASHLeak(t *testing.T) {
	const scheme = `xmlns:up="urn:mpeg:dash:schema:urlparam:2014" `
	for _, tt := range []struct {
		name, element string
		leak          bool
	}{
		{"2014", `<up:UrlQueryInfo ` + scheme + `queryTemplate="$querypart$" useMPDUrlQuery="true"/>`, true},
		{"2014 by number", `<up:UrlQueryInfo ` + scheme + `queryTemplate="$querypart$" useMPDUrlQuery=" 1 "/>`, true},
		{"without a prefix", `<UrlQueryInfo useMPDUrlQuery="true"></UrlQueryInfo>`, true},
		{"2016", `<up:ExtUrlQueryInfo ` + scheme + `includeInRequests="segment mpd" useMPDUrlQuery="true"/>`, true},
		{"one parameter", `<up:UrlQueryInfo ` + scheme + `useMPDUrlQuery="true" queryTemplate="$query:token$"/>`, true},
		{"another parameter", `<up:UrlQueryInfo ` + scheme + `useMPDUrlQuery="true" queryTemplate="$query:session$"/>`, false},
		{"another and ours", `<up:UrlQueryInfo ` + scheme + `useMPDUrlQuery="true" queryTemplate="$query:a$&amp;$query:t%6Fken$"/>`, true},
		{"spelled with a reference", `<up:UrlQueryInfo ` + scheme + `useMPDUrlQuery="&#116;rue" queryTemplate="&#36;querypart$"/>`, true},
		{"2025", `<RequestParam useMPDUrlQuery="1" queryTemplate="$querypart$"/>`, true},
		{"without the query of the MPD", `<RequestParam queryTemplate="$querypart$"/>`, false},
		{"not only this origin", `<up:ExtUrlQueryInfo ` + scheme + `useMPDUrlQuery="true" sameOriginOnly="false"/>`, true},
		{"only this origin", `<up:ExtUrlQueryInfo ` + scheme + `useMPDUrlQuery="true" sameOriginOnly="true"/>`, false},
		{"only this origin, by number", `<up:ExtUrlQueryInfo ` + scheme + `queryTemplate="$querypart$" sameOriginOnly="1"/>`, false},
		{"constants", `<up:UrlQueryInfo ` + scheme + `queryString="a=b" useMPDUrlQuery="false"/>`, false},
		{"nothing said", `<up:UrlQueryInfo ` + scheme + `/>`, false},
		{"another element", `<Foo useMPDUrlQuery="true" queryTemplate="$querypart$"/>`, false},
		{"in a comment", `<!-- <UrlQueryInfo useMPDUrlQuery="true"/> -->`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := inSet(`<EssentialProperty schemeIdUri="urn:mpeg:dash:urlparam:2014">`+tt.element+`</EssentialProperty>`, `<BaseURL>x</BaseURL>`)
			if err := testCheck().Manifest(DASH, []byte(in)); errors.Is(err, ErrLeak) != tt.leak {
				t.Fatalf("error %v, want leak %v", err, tt.leak)
			}
			unqueried := testCheck()
			if unqueried.Queried = false; unqueried.Manifest(DASH, []byte(in)) != nil {
				t.Error("there is nothing to copy, and it is a leak")
			}
		})
	}
}

func TestDASHInPath(t *testing.T) {
	const seg = "/~" + testToken
	in := inMPD(`<BaseURL>https://live.example.com/live/org1/cam1/a/</BaseURL><Location>/live/org1/cam1/x.mpd?token=`+otherToken+`&amp;a=1</Location>`,
		`<PatchLocation>p.mpp?a=1&amp;jwtoken=`+otherToken+`</PatchLocation><Location>https://evil.example.net/live/org1/cam1/</Location>`,
		`<Period><AdaptationSet><SegmentTemplate media="$Number$.m4s" initialization="/live/org1/cam1/i.mp4?x&amp;y"/></AdaptationSet></Period>`)
	want := inMPD(`<BaseURL>https://live.example.com/live`+seg+`/org1/cam1/a/</BaseURL><Location>/live`+seg+`/org1/cam1/x.mpd?a=1</Location>`,
		`<PatchLocation>p.mpp?a=1</PatchLocation><Location>https://evil.example.net/live/org1/cam1/</Location>`,
		`<Period><AdaptationSet><SegmentTemplate media="$Number$.m4s" initialization="/live`+seg+`/org1/cam1/i.mp4?x&amp;y"/></AdaptationSet></Period>`)
	rw := pathRewriter()
	got := mustDASH(t, rw, in)
	if got != want {
		t.Fatalf("\n got %s\nwant %s", got, want)
	}
	if again := mustDASH(t, rw, got); again != got {
		t.Errorf("second run:\n got %s\nwant %s", again, got)
	}
	// The folder of the stream is nothing to play by itself, but what is in it
	// inherits its segment.
	in = inMPD(`<BaseURL>/live/org1/cam1/</BaseURL>`, `<BaseURL>/live/org1/cam2/</BaseURL>`, `<BaseURL>/live/</BaseURL>`, `<BaseURL>//evil.example.net/live/org1/cam1/</BaseURL>`)
	want = strings.Replace(in, "/live/org1/cam1/", "/live"+seg+"/org1/cam1/", 1)
	if got = mustDASH(t, rw, in); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	if again := mustDASH(t, rw, got); again != got {
		t.Errorf("second run:\n got %s\nwant %s", again, got)
	}
}

func TestDASHAppends(t *testing.T) {
	rw := testRewriter()
	got := rw.DASH([]byte("before"), []byte("<MPD><BaseURL>a</BaseURL></MPD>"))
	if want := "before<MPD><BaseURL>a" + pairQ + "</BaseURL></MPD>"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
	mustDASH(t, rw, inMPD(`<Period><AdaptationSet><SegmentTemplate media="m"/><Representation id="1"><BaseURL>/live/org1/cam2/</BaseURL><SegmentList><SegmentURL media="1"/></SegmentList></Representation></AdaptationSet></Period>`))
	if rw.Reference("x") != "x"+pairQ {
		t.Error("after an MPD the rewriter starts from its last base URL")
	}
}

// Where the manifest's own address cannot serve as a base, only absolute URLs
// get the token.
func TestDASHWithoutAnAddress(t *testing.T) {
	rw := testRewriter()
	rw.Path = "/live/../x"
	in, want := markMPD(inMPD(`<Location>x</Location><BaseURL>https://live.example.com/live/org1/cam1/b/</BaseURL><Period><AdaptationSet><SegmentTemplate media="m^"/></AdaptationSet></Period>`))
	if got := mustDASH(t, rw, in); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestIsXML(t *testing.T) {
	for head, want := range map[string]bool{
		"<MPD": true, "<?xml": true, "\ufeff<": true, " \r\n\t<": true, "\ufeff\n<": true,
		"": false, "MPD": false, "{": false, "#EXTM3U": false, "\xff\xfe<\x00": false, "\x00<": false,
	} {
		if got := IsXML([]byte(head)); got != want {
			t.Errorf("IsXML(%q) = %v", head, got)
		}
	}
}

// TestDASHLinear feeds large and hostile documents. What is not linear in their
// size would take minutes.
func TestDASHLinear(t *testing.T) {
	const mb = 1 << 20
	fill := func(head, part, tail string) string {
		return head + strings.Repeat(part, (mb-len(head)-len(tail))/len(part)) + tail
	}
	numbered := func(head, format, tail string) string {
		var b strings.Builder
		b.WriteString(head)
		for i := 0; b.Len() < mb-len(tail)-64; i++ {
			fmt.Fprintf(&b, format, i)
		}
		return b.String() + tail
	}
	list := `<MPD><Period><AdaptationSet><SegmentList>`
	tail := `</SegmentList></AdaptationSet></Period></MPD>`
	tests := map[string]string{
		"30,000 elements":             `<MPD><Period><AdaptationSet><SegmentList>` + strings.Repeat(`<SegmentURL media="1.m4s?a=1&amp;b"/>`, 30_000) + tail,
		"SegmentURL":                  fill(list, `<SegmentURL media="1.m4s"/>`, tail),
		"a long attribute":            list + `<SegmentURL media="` + strings.Repeat("a", 300_000) + `"/>` + tail,
		"a long attribute of escapes": list + `<SegmentURL media="` + strings.Repeat("&amp;", 60_000) + `"/>` + tail,
		"long attributes of pairs":    fill(list, `<SegmentURL media="1?`+strings.Repeat("token=a.b.c&amp;", 1500)+`"/>`, tail),
		"long attributes of others":   fill(list, `<SegmentURL media="1?`+strings.Repeat("jwtoken=a.b.c&amp;x&amp;", 700)+`"/>`, tail),
		"identifiers":                 fill(`<MPD><SegmentTemplate media="`, "$Number$", `"/></MPD>`),
		"many identifiers":            fill(`<MPD>`, `<SegmentTemplate media="`+strings.Repeat("$Number$", 1000)+`"/>`, `</MPD>`),
		"dollars":                     fill(`<MPD><SegmentTemplate media="`, "$", `"/></MPD>`),
		"attributes":                  numbered(`<MPD><x`, ` a%d=""`, `/></MPD>`),
		"one attribute":               fill(`<MPD><x`, ` a=""`, `/></MPD>`),
		"blanks in a tag":             fill(`<MPD><x`, " ", `/></MPD>`),
		"depth":                       fill(`<MPD>`, `<a>`, ``),
		"depth of URLs":               fill(`<MPD>`, `<BaseURL>`, ``),
		"brackets":                    fill(`<MPD>`, `<`, ``),
		"comments":                    fill(`<MPD>`, `<!---->`, `</MPD>`),
		"comments without an end":     fill(`<MPD>`, `<!-- `, ``),
		"CDATA":                       fill(`<MPD>`, `<![CDATA[]]>`, `</MPD>`),
		"references":                  fill(`<MPD>`, `&amp;`, `</MPD>`),
		"ampersands":                  fill(`<MPD>`, `&`, `</MPD>`),
		"base URLs":                   fill(`<MPD>`, `<BaseURL>a/</BaseURL>`, `</MPD>`),
		"base URLs of Representations": numbered(`<MPD><Period><AdaptationSet><SegmentTemplate media="1"/>`, `<Representation id="%[1]d"><BaseURL>%[1]d/</BaseURL></Representation>`,
			`</AdaptationSet></Period></MPD>`),
		"Representations, then SegmentURLs": numbered(`<MPD><Period><AdaptationSet>`, `<Representation id="%[1]d"><BaseURL>%[1]d/</BaseURL></Representation><SegmentURL media="x"/>`,
			`</AdaptationSet></Period></MPD>`),
		"alternatives inside": fill(`<MPD><BaseURL>1/</BaseURL><BaseURL>2/</BaseURL><BaseURL>3/</BaseURL>`,
			`<Period><BaseURL>a/</BaseURL><BaseURL>b/</BaseURL><AdaptationSet><SegmentTemplate media="x"/></AdaptationSet></Period>`, `</MPD>`),
		"a text":       `<MPD><BaseURL>` + strings.Repeat("a", mb) + `</BaseURL></MPD>`,
		"a blank text": `<MPD><BaseURL>` + strings.Repeat(" ", mb) + `</BaseURL></MPD>`,
		"dots":         fill(list, `<SegmentURL media="`+strings.Repeat("../", 5000)+`"/>`, tail),
	}
	for name, in := range tests {
		t.Run(name, func(t *testing.T) {
			for _, rw := range []*Rewriter{testRewriter(), pathRewriter()} {
				start := time.Now()
				got := mustDASH(t, rw, in)
				// A second on a machine that does nothing else; the limit is for
				// the race detector on a loaded one.
				if d := time.Since(start); d > 15*time.Second {
					t.Errorf("%d bytes took %v", len(in), d)
				} else if testing.Verbose() {
					t.Logf("%d bytes, %d out: %v", len(in), len(got), d)
				}
			}
		})
	}
}
