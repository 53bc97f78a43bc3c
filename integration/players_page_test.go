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

const playersIntro = `# Players

What plays behind the gate. The tests run each of these players for real and
write this page. A player gets one URL with a token, ` + "`…?token=TOKEN`" + `, and nothing
else: no header, no callback, no plug-in. Whatever it asks for afterwards has to
get through by itself.

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

// playersPage is docs/players.md as this run would have it.
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

// outcome is what a cell of the matrix says.
func (s *stage) outcome(p player, f format) string {
	if !slices.Contains(p.plays, f) {
		return "–"
	}
	var played []string
	for _, mode := range modes {
		if s.played[cell{player: p, format: f, mode: mode}.String()] {
			played = append(played, mode)
		}
	}
	switch len(played) {
	case 0:
		return "no"
	case len(modes):
		if slices.Contains(p.unmoved, f) {
			return "all ¹"
		}
		return "all"
	}
	return strings.Join(played, ", ")
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

// checkPlayersPage wants docs/players.md to say what was found, and writes it
// when PLAYGATE_WRITE_DOCS is 1.
func checkPlayersPage(t *testing.T, found string) {
	t.Helper()
	path := filepath.Join(harness.Root(t), "docs", "players.md")
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
		t.Errorf("docs/players.md does not say what was found; PLAYGATE_WRITE_DOCS=1 writes it\n%s", found)
	}
}
