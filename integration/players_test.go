//go:build players

package integration_test

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// modes are the ways of propagation that need nothing of a player.
var modes = []string{"query", "path", "session"}

// format is a column of the matrix.
type format struct {
	name string
	// scheme, path and mediaType make the first URL and say what is there.
	scheme, path, mediaType string
}

const hlsType = "application/vnd.apple.mpegurl"

var (
	hlsTS       = format{"HLS TS", "http", "ts/index.m3u8", hlsType}
	hlsFMP4     = format{"HLS fMP4", "http", "fmp4/index.m3u8", hlsType}
	lowLatency  = format{"LL-HLS", "http", "low/index.m3u8", hlsType}
	mediaMTX    = format{"HLS as MediaMTX has it", "http", "", hlsType}
	mpegDASH    = format{"DASH", "http", "dash/manifest.mpd", "application/dash+xml"}
	progressive = format{"Progressive fMP4", "http", "file/clip.mp4", "video/mp4"}
	socketFLV   = format{"WebSocket-FLV", "ws", "socket/live.flv", "video/x-flv"}

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
		{name: "shaka-player", npm: "shaka-player", plays: everyFile},
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
	mode   string
	bad    bool
}

// stream is a name that no other run uses, by which the log is searched. The
// origin that is shaped like MediaMTX knows only one.
func (c cell) stream() string {
	if c.format == mediaMTX {
		return "cam"
	}
	name := strings.Join([]string{c.player.name, c.format.name, c.mode, "run"}, "-")
	if c.bad {
		name = "bad-" + name
	}
	return strings.NewReplacer(" ", "-", ".", "-").Replace(name)
}

func (c cell) String() string {
	name := c.player.name + "/" + c.format.name + "/" + c.mode
	if c.bad {
		name += "/bad token"
	}
	return name
}

// stage is all that the runs share.
type stage struct {
	gate    *harness.Server
	key     *harness.Key
	browser *harness.Browser
	// sites are addresses, by mode; shaped are those before the origin that is
	// shaped like MediaMTX.
	sites, shaped map[string]string

	mu sync.Mutex
	// told is how a page learned why it was refused, for each cell that was.
	told map[string]string
	// played are the cells that did.
	played map[string]bool
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
	all := allCells()
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

func newStage(t *testing.T) *stage {
	t.Helper()
	packages := harness.InstallPackages(t)
	s := &stage{
		key:    harness.NewKey(t, "main", "EdDSA"),
		sites:  map[string]string{},
		shaped: map[string]string{},
		told:   map[string]string{},
		played: map[string]bool{},
	}
	flv := harness.StartFLV(t, packages)
	env := harness.Env{
		"KEY":         s.key.PublicFile,
		"SESSION_KEY": strings.Repeat("only for tests; ", 4),
		"ORIGIN":      harness.NewOrigin(t, formatsHandler(t)).Addr,
		"SHAPED":      harness.MediaMTX(t).Addr,
		"FLV":         flv.Addr,
		"FLV_PATH":    flv.Path,
	}
	s.gate = harness.Serve(t, s.caddyfile(t), env)
	for _, addr := range append(slices.Collect(maps.Values(s.sites)), slices.Collect(maps.Values(s.shaped))...) {
		harness.Wait(t, "the server to answer at "+addr, func() bool {
			conn, err := net.Dial("tcp", addr)
			if err == nil {
				conn.Close()
			}
			return err == nil
		})
	}
	s.browser = harness.StartBrowser(t, packages)
	return s
}

// formatsHandler has every format but FLV below /live/{org}/{stream}/.
func formatsHandler(t *testing.T) http.Handler {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/live/{org}/{stream}/low/", harness.LowLatency(t))
	for dir, tree := range map[string]*harness.Tree{
		"ts": harness.PlainTS(t), "fmp4": harness.FragmentedMP4(t), "dash": harness.DASH(t), "file": harness.Progressive(t),
	} {
		mux.HandleFunc("/live/{org}/{stream}/"+dir+"/", tree.ServeFile)
	}
	return mux
}

// caddyfile has two sites for each mode, on ports of their own. One mode has a cache.
func (s *stage) caddyfile(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	out.WriteString("{\n" + globals + `
	log default {
		format playgate json
	}
	playgate {
		store off
		session_key {env.SESSION_KEY}
		key main {
			file {$KEY}
		}
	}
}
`)
	for _, mode := range modes {
		cache := ""
		if mode == "session" { // the default
			cache = "playgate_cache"
		}
		s.sites[mode] = harness.Loopback(harness.Port(t))
		s.shaped[mode] = harness.Loopback(harness.Port(t))
		fmt.Fprintf(&out, `
http://%[1]s {
	log {
		format playgate json
	}
	playgate {
		stream /live/{org}/{stream}/*
		propagate %[2]s
	}
	%[3]s
	@flv path *.flv
	rewrite @flv {$FLV_PATH}
	reverse_proxy @flv {$FLV}
	reverse_proxy {$ORIGIN}
}

http://%[4]s {
	log {
		format playgate json
	}
	playgate {
		stream /{org}/{stream}/*
		propagate %[2]s
	}
	%[3]s
	reverse_proxy {$SHAPED}
}
`, s.sites[mode], mode, cache, s.shaped[mode])
	}
	return out.String()
}

// url is the first URL of a run, all that a player is given.
func (s *stage) url(t *testing.T, c cell) string {
	token := s.key.Sign(t, harness.Good("org1", c.stream()))
	if c.bad {
		token = harness.BreakSignature(token)
	}
	if c.format == mediaMTX {
		return "http://" + s.shaped[c.mode] + "/org1/cam/index.m3u8?token=" + token
	}
	site, path := c.format.scheme+"://"+s.sites[c.mode]+"/live", "/org1/"+c.stream()+"/"+c.format.path
	if c.mode == "path" && slices.Contains(c.player.unmoved, c.format) {
		return site + "/~" + token + path
	}
	return site + path + "?token=" + token
}

func (s *stage) run(t *testing.T, c cell) {
	url := s.url(t, c)
	if c.player.native != nil {
		if err := c.player.native.Play(t.Context(), url); err != nil {
			t.Fatal(err)
		}
		s.note(c, "")
		return
	}
	o, err := s.browser.Run(t.Context(), c.player.name, url, c.format.mediaType)
	// On a busy machine a player sometimes breaks on its own, straight from the
	// origin too, most of all at the live edge. The log is checked for every attempt.
	for again := 0; again < 2 && err == nil && o.BrokeAlone(); again++ {
		t.Logf("tried again after: %+v", o)
		o, err = s.browser.Run(t.Context(), c.player.name, url, c.format.mediaType)
	}
	switch {
	case err != nil:
		t.Fatal(err)
	case !c.bad && !o.Played:
		t.Fatalf("does not play: %+v", o)
	case c.bad && (o.Status != http.StatusUnauthorized || o.Reason != "bad_signature"):
		t.Fatalf("the page learns %d %q: %+v", o.Status, o.Reason, o)
	}
	s.note(c, o.From)
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
	allowed := 0
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
		}
	}
	// A manifest, its redirect in path mode, and a child at the least.
	if (c.format != progressive && c.format != socketFLV) && !c.bad && allowed < 3 {
		t.Errorf("only %d requests were allowed", allowed)
	}
}
