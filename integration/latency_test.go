package integration_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/playgate/playgate/integration/harness"
)

// reloads answers blocking reloads of a low-latency playlist: each waits for the
// part that it names and gets the playlist when that part is there.
type reloads struct {
	mu   sync.Mutex
	next map[string]chan struct{}
}

func (r *reloads) part(name string) chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next[name] == nil {
		r.next[name] = make(chan struct{})
	}
	return r.next[name]
}

func (r *reloads) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	query := request.URL.Query()
	select {
	case <-r.part(query.Get("_HLS_msn") + "." + query.Get("_HLS_part")):
	case <-request.Context().Done():
		return
	}
	w.Header().Set("Content-Type", "application/vnd.apple.mpegurl")
	io.WriteString(w, lowLatencyPlaylist)
}

// lowLatencyPlaylist has 182 URIs and some 7 kB, as a camera's with parts of
// 200 ms has.
var lowLatencyPlaylist = func() string {
	var text strings.Builder
	text.WriteString("#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:2\n" +
		"#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=0.6\n#EXT-X-PART-INF:PART-TARGET=0.2\n" +
		"#EXT-X-MEDIA-SEQUENCE:100\n#EXT-X-MAP:URI=\"init.mp4\"\n")
	for segment := range 16 {
		for part := range 10 {
			fmt.Fprintf(&text, "#EXT-X-PART:DURATION=0.2,URI=\"s%d.%d.mp4\"\n", segment, part)
		}
		fmt.Fprintf(&text, "#EXTINF:2.0,\ns%d.mp4\n", segment)
	}
	for part := range 4 {
		fmt.Fprintf(&text, "#EXT-X-PART:DURATION=0.2,URI=\"s16.%d.mp4\"\n", part)
	}
	text.WriteString("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"s16.4.mp4\"\n")
	return text.String()
}()

// A blocking LL-HLS reload's first byte comes at most 50 ms later than from the
// origin itself (median of 50).
func TestBlockingReload(t *testing.T) {
	origin := &reloads{next: map[string]chan struct{}{}}
	g := guard(t, setup{}, origin)
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	const path = "/live/org1/cam/stream.m3u8"
	const rounds = 50
	var later []time.Duration
	for round := range rounds {
		query := fmt.Sprintf("_HLS_msn=%d&_HLS_part=3", round)
		before := len(g.origin.Calls())
		direct := firstByte(g.origin.URL + path + "?" + query)
		gated := firstByte(g.Plain() + path + "?" + query + "&token=" + token)
		harness.Wait(t, "both reloads to block at the origin", func() bool { return len(g.origin.Calls()) >= before+2 })
		close(origin.part(fmt.Sprintf("%d.3", round)))
		a, b := <-direct, <-gated
		if a.err != nil || b.err != nil {
			t.Fatalf("reload: directly %v, through the gate %v", a.err, b.err)
		}
		later = append(later, b.at.Sub(a.at))
	}
	slices.Sort(later)
	median := later[rounds/2]
	t.Logf("median %v, worst %v", median, later[rounds-1])
	if median > 50*time.Millisecond {
		t.Errorf("through the gate the first byte comes %v later", median)
	}
}

type arrival struct {
	at  time.Time
	err error
}

// firstByte tells when the first byte of a body came, on a connection that was
// open before as a player's is.
func firstByte(url string) <-chan arrival {
	arrived := make(chan arrival, 1)
	go func() {
		response, err := http.Get(url)
		if err != nil {
			arrived <- arrival{err: err}
			return
		}
		defer response.Body.Close()
		_, err = response.Body.Read(make([]byte, 1))
		a := arrival{at: time.Now(), err: err}
		if err == nil && response.StatusCode != http.StatusOK {
			a.err = fmt.Errorf("status %d", response.StatusCode)
		}
		io.Copy(io.Discard, response.Body)
		arrived <- a
	}()
	return arrived
}

// The first chunk of a progressive stream passes before the second exists.
func TestFirstChunkPasses(t *testing.T) {
	t.Parallel()
	got := make(chan struct{}, 1)
	g := guard(t, setup{}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "video/mp4")
		io.WriteString(w, "first\n")
		w.(http.Flusher).Flush()
		select {
		case <-got:
			io.WriteString(w, "second\n")
		case <-r.Context().Done():
		case <-time.After(harness.Deadline):
		}
	}))
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	for _, extension := range []string{".mp4", ".flv", ".ts", ""} {
		t.Run("live"+extension, func(t *testing.T) {
			response, err := http.Get(g.Plain() + "/live/org1/cam/live" + extension + "?token=" + token)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			lines := bufio.NewReader(response.Body)
			if line, err := lines.ReadString('\n'); err != nil || line != "first\n" {
				t.Fatalf("first chunk: %q, %v", line, err)
			}
			got <- struct{}{}
			if line, err := lines.ReadString('\n'); err != nil || line != "second\n" {
				t.Fatalf("second chunk: %q, %v", line, err)
			}
		})
	}
}
