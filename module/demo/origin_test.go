package demo

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
)

func startOrigin(t *testing.T) *Origin {
	t.Helper()
	o, err := NewOrigin()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.Close)
	return o
}

func get(t *testing.T, h http.Handler, target string) *httptest.ResponseRecorder {
	t.Helper()
	answers := make(chan *httptest.ResponseRecorder, 1)
	go func() {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), http.MethodGet, target, nil))
		answers <- w
	}()
	select {
	case w := <-answers:
		return w
	case <-time.After(5 * time.Second):
		t.Fatalf("%s was not answered", target)
		return nil
	}
}

func body(t *testing.T, h http.Handler, target string) string {
	t.Helper()
	w := get(t, h, target)
	if w.Code != http.StatusOK {
		t.Fatalf("%s answered %d", target, w.Code)
	}
	return w.Body.String()
}

var quotedURI = regexp.MustCompile(`URI="([^"]+)"`)

// media names the playlists of picture and sound.
func media(t *testing.T, h http.Handler) (video, audio string) {
	t.Helper()
	for line := range strings.Lines(body(t, h, "/any/prefix/index.m3u8")) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "#EXT-X-MEDIA:"):
			audio = "/any/prefix/" + quotedURI.FindStringSubmatch(line)[1]
		case line != "" && line[0] != '#':
			video = "/any/prefix/" + line
		}
	}
	if video == "" || audio == "" {
		t.Fatalf("the multivariant playlist names %q and %q", video, audio)
	}
	return video, audio
}

// edge is the place after the newest part of a playlist.
func edge(t *testing.T, playlist string) (msn, part int) {
	t.Helper()
	for line := range strings.Lines(playlist) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "#EXT-X-MEDIA-SEQUENCE:"):
			n, err := strconv.Atoi(strings.TrimPrefix(line, "#EXT-X-MEDIA-SEQUENCE:"))
			if err != nil {
				t.Fatal(err)
			}
			msn += n
		case strings.HasPrefix(line, "#EXT-X-PART:"):
			part++
		case line != "" && line[0] != '#':
			msn++
			part = 0
		}
	}
	return msn, part
}

func TestClip(t *testing.T) {
	c, err := readClip(clipTS)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(c.sound) * 1024; got != clipSeconds*c.audio.SampleRate {
		t.Errorf("%d samples do not fill %d seconds at %d Hz", got, clipSeconds, c.audio.SampleRate)
	}
	if len(clipTS) > 100_000 {
		t.Errorf("the clip has %d bytes", len(clipTS))
	}
	if _, err := readClip(clipTS[:len(clipTS)/2/188*188]); err == nil {
		t.Error("half a clip was accepted")
	}
}

func TestOriginPlaysAtOnce(t *testing.T) {
	began := time.Now()
	o := startOrigin(t)
	video, audio := media(t, o)

	for _, name := range []string{video, audio} {
		list := body(t, o, name)
		if n := strings.Count(list, "#EXTINF:1.00000,"); n != 7 {
			t.Errorf("%s has %d segments of a second, not 7:\n%s", name, n, list)
		}
		if strings.Contains(list, "#EXT-X-GAP") {
			t.Errorf("%s begins with gaps", name)
		}
		parts := strings.Count(list, "#EXT-X-PART:")
		if parts < 10 || parts != strings.Count(list, "#EXT-X-PART:DURATION=0.20000,") {
			t.Errorf("%s has parts of odd length:\n%s", name, list)
		}
		if !strings.Contains(list, "CAN-BLOCK-RELOAD=YES") || !strings.Contains(list, "#EXT-X-PRELOAD-HINT:") {
			t.Errorf("%s is not low latency:\n%s", name, list)
		}
		for _, uri := range quotedURI.FindAllStringSubmatch(list, -1) {
			data := body(t, o, "/any/prefix/"+uri[1]) // the hinted part as well, which is still to come
			if len(data) < 8 || (data[4:8] != "ftyp" && data[4:8] != "moof") {
				t.Errorf("%s is not fMP4", uri[1])
			}
		}
	}
	if d := time.Since(began); d > 2*time.Second {
		t.Errorf("it took %v", d)
	}
}

