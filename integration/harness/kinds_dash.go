//go:build players

package harness

import (
	"net/http"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// oddIDs is DASH whose ids have "=" and "/", and are part of each segment's path.
func oddIDs(t testing.TB, dash *Tree) http.HandlerFunc {
	const video, audio = "video=100/a", "audio=32/b"
	mpd := edit(t, dash.text(t, dash.First),
		`<Representation id="0"`, `<Representation id="`+video+`"`,
		`<Representation id="1"`, `<Representation id="`+audio+`"`,
		"init-stream$RepresentationID$.m4s", "of-$RepresentationID$/init.m4s",
		"chunk-stream$RepresentationID$-$Number%05d$.m4s", "of-$RepresentationID$/chunk-$Number%05d$.m4s")
	return answers(map[string]string{dash.First: mpd}, func(w http.ResponseWriter, r *http.Request) {
		stream := "0"
		if strings.Contains(r.URL.Path, "/of-"+audio+"/") {
			stream = "1"
		} else if !strings.Contains(r.URL.Path, "/of-"+video+"/") {
			http.NotFound(w, r)
			return
		}
		kind, rest, _ := strings.Cut(strings.TrimSuffix(path.Base(r.URL.Path), ".m4s"), "-")
		name := kind + "-stream" + stream
		if rest != "" {
			name += "-" + rest
		}
		serveFile(w, r, filepath.Join(dash.Dir, name+".m4s"))
	})
}

// remotePeriod is DASH whose only period is elsewhere.
func remotePeriod(t testing.TB, dash *Tree) http.HandlerFunc {
	mpd := dash.text(t, dash.First)
	from, to := strings.Index(mpd, "<Period "), strings.Index(mpd, "</MPD>")
	if from < 0 || to < from {
		t.Fatalf("no period in\n%s", mpd)
	}
	period := edit(t, mpd[from:to], "<Period ", `<Period xmlns="urn:mpeg:dash:schema:mpd:2011" duration="PT6S" `)
	before, after := mpd[:from], mpd[to:]
	return func(w http.ResponseWriter, r *http.Request) {
		text := period
		switch path.Base(r.URL.Path) {
		case "first.xml":
		case dash.First: // dash.js resolves no relative href
			text = before + `<Period id="0" xlink:href="http://` + r.Host + path.Dir(r.URL.Path) + `/periods/first.xml" xlink:actuate="onLoad"/>` + after
		default:
			dash.ServeFile(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/dash+xml")
		_, _ = w.Write([]byte(text))
	}
}

// imageSet is DASH with a set of thumbnails.
func imageSet(t testing.TB, dash *Tree, picture string) http.HandlerFunc {
	mpd := edit(t, dash.text(t, dash.First), "</Period>", `<AdaptationSet id="7" contentType="image" mimeType="image/jpeg">
<SegmentTemplate media="$RepresentationID$/tile.jpg?n=$Number$" timescale="1" duration="6" startNumber="1"/>
<Representation id="tiles" bandwidth="9000" width="320" height="270">
<EssentialProperty schemeIdUri="http://dashif.org/guidelines/thumbnail_tile" value="2x3"/>
</Representation>
</AdaptationSet>
</Period>`)
	return answers(map[string]string{dash.First: mpd, "tile.jpg": picture}, dash.ServeFile)
}

func baseURL(text string) string { return "<BaseURL>" + text + "</BaseURL>\n" }

// withBase is DASH with BaseURLs of its own. Here the segments are below media/ alone.
func withBase(t testing.TB, dash *Tree, bases func(*http.Request) string) http.HandlerFunc {
	mpd := dash.text(t, dash.First)
	edit(t, mpd, "</ProgramInformation>", "")
	segments := dash.below("media")
	return func(w http.ResponseWriter, r *http.Request) {
		answers(map[string]string{
			dash.First: strings.Replace(mpd, "</ProgramInformation>", "</ProgramInformation>\n"+bases(r), 1),
		}, segments)(w, r)
	}
}
