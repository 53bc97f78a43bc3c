//go:build players

package integration_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// modes are the ways of propagation that need nothing of a player.
var modes = []string{"query", "path", "session"}

// format is a column of the matrix, or a row of the second table.
type format struct {
	name string
	// path and mediaType make the first URL and say what is there. The scheme is http
	// if there is none.
	scheme, path, mediaType string
	// seconds are to be played in a page, instead of one.
	seconds int
	// also is a thumbnail that a page loads, see harness.Options. Only some players
	// have thumbnails of their own.
	also string
	// asked is the end of a path, without its query, that has to be asked for and
	// allowed.
	asked string
	// except is a mode that cannot carry the token to this site without carrying it to
	// another host too.
	except string
	// If sameOrigin is true, the page of the player is on the gate's own origin. Only
	// then a browser sends the cookies of the origin by itself.
	sameOrigin bool
}

const hlsType = "application/vnd.apple.mpegurl"

var (
	hlsTS       = format{name: "HLS TS", path: "ts/index.m3u8", mediaType: hlsType}
	hlsFMP4     = format{name: "HLS fMP4", path: "fmp4/index.m3u8", mediaType: hlsType}
	lowLatency  = format{name: "LL-HLS", path: "low/index.m3u8", mediaType: hlsType}
	mediaMTX    = format{name: "HLS as MediaMTX has it", mediaType: hlsType}
	mpegDASH    = format{name: "DASH", path: "dash/manifest.mpd", mediaType: dashType}
	progressive = format{name: "Progressive fMP4", path: "file/clip.mp4", mediaType: "video/mp4"}
	socketFLV   = format{name: "WebSocket-FLV", scheme: "ws", path: "socket/live.flv", mediaType: "video/x-flv"}

	formats = []format{hlsTS, hlsFMP4, lowLatency, mediaMTX, mpegDASH, progressive, socketFLV}
)

// player is a row of the matrix.
type player struct {
	name  string
	plays []format
	// unmoved are formats of which the player resolves URIs against the URL that
	// it was given, redirected or not. In path mode its first URL has to have the
	// token where it is to stay.
	unmoved []format
	// native is nil for a player in a page.
	native *harness.NativePlayer
	// npm is the package of a player in a page, empty for the browser itself.
	npm string
}

var (
	everyHLS  = []format{hlsTS, hlsFMP4, lowLatency, mediaMTX}
	everyFile = append(slices.Clone(everyHLS), mpegDASH, progressive)

	allPlayers = []player{
		{name: "hls.js", npm: "hls.js", plays: everyHLS},
		{name: "dash.js", npm: "dashjs", plays: []format{mpegDASH}},
		{name: "shaka-player", npm: "shaka-player", plays: everyFile, unmoved: []format{cuePictures, patched}},
		{name: "video.js", npm: "video.js", plays: everyFile},
		{name: "mpegts.js", npm: "mpegts.js", plays: []format{socketFLV}},
		{name: "chromium", plays: append(slices.Clone(everyHLS), progressive)},
		{name: "ffmpeg", native: &harness.FFmpeg, plays: everyFile, unmoved: []format{mpegDASH}},
		{name: "mpv", native: &harness.MPV, plays: everyFile, unmoved: []format{mpegDASH}},
		{name: "VLC", native: &harness.VLC, plays: everyFile},
	}
)

func without(all []format, one format) []format {
	return slices.DeleteFunc(slices.Clone(all), func(f format) bool { return f == one })
}

// cell is one run: a player, a format and a mode, with a good token or not.
type cell struct {
	player player
	format format
	way    *way // nil for a first URL with a token and nothing else
	mode   string
	bad    bool
}

