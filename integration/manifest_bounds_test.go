package integration_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// resident is how much memory a process has now, or had at most, in bytes.
func resident(t *testing.T, pid int, name string) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			kB, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kB << 10
		}
	}
	t.Fatalf("no %s in\n%s", name, status)
	return 0
}

// worst are manifests that once took a gigabyte of memory or seconds of a processor.
type worst struct{ bomb, bases []byte }

func newWorst() *worst {
	const size = 16 << 20
	var w worst
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = io.WriteString(z, "#EXTM3U\n"+strings.Repeat("#EXTINF:2,\ns\n", size/13))
	_ = z.Close()
	w.bomb = zipped.Bytes()
	// Base URLs in each other, in alternatives, before thousands of URLs.
	var mpd strings.Builder
	mpd.WriteString("<MPD>" + strings.Repeat("<BaseURL>a/</BaseURL>", 8) + "<Period>" + strings.Repeat("<BaseURL>b/</BaseURL>", 8) + "<AdaptationSet><SegmentList>")
	mpd.WriteString(strings.Repeat(`<SegmentURL media="../../cam/s"/>`, 8_000) + "</SegmentList>")
	for i := range 3_000 {
		fmt.Fprintf(&mpd, `<Representation id="%d"><BaseURL>../%d/</BaseURL></Representation>`, i, i)
	}
	mpd.WriteString("</AdaptationSet></Period></MPD>")
	w.bases = []byte(mpd.String())
	return &w
}

func (o *worst) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]; name {
	case "bomb.m3u8":
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(o.bomb)
	case "long.m3u8":
		line := []byte(strings.Repeat("#EXTINF:2,\nsegment.ts\n", 1000))
		_, _ = io.WriteString(w, "#EXTM3U\n")
		for range 400 {
			if _, err := w.Write(line); err != nil {
				return
			}
		}
	case "line.m3u8":
		_, _ = io.WriteString(w, "#EXTM3U\n#EXT-X-KEY:URI=\"data:text/plain,"+strings.Repeat("x", 8<<20)+"\"\n")
	case "bases.mpd":
		w.Header().Set("Content-Type", "application/dash+xml")
		_, _ = w.Write(o.bases)
	case "large.mpd":
		w.Header().Set("Content-Type", "application/dash+xml")
		_, _ = io.WriteString(w, "<MPD><Period>"+strings.Repeat(`<AdaptationSet><SegmentTemplate media="a"/></AdaptationSet>`, 120_000)+"</Period></MPD>")
	case "index.m3u8":
		w.Header().Set("Content-Type", hls)
		_, _ = io.WriteString(w, "#EXTM3U\nseg.ts\n")
	default:
		_, _ = io.WriteString(w, "segment")
	}
}

// 100 requests at once for the worst manifests take at most 300 MB above idle, and a legal
// viewer beside them plays on.
func TestWorstManifestsAtOnce(t *testing.T) {
	g, _ := guardSessions(t, setup{}, newWorst())
	viewer := g.key.Token(t, "--org", "org1", "--stream", "cam")
	st := g.sessionToken(t, viewer)
	idle := resident(t, g.Pid(), "VmRSS")
	ctx, stop := context.WithCancel(t.Context())
	var plays, fails atomic.Int64
	var beside sync.WaitGroup
	beside.Go(func() {
		for ctx.Err() == nil {
			for _, path := range []string{"/live/org1/cam/index.m3u8?token=" + viewer, "/live/org1/cam/~" + st + "/seg.ts"} {
				answer, err := http.Get(g.Plain() + path)
				if err != nil {
					fails.Add(1)
					continue
				}
				_, _ = io.Copy(io.Discard, answer.Body)
				answer.Body.Close()
				if answer.StatusCode == http.StatusOK {
					plays.Add(1)
				} else {
					fails.Add(1)
				}
			}
		}
	})
	var attack sync.WaitGroup
	var slowest atomic.Int64
	statuses := make([]atomic.Int64, 600)
	tokens := make([]string, 25)
	for i := range tokens {
		tokens[i] = g.key.Token(t, "--org", "org1", "--stream", "cam")
	}
	for i := range 100 {
		attack.Go(func() {
			name := []string{"bomb.m3u8", "long.m3u8", "line.m3u8", "bases.mpd", "large.mpd"}[i%5]
			begun := time.Now()
			answer, err := http.Get(g.Plain() + "/live/org1/cam/" + name + "?token=" + tokens[i%len(tokens)])
			if err != nil {
				t.Error(err)
				return
			}
			defer answer.Body.Close()
			statuses[answer.StatusCode].Add(1)
			if _, err := io.Copy(io.Discard, answer.Body); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if took := int64(time.Since(begun)); took > slowest.Load() {
				slowest.Store(took)
			}
		})
	}
	attack.Wait()
	stop()
	beside.Wait()
	peak := resident(t, g.Pid(), "VmHWM")
	t.Logf("idle %d MB, at most %d MB above; %d answers with 200, %d with 503; the slowest took %s; the viewer played %d times",
		idle>>20, (peak-idle)>>20, statuses[200].Load(), statuses[503].Load(), time.Duration(slowest.Load()), plays.Load())
	if peak-idle > 300<<20 {
		t.Errorf("%d MB above idle", (peak-idle)>>20)
	}
	if plays.Load() < 10 || fails.Load() > 0 {
		t.Errorf("the viewer played %d times and failed %d times", plays.Load(), fails.Load())
	}
	if statuses[200].Load() < 60 || statuses[200].Load()+statuses[503].Load() != 100 {
		t.Errorf("%d answers with 200, %d with 503", statuses[200].Load(), statuses[503].Load())
	}
}

// References that get no token are said: in the log, in a counter, and by explain.
func TestUntokenedReferencesAreSaid(t *testing.T) {
	t.Parallel()
	const playlist = "#EXTM3U\n#EXT-X-DEFINE:IMPORT=\"a\"\n#EXTINF:2,\n{$a}/1.ts\n#EXTINF:2,\nseg.ts\n#EXTINF:2,\n{$a}/2.ts\n"
	g, _ := guardSessions(t, setup{globals: "metrics\n"}, serve(hls, playlist))
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	g.allowed(t, g.get(t, "/live/org1/cam/index.m3u8?token="+token))
	if text := g.metrics(t); !strings.Contains(text, `playgate_untokened_references_total{kind="variable"} 2`) {
		t.Errorf("not counted: %s", only(text, "playgate_untokened"))
	}
	var line string
	for text := range strings.Lines(g.Output()) {
		if strings.Contains(text, "playgate_untokened") {
			line = text
		}
	}
	if !strings.Contains(line, `"playgate_untokened":2`) || !strings.Contains(line, `"playgate_untokened_kind":"variable"`) || strings.Contains(line, token) {
		t.Errorf("the access log says %q", line)
	}
}
