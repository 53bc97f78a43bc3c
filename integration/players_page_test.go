//go:build players

package integration_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

const playersIntro = `# Player compatibility

The tests run these players behind the gate, and write this page. A player gets one URL
with a token, ` + "`…?token=TOKEN`" + `, and nothing else: no header, no callback, no plug-in.
Everything that it requests afterwards has to be allowed too.

`

const playersLegend = `
- **all**: a second or more was played with ` + "`propagate query`, `path` and `session`" + `,
  and the gate refused none of the player's requests. Where only some of these
  play, they are named.
- **–**: the player does not know the format, whatever stands in front of it.
- **¹**: the player resolves the URIs of the manifest against the URL that it was
  given, even when it was redirected. With ` + "`propagate path`" + ` give it a URL that has
  the token in its path already, ` + "`/live/~TOKEN/…`" + `.
- *HLS as MediaMTX has it*: the origin redirects the first request to a URL
  without its query, keeps a session of its own, and copies the query into every
  URI.
- *LL-HLS*: a live stream with parts, preload hints and blocking reloads. A
  player that does not know these plays its whole segments. On a busy machine a
  player in a page now and then breaks at the live edge, without a gate too; then it
  is started again, at most twice.
- *chromium* is the browser's own player: a ` + "`<video>`" + ` element with the URL as its
  ` + "`src`" + `.
- In ` + "`path`" + ` mode a WebSocket keeps its token in the query: handshakes are not
  redirected.
`

const kindsIntro = `
## Other kinds of manifests

`

const kindsLegend = `
- **all**: played with every mode that was run, and the gate refused none of the
  player's requests. Players in a page run with ` + "`propagate query`, `path` and `session`" + `,
  the others with ` + "`query` and `session`" + `.
- **–**: not run. Most often the player does not know this kind.
- *Thumbnails*: the page also loads a picture, with the functions that dash.js and
  shaka-player have for it. hls.js leaves the thumbnails of a playlist alone. For the
  WebVTT file the page uses the token of the playlist's URL.
- *Patches*: dash.js and shaka-player load patches, video.js loads the whole MPD again.
- *A session cookie*: the page of the player is on the origin of the gate. From another
  origin a browser sends cookies only with credentials, and the gate allows these only
  with ` + "`propagate cookie`" + `.
- *A BaseURL on another host*: the segments come from this site or from the other host.
  The other host gets no token. With ` + "`propagate query`" + ` such a manifest cannot carry one,
  because both hosts get the same references; it is not run.
- *A remote period*: with ` + "`propagate query`" + ` its relative references get no token, because
  its base is that of the MPD; it is not run.
`

const waysIntro = `
## Other ways to ask

`

const waysLegend = `
- The table names what was played with every mode in the second column. If a format did
  not play with all of them, its modes are in brackets.
- *A header*: the URL has no token. The player sends ` + "`Authorization: Bearer TOKEN`" + ` with
  each request: hls.js by ` + "`xhrSetup`" + `, dash.js by a request interceptor, shaka-player by a
  request filter, video.js by ` + "`Vhs.xhr.onRequest`" + `, ffmpeg by ` + "`-headers`" + `, mpv by
  ` + "`--http-header-fields`" + `.
- *A prefix*: players ask for ` + "`/edge/live/…`" + `, and the gate sees ` + "`/live/…`" + `. With
  ` + "`propagate path`" + ` the first URL has the token in its path already: the gate does not know
  the prefix, and redirects without it.
- *Another site*: the page is on ` + "`http://localhost`" + ` and the gate on ` + "`http://127.0.0.1`" + `.
  With ` + "`propagate cookie`" + ` the player sends credentials. In the tables above the page is on
  another origin too, but the gate has its default ` + "`cors *`" + `.
`

const toldIntro = `
## What a page learns of a refusal

With a bad token each player in a page gives up, and the page can tell the viewer
the status and the reason (see [refusals](refusals.md)).

`

const toldLegend = `
- **event**: the player's own error event holds the status and the answer's body.
- **GET**: elements and sockets tell a page only that they failed. A ` + "`fetch`" + ` of the
  same URL, with ` + "`http`" + ` for ` + "`ws`" + `, is answered as the player's request was. The
  same goes for video.js, whose error holds the status only when the refusal came
  before the media source was open.

Where it is in the event:

| Player | Event | Status | Body |
|---|---|---|---|
| hls.js | ` + "`Hls.Events.ERROR`" + `, when ` + "`data.fatal`" + ` | ` + "`data.response.code`" + ` | ` + "`data.networkDetails.responseText`" + ` |
| dash.js | ` + "`error`" + ` | ` + "`e.error.data.response.status`" + ` | ` + "`e.error.data.response.data`" + ` |
| shaka-player | ` + "`error`, or what `load()` throws" + ` | ` + "`error.data[1]`" + ` | ` + "`error.data[2]`" + ` |
`