// stream is a name that no other run uses, by which the log is searched. The
// origin that is shaped like MediaMTX knows only one.
func (c cell) stream() string {
	if c.format == mediaMTX {
		return "cam"
	}
	folder, _, _ := strings.Cut(c.format.path, "/")
	name := strings.Join([]string{c.player.name, folder, c.mode, "run"}, "-")
	if c.way != nil {
		name = c.way.short + "-" + name
	}
	if c.bad {
		name = "bad-" + name
	}
	return strings.ReplaceAll(name, ".", "-")
}

func (c cell) String() string {
	name := c.player.name + "/" + strings.ReplaceAll(c.format.name, "/", "slash") + "/" + c.mode
	if c.way != nil {
		name = c.way.short + "/" + name
	}
	if c.bad {
		name += "/bad token"
	}
	return name
}

// Every player plays every format that it knows, in every mode, given nothing
// but a first URL with a token; and no request that it makes is refused. With a
// bad token every player in a page lets the page know the status and the reason.
//
// It does not run beside other tests: players keep time.
func TestPlayers(t *testing.T) {
	s := newStage(t)
	cells := make(chan cell)
	var workers sync.WaitGroup
	for range 2 {
		workers.Go(func() {
			for c := range cells {
				t.Run(c.String(), func(t *testing.T) { s.run(t, c) })
			}
		})
	}
	all := append(allCells(), kindCells()...)
	for _, c := range all {
		cells <- c
	}
	close(cells)
	workers.Wait()
	if err := s.gate.Stop(); err != nil { // now the log is complete
		t.Errorf("the server on SIGTERM: %v", err)
	}
	for _, c := range all {
		t.Run(c.String()+"/log", func(t *testing.T) { s.checkLog(t, c) })
	}
	s.checkPool(t)
	versions := map[string]string{"chromium": s.browser.Version}
	for _, p := range allPlayers {
		switch {
		case p.native != nil:
			versions[p.name] = p.native.Version(t)
		case p.npm != "":
			versions[p.name] = harness.InstallPackages(t).Version(t, p.npm)
		}
	}
	checkPlayersPage(t, playersPage(s, versions))
}

func allCells() []cell {
	var all []cell
	for _, p := range allPlayers {
		for _, f := range p.plays {
			for _, mode := range modes {
				all = append(all, cell{player: p, format: f, mode: mode})
			}
			if p.native == nil && f != mediaMTX {
				all = append(all, badCell(p, f))
			}
		}
	}
	return all
}

// badCell is the run with a bad token: a refusal is the same in every mode.
func badCell(p player, f format) cell {
	return cell{player: p, format: f, mode: modes[0], bad: true}
}

// token is what a run has.
func (s *stage) token(t *testing.T, c cell) string {
	token := s.key.Sign(t, harness.Good("org1", c.stream()))
	if c.bad {
		token = harness.BreakSignature(token)
	}
	return token
}

// url is the first URL of a run. It is all that a player is given, but for a few ways.
func (s *stage) url(c cell, token string) string {
	if c.format == mediaMTX {
		return "http://" + s.shaped[c.mode] + "/org1/cam/index.m3u8?token=" + token
	}
	scheme := c.format.scheme
	if scheme == "" {
		scheme = "http"
	}
	site, path := scheme+"://"+s.sites[c.mode], "/org1/"+c.stream()+"/"+c.format.path
	switch c.way {
	case byHeader:
		return site + "/live" + path
	case byPrefix:
		site = s.prefixed[c.mode]
	case byPage:
		site = "http://" + s.named[c.mode]
	}
	if c.unmovedIn() {
		return site + "/live/~" + token + path
	}
	return site + "/live" + path + "?token=" + token
}

