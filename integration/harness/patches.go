//go:build players

package harness

import (
	"fmt"
	"net/http"
	"path"
	"strings"
	"sync"
	"testing"
	"time"
)

// patchSeconds is how long a live stream with patches can be played.
const patchSeconds = 60

var patchedTree once[*Tree]

// live is a stream that begins with the first request for it: the MPD names what has
// been there by then, and patches name what came later.
type live struct {
	tree  *Tree
	mu    sync.Mutex
	began map[string]time.Time
}

// patched is live DASH with patches, below every folder. A patch is application/dash-patch+xml.
func patched(t testing.TB) http.Handler {
	args := append([]string(nil), source[:len(source)-4]...) // the picture alone: its segments are one second each
	args = append(args, "-t", fmt.Sprint(patchSeconds))
	args = append(args, h264[:len(h264)-4]...)
	return &live{began: map[string]time.Time{}, tree: makeTree(t, &patchedTree, Tree{Name: "live DASH", First: "manifest.mpd"}, nil,
		append(args, "-f", "dash", "-seg_duration", "1", "-use_template", "1", "-use_timeline", "1", "manifest.mpd"))}
}

// early is how many segments there are at the beginning.
const early = 5

func (l *live) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	began, ok := l.began[r.PathValue("stream")]
	if !ok {
		began = time.Now().UTC().Truncate(time.Second)
		l.began[r.PathValue("stream")] = began
	}
	l.mu.Unlock()
	now := min(early+int(time.Since(began)/time.Second), patchSeconds)
	w.Header().Set("Cache-Control", "no-store")
	switch path.Base(r.URL.Path) {
	case "manifest.mpd":
		w.Header().Set("Content-Type", "application/dash+xml")
		_, _ = w.Write([]byte(liveMPD(began, now)))
	case "update.mpp":
		since, err := time.Parse(time.RFC3339, r.URL.Query().Get("since"))
		known := early + int(since.Sub(began)/time.Second)
		if err != nil || known < early || known > now {
			http.Error(w, "since is not a time of this stream", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/dash-patch+xml")
		_, _ = w.Write([]byte(livePatch(began, known, now)))
	case "time.txt":
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, time.Now().UTC().Format(time.RFC3339Nano))
	default:
		l.tree.ServeFile(w, r)
	}
}

func published(began time.Time, segments int) string {
	return began.Add(time.Duration(segments-early) * time.Second).Format(time.RFC3339)
}

func patchLocation(at string) string {
	return `<PatchLocation ttl="30">update.mpp?since=` + strings.ReplaceAll(at, ":", "%3A") + `</PatchLocation>`
}

func liveMPD(began time.Time, segments int) string {
	at := published(began, segments)
	return `<?xml version="1.0" encoding="utf-8"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-live:2011" id="live" type="dynamic" availabilityStartTime="` +
		began.Add(-early*time.Second).Format(time.RFC3339) + `" publishTime="` + at + `" minimumUpdatePeriod="PT1S" timeShiftBufferDepth="PT60S" suggestedPresentationDelay="PT3S" minBufferTime="PT1S" maxSegmentDuration="PT1S">
` + patchLocation(at) + `
<Period id="p0" start="PT0S">
<AdaptationSet id="1" contentType="video" segmentAlignment="true" mimeType="video/mp4">
<SegmentTemplate timescale="12800" initialization="init-stream$RepresentationID$.m4s" media="chunk-stream$RepresentationID$-$Number%05d$.m4s" startNumber="1">
<SegmentTimeline><S t="0" d="12800" r="` + fmt.Sprint(segments-1) + `"/></SegmentTimeline>
</SegmentTemplate>
<Representation id="0" codecs="avc1.42c00c" bandwidth="100000" width="160" height="90"/>
</AdaptationSet>
</Period>
<UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-iso:2014" value="time.txt"/>
</MPD>
`
}

func livePatch(began time.Time, known, now int) string {
	at := published(began, now)
	var out strings.Builder
	fmt.Fprintf(&out, `<?xml version="1.0" encoding="utf-8"?>
<Patch xmlns="urn:mpeg:dash:schema:mpd-patch:2020" mpdId="live" originalPublishTime="%s" publishTime="%s">
<replace sel="/MPD/@publishTime">%s</replace>
<replace sel="/MPD/PatchLocation[1]">%s</replace>
`, published(began, known), at, at, patchLocation(at))
	if now > known {
		fmt.Fprintf(&out, `<add sel="/MPD/Period[@id='p0']/AdaptationSet[@id='1']/SegmentTemplate/SegmentTimeline"><S t="%d" d="12800" r="%d"/></add>
`, known*12800, now-known-1)
	}
	out.WriteString("</Patch>\n")
	return out.String()
}
