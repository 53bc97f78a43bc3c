package integration_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/playgate/playgate/integration/harness"
)

// lastUsed is what the overview says of a token; zero when it was not used.
func (i *issuing) lastUsed(t *testing.T, token string) time.Time {
	t.Helper()
	var shown struct {
		LastUsed time.Time `json:"last_used"`
	}
	if err := json.Unmarshal([]byte(i.do(t, "token", "show", harness.TokenID(t, token), "--json")), &shown); err != nil {
		t.Fatal(err)
	}
	return shown.LastUsed
}

// The overview says when a token was used last, by itself or by its session, and
// says it still after the server was started again.
func TestLastUsed(t *testing.T) {
	t.Parallel()
	i := startIssuingFor(t, playlist("#EXTM3U\n#EXTINF:1,\nseg.ts\n"), issuer, nil)
	i.do(t, "org", "create", "org1")
	token := i.do(t, "token", "create", "--org", "org1", "--stream", "cam")
	unused := i.do(t, "token", "create", "--org", "org1", "--stream", "cam")
	refused := i.do(t, "token", "create", "--org", "org1", "--stream", "cam", "--ip", "198.51.100.1")
	before := time.Now().Truncate(time.Second)
	list := i.get(t, "/live/org1/cam/index.m3u8?token="+token)
	i.refused(t, i.get(t, target(refused)), 403, "wrong_ip")
	first := i.lastUsed(t, token)
	if first.Before(before) || first.After(time.Now()) {
		t.Errorf("last used %v, and it was not before %v", first, before)
	}
	for what, text := range map[string]string{"one that nobody used": unused, "one that was refused": refused} {
		if at := i.lastUsed(t, text); !at.IsZero() {
			t.Errorf("%s was used at %v", what, at)
		}
	}
	session := sessionToken.FindString(string(list.Body))
	harness.Wait(t, "the next second", func() bool { return time.Now().After(first.Add(time.Second)) })
	i.allowed(t, i.get(t, target(session)))
	second := i.lastUsed(t, token)
	if !second.After(first) {
		t.Errorf("its session was used later than %v, and last used is %v", first, second)
	}
	if err := i.Stop(); err != nil {
		t.Fatal(err)
	}
	again := startIssuingFor(t, nil, issuer, i.env)
	if at := again.lastUsed(t, token); !at.Equal(second) {
		t.Errorf("after a restart it was last used at %v, not %v", at, second)
	}
	if line := again.do(t, "token", "list"); !strings.Contains(line, "LAST USED") {
		t.Errorf("the list:\n%s", line)
	}
}

// viewers is what the overview of streams says.
func (i *issuing) viewers(t *testing.T, stream string) int {
	t.Helper()
	var shown struct{ Viewers int }
	if err := json.Unmarshal([]byte(i.do(t, "stream", "show", "--org", "org1", stream, "--json")), &shown); err != nil {
		t.Fatal(err)
	}
	return shown.Viewers
}

// window is how long a viewer counts after the last request.
const window = 30 * time.Second

// Each viewer of a stream counts once, whatever it asks for and by which of its
// tokens, and a socket for as long as it is open.
func TestViewers(t *testing.T) {
	t.Parallel()
	i := startIssuingFor(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			harness.EchoSocket(w, r)
			return
		}
		playlist("#EXTM3U\n#EXTINF:1,\nseg.ts\n").ServeHTTP(w, r)
	}), issuer, nil)
	i.do(t, "org", "create", "org1")
	for _, stream := range []string{"cam", "cam2", "cam3"} {
		i.do(t, "stream", "create", "--org", "org1", stream)
	}
	play := func(stream, token string) {
		t.Helper()
		list := i.get(t, "/live/org1/"+stream+"/index.m3u8?token="+token)
		session := sessionToken.FindString(string(list.Body))
		for range 3 {
			i.allowed(t, i.get(t, "/live/org1/"+stream+"/seg.ts?token="+session))
			i.allowed(t, i.get(t, "/live/org1/"+stream+"/index.m3u8?token="+token))
		}
	}
	one := i.do(t, "token", "create", "--org", "org1", "--orgwide")
	two := i.do(t, "token", "create", "--org", "org1", "--orgwide")
	play("cam", one)
	play("cam", two)
	play("cam2", one)
	i.refused(t, i.get(t, "/live/org1/cam3/seg.ts"), 401, "missing_token")
	harness.Wait(t, "the viewers to be counted", func() bool {
		return i.viewers(t, "cam") == 2 && i.viewers(t, "cam2") == 1 && i.viewers(t, "cam3") == 0
	})
	socket, _, err := websocket.Dial(t.Context(), i.Plain()+"/live/org1/cam3/ws?token="+two, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.CloseNow()
	opened := time.Now()
	// With nothing asked for any more, it alone is left, longer than its handshake
	// counts.
	left := func() bool { return i.viewers(t, "cam") == 0 && i.viewers(t, "cam2") == 0 }
	if !harness.Eventually(2*harness.Deadline, func() bool { return time.Since(opened) > window+2*time.Second && left() }) {
		t.Fatal("viewers who left are still counted")
	}
	if n := i.viewers(t, "cam3"); n != 1 {
		t.Errorf("%d viewers by a socket that is open", n)
	}
	if got := string(harness.Curl(t, "http://"+i.Admin+"/metrics").Body); !strings.Contains(got, "\nplaygate_viewers 1\n") {
		t.Error("playgate_viewers is not 1")
	}
}

// playlist is an origin of one.
func playlist(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.apple.mpegurl")
		_, _ = w.Write([]byte(text))
	})
}