func (s *stage) run(t *testing.T, c cell) {
	token := s.token(t, c)
	url := s.url(c, token)
	if c.player.native != nil {
		header := ""
		if c.way == byHeader {
			header = "Authorization: Bearer " + token
		}
		if err := c.player.native.Play(t.Context(), url, header); err != nil {
			t.Fatalf("%v\n%s", err, s.withoutGate(t, c))
		}
		s.note(c, "")
		return
	}
	options := s.options(c, token)
	o, err := s.browser.RunWith(t.Context(), c.player.name, url, c.format.mediaType, options)
	// On a busy machine a player sometimes breaks on its own, straight from the
	// origin too, most of all at the live edge. The log is checked for every attempt.
	for again := 0; again < 2 && err == nil && o.BrokeAlone(); again++ {
		t.Logf("tried again after: %+v", o)
		o, err = s.browser.RunWith(t.Context(), c.player.name, url, c.format.mediaType, options)
	}
	switch {
	case err != nil:
		t.Fatal(err)
	case !c.bad && !o.Played:
		t.Fatalf("does not play: %+v\n%s", o, s.withoutGate(t, c))
	case c.bad && (o.Status != http.StatusUnauthorized || o.Reason != "bad_signature"):
		t.Fatalf("the page learns %d %q: %+v", o.Status, o.Reason, o)
	}
	s.note(c, o.From)
}

// withoutGate says for a failure whether the player plays the same without a gate.
func (s *stage) withoutGate(t *testing.T, c cell) string {
	if c.format == mediaMTX || c.format == socketFLV {
		return ""
	}
	asked := 0
	for _, call := range s.origin.Calls() {
		if strings.Contains(call.Target, "/"+c.stream()+"/") && asked < 20 {
			asked++
			t.Logf("the origin got %s %s", call.Method, call.Target)
		}
	}
	url := "http://" + s.open + "/live/org1/" + c.stream() + "/" + c.format.path
	var err error
	var o harness.Outcome
	if c.player.native != nil {
		err = c.player.native.Play(t.Context(), url, "")
	} else {
		options := harness.Options{Seconds: c.format.seconds, Also: c.also()}
		if c.format.sameOrigin {
			options.Page = "http://" + s.open + "/page/page.html"
		}
		o, err = s.browser.RunWith(t.Context(), c.player.name, url, c.format.mediaType, options)
	}
	if err != nil || c.player.native == nil && !o.Played {
		return fmt.Sprintf("without a gate it does not play either: %+v %v", o, err)
	}
	return "without a gate it plays"
}

func (s *stage) note(c cell, told string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.bad {
		s.told[c.String()] = told
	} else {
		s.played[c.String()] = true
	}
}

// checkLog wants requests of the run in the log, and that none was refused, or
// all with a bad token.
func (s *stage) checkLog(t *testing.T, c cell) {
	find := "/" + c.stream() + "/"
	if c.format == mediaMTX {
		find = s.shaped[c.mode]
	}
	s.mu.Lock()
	ran := s.played[c.String()] || s.told[c.String()] != ""
	s.mu.Unlock()
	if !ran {
		return // it has failed already
	}
	allowed, asked := 0, false
	for _, line := range s.gate.AccessLines(find) {
		reason := line.Text("playgate_reason")
		switch {
		case c.bad && reason != "bad_signature", !c.bad && reason != "":
			s.mu.Lock()
			delete(s.played, c.String())
			s.mu.Unlock()
			t.Errorf("reason %q: %v", reason, line)
		case reason == "":
			allowed++
			status, _ := line["status"].(float64)
			asked = asked || status < http.StatusBadRequest && strings.HasSuffix(requestPath(line), c.asked())
		}
	}
	if !asked && !c.bad {
		t.Errorf("nothing that ends in %q was delivered", c.asked())
	}
	// A manifest, its redirect in path mode, and a child at the least.
	if !slices.Contains([]format{progressive, socketFLV, foreign}, c.format) && !c.bad && allowed < 3 {
		t.Errorf("only %d requests were allowed", allowed)
	}
}

// requestPath is the path of a request as the access log has it.
func requestPath(line harness.Line) string {
	request, _ := line["request"].(map[string]any)
	uri, _ := request["uri"].(string)
	path, _, _ := strings.Cut(uri, "?")
	return path
}