// playersPage is docs/player-compatibility.md as this run would have it.
func playersPage(s *stage, versions map[string]string) string {
	var out strings.Builder
	out.WriteString(playersIntro)
	tableHead(&out, "Player", formats)
	for _, p := range allPlayers {
		fmt.Fprintf(&out, "| %s %s |", p.name, versions[p.name])
		for _, f := range formats {
			fmt.Fprintf(&out, " %s |", s.outcome(p, f))
		}
		out.WriteByte('\n')
	}
	out.WriteString(playersLegend)
	s.writeKinds(&out)
	s.writeWays(&out)
	out.WriteString(toldIntro)
	columns := without(formats, mediaMTX)
	tableHead(&out, "Player", columns)
	for _, p := range allPlayers {
		if p.native != nil {
			continue
		}
		fmt.Fprintf(&out, "| %s |", p.name)
		for _, f := range columns {
			fmt.Fprintf(&out, " %s |", s.toldBy(p, f))
		}
		out.WriteByte('\n')
	}
	out.WriteString(toldLegend)
	return out.String()
}

func tableHead(out *strings.Builder, first string, columns []format) {
	fmt.Fprintf(out, "| %s |", first)
	for _, f := range columns {
		fmt.Fprintf(out, " %s |", f.name)
	}
	out.WriteString("\n|" + strings.Repeat("---|", len(columns)+1) + "\n")
}

// writeKinds has a row for each kind, and a column for each player that meets one.
func (s *stage) writeKinds(out *strings.Builder) {
	out.WriteString(kindsIntro)
	var columns []player
	head, line := "| Manifest |", "|---|"
	for _, p := range allPlayers {
		if len(kindsOf[p.name]) > 0 {
			columns = append(columns, p)
			head, line = head+" "+p.name+" |", line+"---|"
		}
	}
	out.WriteString(head + "\n" + line + "\n")
	for _, f := range kinds {
		fmt.Fprintf(out, "| %s |", f.name)
		for _, p := range columns {
			text := "–"
			if slices.Contains(kindsOf[p.name], f) {
				text = s.modesPlayed(cell{player: p, format: f}, modesOf(p, f))
				if slices.Contains(p.unmoved, f) && (text == "all" || strings.Contains(text, "path")) {
					text += " ¹"
				}
			}
			fmt.Fprintf(out, " %s |", text)
		}
		out.WriteByte('\n')
	}
	out.WriteString(kindsLegend)
}

// writeWays has a row for each way.
func (s *stage) writeWays(out *strings.Builder) {
	out.WriteString(waysIntro)
	var columns []player
	head, line := "| What | Modes |", "|---|---|"
	for _, p := range allPlayers {
		if slices.ContainsFunc(ways, func(w *way) bool { return len(w.plays[p.name]) > 0 }) {
			columns = append(columns, p)
			head, line = head+" "+p.name+" |", line+"---|"
		}
	}
	out.WriteString(head + "\n" + line + "\n")
	for _, w := range ways {
		fmt.Fprintf(out, "| %s | %s |", w.name, strings.Join(w.modes, ", "))
		for _, p := range columns {
			var formats []string
			for _, f := range w.plays[p.name] {
				text := f.name
				if played := s.modesPlayed(cell{player: p, format: f, way: w}, w.modes); played != "all" {
					text += " (" + played + ")"
				}
				formats = append(formats, text)
			}
			if len(formats) == 0 {
				formats = []string{"–"}
			}
			fmt.Fprintf(out, " %s |", strings.Join(formats, ", "))
		}
		out.WriteByte('\n')
	}
	out.WriteString(waysLegend)
}

// modesPlayed says in which of the modes the cell played.
func (s *stage) modesPlayed(c cell, modes []string) string {
	var played []string
	for _, c.mode = range modes {
		if s.played[c.String()] {
			played = append(played, c.mode)
		}
	}
	switch len(played) {
	case 0:
		return "no"
	case len(modes):
		return "all"
	}
	return strings.Join(played, ", ")
}

// outcome is what a cell of the matrix says.
func (s *stage) outcome(p player, f format) string {
	if !slices.Contains(p.plays, f) {
		return "–"
	}
	played := s.modesPlayed(cell{player: p, format: f}, modes)
	if played == "all" && slices.Contains(p.unmoved, f) {
		played += " ¹"
	}
	return played
}

// toldBy is how a page learned of a refusal.
func (s *stage) toldBy(p player, f format) string {
	if !slices.Contains(p.plays, f) {
		return "–"
	}
	if way := s.told[badCell(p, f).String()]; way != "" {
		return way
	}
	return "no"
}

// playerVersion is the version in a row of the matrix: the page is not out of
// date merely because a player is newer.
var playerVersion = regexp.MustCompile(`(?m)^(\| [A-Za-z.-]+) \d[\d.]* \|`)

// checkPlayersPage wants docs/player-compatibility.md to say what was found, and writes it
// when PLAYGATE_WRITE_DOCS is 1.
func checkPlayersPage(t *testing.T, found string) {
	t.Helper()
	path := filepath.Join(harness.Root(t), "docs", "player-compatibility.md")
	if os.Getenv("PLAYGATE_WRITE_DOCS") == "1" {
		if err := os.WriteFile(path, []byte(found), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	bare := func(page string) string { return playerVersion.ReplaceAllString(page, "$1 |") }
	if bare(string(text)) != bare(found) {
		t.Errorf("docs/player-compatibility.md does not say what was found; PLAYGATE_WRITE_DOCS=1 writes it\n%s", found)
	}
}
