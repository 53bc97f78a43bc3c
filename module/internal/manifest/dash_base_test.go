package manifest

import (
	"strings"
	"testing"
)

// What becomes of an MPD at /live/org/cam/index.mpd by its base; "" for the same.
func TestMPDsInheritTheirBase(t *testing.T) {
	const set = `<Period><AdaptationSet><SegmentTemplate media="$RepresentationID$/$Number$.m4s"/><Representation id="a/b=c"/></AdaptationSet></Period>`
	const own = `<Period><AdaptationSet><Representation id="1"><BaseURL>%s</BaseURL></Representation></AdaptationSet></Period>`
	file := func(url string) string { return strings.Replace(own, "%s", url, 1) }
	const inserted = "<BaseURL>~T.T.T/</BaseURL>"
	for name, tt := range map[string]struct {
		tokens   []int
		in, want string
	}{
		"no base":                   {nil, `<MPD>` + set + `</MPD>`, `<MPD>` + inserted + set + `</MPD>`},
		"information":               {nil, `<MPD><ProgramInformation/><ProgramInformation><Title>t</Title></ProgramInformation>` + set + `</MPD>`, `<MPD><ProgramInformation/><ProgramInformation><Title>t</Title></ProgramInformation>` + inserted + set + `</MPD>`},
		"a prefix":                  {nil, `<d:MPD xmlns:d="x"><d:Period><d:AdaptationSet><d:Representation/></d:AdaptationSet></d:Period></d:MPD>`, `<d:MPD xmlns:d="x"><d:BaseURL>~T.T.T/</d:BaseURL><d:Period><d:AdaptationSet><d:Representation/></d:AdaptationSet></d:Period></d:MPD>`},
		"a base":                    {nil, `<MPD><BaseURL>v/</BaseURL>` + set + `</MPD>`, `<MPD><BaseURL>~T.T.T/v/</BaseURL>` + set + `</MPD>`},
		"bases":                     {nil, `<MPD><BaseURL>v/</BaseURL><BaseURL>https://evil.test/live/org/cam/</BaseURL><BaseURL>/live/org/cam/w/</BaseURL>` + set + `</MPD>`, `<MPD><BaseURL>~T.T.T/v/</BaseURL><BaseURL>https://evil.test/live/org/cam/</BaseURL><BaseURL>/live/org/cam/~T.T.T/w/</BaseURL>` + set + `</MPD>`},
		"an empty base":             {nil, `<MPD><BaseURL></BaseURL>` + set + `</MPD>`, `<MPD><BaseURL>~T.T.T/</BaseURL>` + set + `</MPD>`},
		"an empty element":          {nil, `<MPD><BaseURL a="b" />` + set + `</MPD>`, `<MPD><BaseURL a="b" >~T.T.T/</BaseURL>` + set + `</MPD>`},
		"a foreign base":            {nil, `<MPD><BaseURL>https://evil.test/live/org/cam/</BaseURL>` + set + file("/live/org/cam/x.mp4") + `</MPD>`, ""},
		"own under a foreign base":  {nil, `<MPD><BaseURL>https://evil.test/</BaseURL>` + file("https://live.test/live/org/cam/x.mp4") + `</MPD>`, `<MPD><BaseURL>https://evil.test/</BaseURL>` + file("https://live.test/live/org/cam/~T.T.T/x.mp4") + `</MPD>`},
		"a base for each":           {nil, `<MPD>` + file("a.mp4") + `<Period><BaseURL>p/</BaseURL><AdaptationSet><BaseURL>q/</BaseURL><Representation/></AdaptationSet></Period></MPD>`, `<MPD>` + file("~T.T.T/a.mp4") + `<Period><BaseURL>~T.T.T/p/</BaseURL><AdaptationSet><BaseURL>q/</BaseURL><Representation/></AdaptationSet></Period></MPD>`},
		"a base for some":           {nil, `<MPD>` + file("a.mp4") + set + `</MPD>`, `<MPD>` + inserted + file("a.mp4") + set + `</MPD>`},
		"an empty base inside":      {nil, `<MPD><Period><BaseURL> </BaseURL>` + `<AdaptationSet><SegmentTemplate media="$Number$.m4s"/><Representation/></AdaptationSet></Period></MPD>`, `<MPD>` + inserted + `<Period><BaseURL> </BaseURL><AdaptationSet><SegmentTemplate media="$Number$.m4s"/><Representation/></AdaptationSet></Period></MPD>`},
		"an empty period":           {nil, `<MPD>` + file("a.mp4") + `<Period/></MPD>`, `<MPD>` + inserted + file("a.mp4") + `<Period/></MPD>`},
		"a remote period":           {nil, `<MPD>` + file("a.mp4") + `<Period xlink:href="p.xml"><AdaptationSet/></Period></MPD>`, `<MPD>` + inserted + file("a.mp4") + `<Period xlink:href="~T.T.T/p.xml"><AdaptationSet/></Period></MPD>`},
		"patches":                   {nil, `<MPD><PatchLocation>p.mpp?a&amp;b</PatchLocation>` + file("a.mp4") + `</MPD>`, `<MPD>` + inserted + `<PatchLocation>~T.T.T/p.mpp?a&amp;b</PatchLocation>` + file("a.mp4") + `</MPD>`},
		"CDATA":                     {nil, `<MPD><BaseURL><![CDATA[v/]]></BaseURL>` + set + `</MPD>`, `<MPD><BaseURL><![CDATA[~T.T.T/v/]]></BaseURL>` + set + `</MPD>`},
		"a comment and line breaks": {nil, "<MPD><BaseURL>\n <!-- x -->v&#47;\n</BaseURL>" + set + `</MPD>`, "<MPD><BaseURL>\n <!-- x -->~T.T.T/v&#47;\n</BaseURL>" + set + `</MPD>`},
		"climbing":                  {nil, `<MPD><BaseURL>../cam/v/</BaseURL>` + set + `</MPD>`, `<MPD><BaseURL>../~T.T.T/cam/v/</BaseURL>` + set + `</MPD>`},
		"another stream":            {nil, `<MPD><BaseURL>../other/</BaseURL>` + set + `</MPD>`, `<MPD><BaseURL>../~O.O.O/other/</BaseURL>` + set + `</MPD>`},
		"a replaced token":          {nil, `<MPD><BaseURL>~J.J.J/v/</BaseURL>` + set + `</MPD>`, `<MPD><BaseURL>~T.T.T/v/</BaseURL>` + set + `</MPD>`},
		"templates": {
			nil,
			`<MPD><Period><AdaptationSet><SegmentTemplate media="/live/org/cam/$Number$.m4s" initialization="../other/i.mp4" index="?a=1" bitstreamSwitching="https://live.test/live/org/cam/$RepresentationID$/b"/><Representation id="1"><SegmentList><SegmentURL media="../cam/1.m4s" index="../../../x"/></SegmentList></Representation></AdaptationSet></Period></MPD>`,
			`<MPD>` + inserted + `<Period><AdaptationSet><SegmentTemplate media="/live/org/cam/~T.T.T/$Number$.m4s" initialization="../../~O.O.O/other/i.mp4" index="index.mpd?a=1" bitstreamSwitching="https://live.test/live/org/cam/~T.T.T/$RepresentationID$/b"/><Representation id="1"><SegmentList><SegmentURL media="../../~T.T.T/cam/1.m4s" index="../../../../x"/></SegmentList></Representation></AdaptationSet></Period></MPD>`,
		},
		"relative to the MPD": {
			nil,
			`<MPD><Location>x.mpd</Location><UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-iso:2014" value="time /live/org/cam/t https://evil.test/t"/><BaseURL>v/</BaseURL><EventStream><Event><ReplacePresentation url="alt.mpd" uri="/live/org/cam/b.mpd"/><InsertPresentation url="https://evil.test/alt.mpd"/></Event></EventStream>` + set + `</MPD>`,
			`<MPD><Location>~T.T.T/x.mpd</Location><UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-iso:2014" value="~T.T.T/time /live/org/cam/~T.T.T/t https://evil.test/t"/><BaseURL>~T.T.T/v/</BaseURL><EventStream><Event><ReplacePresentation url="~T.T.T/alt.mpd" uri="/live/org/cam/~T.T.T/b.mpd"/><InsertPresentation url="https://evil.test/alt.mpd"/></Event></EventStream>` + set + `</MPD>`,
		},
		"a steering server": {nil, `<MPD><ContentSteering>steer.json</ContentSteering>` + set + `</MPD>`, `<MPD><ContentSteering>steer.json?token=T.T.T</ContentSteering>` + strings.Replace(set, ".m4s", ".m4s?token=T.T.T", 1) + `</MPD>`},

		"inner":              {[]int{3}, `<MPD><BaseURL>v/</BaseURL><Location>x.mpd</Location>` + set + `</MPD>`, ""},
		"inner, climbing":    {[]int{3}, `<MPD><BaseURL>../cam/v/</BaseURL>` + set + `</MPD>`, `<MPD><BaseURL>../../~T.T.T/cam/v/</BaseURL>` + set + `</MPD>`},
		"inner, from root":   {[]int{3}, `<MPD><Period><AdaptationSet><SegmentTemplate media="/live/org/cam/v/$Number$.m4s"/><Representation id="1"/></AdaptationSet></Period></MPD>`, `<MPD><Period><AdaptationSet><SegmentTemplate media="/live/org/cam/~T.T.T/v/$Number$.m4s"/><Representation id="1"/></AdaptationSet></Period></MPD>`},
		"patch":              {[]int{3}, `<Patch><replace sel="/MPD/PatchLocation[1]"><PatchLocation>index.mpp?t=2</PatchLocation></replace><add sel="/MPD">` + set + `</add></Patch>`, `<Patch><replace sel="/MPD/PatchLocation[1]"><PatchLocation>~T.T.T/index.mpp?t=2</PatchLocation></replace><add sel="/MPD">` + set + `</add></Patch>`},
		"patch from root":    {[]int{3}, `<Patch><replace sel="/MPD/PatchLocation[1]"><PatchLocation>/live/org/cam/index.mpp?t=2</PatchLocation></replace></Patch>`, `<Patch><replace sel="/MPD/PatchLocation[1]"><PatchLocation>/live/org/cam/~T.T.T/index.mpp?t=2</PatchLocation></replace></Patch>`},
		"patch elsewhere":    {[]int{3}, `<Patch><replace sel="/MPD/PatchLocation[1]"><PatchLocation>p/index.mpp</PatchLocation></replace></Patch>`, ""},
		"patched base":       {[]int{3}, `<Patch><replace sel="/MPD/BaseURL[1]"><BaseURL>w/</BaseURL></replace></Patch>`, `<Patch><replace sel="/MPD/BaseURL[1]"><BaseURL>~T.T.T/w/</BaseURL></replace></Patch>`},
		"remote":             {[]int{3}, `<Period><AdaptationSet><SegmentTemplate media="v/$Number$.m4s" index="/live/org/cam/i"/></AdaptationSet></Period>`, `<Period><AdaptationSet><SegmentTemplate media="v/$Number$.m4s" index="/live/org/cam/~T.T.T/i"/></AdaptationSet></Period>`},
		"HTML":               {nil, `<html><BaseURL>v/</BaseURL></html>`, ""},
		"out of scope":       {nil, `<MPD><BaseURL>../third/</BaseURL>` + set + `</MPD>`, ""},
		"an entity declared": {nil, `<!DOCTYPE MPD><MPD>` + set + `</MPD>`, ""},
	} {
		if tt.want == "" {
			tt.want = tt.in
		}
		in := tt.in
		for run := range 2 {
			if got := string(based("/live/org/cam/index.mpd", tt.tokens...).DASH(nil, []byte(in))); got != tt.want {
				t.Errorf("%s, run %d:\n got %s\nwant %s", name, run+1, got, tt.want)
			}
			in = tt.want // applied twice, nothing changes
		}
	}
}

// An MPD that was asked for with a playback token in its path leaves that behind.
func TestMPDLeavesATokenBehind(t *testing.T) {
	const set = `<Period><AdaptationSet><SegmentTemplate media="$Number$.m4s"/><Representation id="1"/></AdaptationSet></Period>`
	for in, want := range map[string]string{
		`<MPD>` + set + `</MPD>`: `<MPD><BaseURL>../../~T.T.T/cam/</BaseURL>` + set + `</MPD>`,
		`<MPD><BaseURL>v/</BaseURL><Location>x.mpd</Location>` + set + `</MPD>`: `<MPD><BaseURL>../../~T.T.T/cam/v/</BaseURL><Location>../../~T.T.T/cam/x.mpd</Location>` + set + `</MPD>`,
	} {
		for range 2 {
			rw := based("/live/org/cam/index.mpd", 2)
			rw.Form = InBase
			if got := string(rw.DASH(nil, []byte(in))); got != want {
				t.Errorf("\n got %s\nwant %s", got, want)
			}
			in = want
		}
	}
}