// Both tracks go on without a hole or an overlap, over the clip's seam as well.
func TestTimestampsAreContinuous(t *testing.T) {
	o, err := newOrigin(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer o.muxer.Close()
	video, audio := media(t, o)

	for _, name := range []string{video, audio} {
		next := uint64(0)
		for line := range strings.Lines(body(t, o, name)) {
			line = strings.TrimSpace(line)
			if line == "" || line[0] == '#' {
				continue
			}
			var parts fmp4.Parts
			if err := parts.Unmarshal([]byte(body(t, o, "/"+line))); err != nil {
				t.Fatal(err)
			}
			for _, part := range parts {
				for _, track := range part.Tracks {
					if next != 0 && track.BaseTime != next {
						t.Errorf("%s: %d follows %d", line, track.BaseTime, next)
					}
					next = track.BaseTime
					for _, sample := range track.Samples {
						next += uint64(sample.Duration)
					}
				}
			}
		}
		if next == 0 {
			t.Errorf("%s holds no samples", name)
		}
	}
}

func TestBlockingReload(t *testing.T) {
	o := startOrigin(t)
	video, _ := media(t, o)

	msn, part := edge(t, body(t, o, video))
	for range 6 { // more than a segment
		list := body(t, o, fmt.Sprintf("%s?_HLS_msn=%d&_HLS_part=%d", video, msn, part))
		gotMSN, gotPart := edge(t, list)
		if gotMSN < msn || (gotMSN == msn && gotPart <= part) {
			t.Fatalf("asked for %d.%d, got a playlist up to %d.%d", msn, part, gotMSN, gotPart)
		}
		msn, part = gotMSN, gotPart
	}

	if w := get(t, o, fmt.Sprintf("%s?_HLS_msn=%d", video, msn+100)); w.Code != http.StatusBadRequest {
		t.Errorf("a reload of the far future answered %d", w.Code)
	}
}

func TestOriginRefuses(t *testing.T) {
	o := startOrigin(t)
	for _, name := range []string{"/", "/gap.mp4", "/nothing.m3u8", "/../clip.ts"} {
		if w := get(t, o, name); w.Code != http.StatusNotFound {
			t.Errorf("%s answered %d", name, w.Code)
		}
	}
	w := httptest.NewRecorder()
	o.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/index.m3u8", nil))
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST answered %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
}

func TestClockStep(t *testing.T) {
	for name, step := range map[string]time.Duration{"slept": 10 * time.Hour, "set back": -10 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			now := time.Now().Round(0)
			o, err := newOrigin(now)
			if err != nil {
				t.Fatal(err)
			}
			defer o.muxer.Close()

			before := o.pictures
			now = now.Add(step)
			next, err := o.writeUntil(now)
			if err != nil {
				t.Fatal(err)
			}
			if n := o.pictures - before; n > 2 {
				t.Errorf("%d pictures were written at once", n)
			}
			if wait := next.Sub(now); wait < 0 || wait > time.Second {
				t.Errorf("the next picture is due in %v", wait)
			}
		})
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	o, err := NewOrigin()
	if err != nil {
		t.Fatal(err)
	}
	video, _ := media(t, o)
	msn, _ := edge(t, body(t, o, video))

	// Asks for what is at least a second away.
	waiting := make(chan int, 1)
	target := fmt.Sprintf("%s?_HLS_msn=%d&_HLS_part=4", video, msn+1)
	go func() {
		w := httptest.NewRecorder()
		o.ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), http.MethodGet, target, nil))
		waiting <- w.Code
	}()

	o.Close()
	o.Close()
	select {
	case code := <-waiting:
		if code < 500 {
			t.Errorf("the waiting request was answered %d", code)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("a request still waits")
	}
	if w := get(t, o, "/index.m3u8"); w.Code != http.StatusServiceUnavailable {
		t.Errorf("a closed stream answers %d", w.Code)
	}

	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<16)
			t.Fatalf("goroutines are left:\n%s", stacks[:runtime.Stack(stacks, true)])
		}
		runtime.Gosched()
	}
}
