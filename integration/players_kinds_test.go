//go:build players

package integration_test

import (
	"slices"

	"github.com/playgate/playgate/integration/harness"
)

const dashType = "application/dash+xml"

// Kinds of manifests that players play less often. Each is a row of the second table.
var (
	variables   = format{name: "HLS with variables", path: "variables/index.m3u8", mediaType: hlsType}
	oddNames    = format{name: "HLS with blanks and letters of all languages in names", path: "names/index.m3u8", mediaType: hlsType}
	imageStream = format{name: "HLS with thumbnails", path: "images/index.m3u8", mediaType: hlsType, also: "player", asked: "/tile.jpg"}
	cuePictures = format{name: "HLS with thumbnails in a WebVTT file beside it", path: "pictures/index.m3u8", mediaType: hlsType, also: "cues", asked: "/sprite.jpg"}
	cookieHLS   = format{name: "HLS whose origin sets a session cookie for the stream's folder", path: "cookie/index.m3u8", mediaType: hlsType, sameOrigin: true}
	oddIDs      = format{name: "DASH with `=` and `/` in ids", path: "ids/manifest.mpd", mediaType: dashType}
	patched     = format{name: "Live DASH with patches", path: "patched/manifest.mpd", mediaType: dashType, seconds: 6, asked: "/update.mpp"}
	remote      = format{name: "DASH with a remote period (xlink)", path: "remote/manifest.mpd", mediaType: dashType, asked: "/periods/first.xml", except: "query"}
	tiles       = format{name: "DASH with thumbnails", path: "tiles/manifest.mpd", mediaType: dashType, also: "player", asked: "/tile.jpg"}
	ownBase     = format{name: "DASH with a relative BaseURL", path: "base/manifest.mpd", mediaType: dashType}
	absolute    = format{name: "DASH with an absolute BaseURL on this site", path: "absolute/manifest.mpd", mediaType: dashType}
	alternative = format{name: "DASH with a second BaseURL on another host", path: "alternative/manifest.mpd", mediaType: dashType, except: "query"}
	foreign     = format{name: "DASH with a first BaseURL on another host", path: "foreign/manifest.mpd", mediaType: dashType, except: "query"}
	cookieDASH  = format{name: "DASH whose origin sets a session cookie for the stream's folder", path: "cookie-dash/manifest.mpd", mediaType: dashType, sameOrigin: true}

	kinds = []format{
		variables, oddNames, imageStream, cuePictures, cookieHLS,
		oddIDs, patched, remote, tiles, ownBase, absolute, alternative, foreign, cookieDASH,
	}
)

// kindsOf are the kinds for which a player is meaningful. mpv reads manifests as ffmpeg
// does, and only asks in its own way.
var kindsOf = map[string][]format{
	"hls.js":       {variables, oddNames, imageStream, cuePictures, cookieHLS},
	"dash.js":      {oddIDs, patched, remote, tiles, ownBase, absolute, alternative, foreign, cookieDASH},
	"shaka-player": {variables, oddNames, imageStream, cuePictures, cookieHLS, oddIDs, patched, remote, tiles, ownBase, absolute, alternative, foreign},
	"video.js":     {oddNames, cookieHLS, oddIDs, patched, ownBase, alternative},
	"chromium":     {variables, oddNames, cookieHLS},
	"ffmpeg":       {oddNames, imageStream, cookieHLS, oddIDs, ownBase, absolute, alternative, foreign, cookieDASH},
	"mpv":          {oddNames, cookieHLS},
	"VLC":          {oddNames, cookieHLS, oddIDs, ownBase, alternative, foreign},
}

// way is how a player asks, if not with a first URL alone.
type way struct {
	name, short string
	modes       []string
	plays       map[string][]format
}

var (
	byHeader = &way{"A header with each request", "header", []string{"query", "session", "off"}, map[string][]format{
		"hls.js": {hlsFMP4}, "dash.js": {mpegDASH}, "shaka-player": {hlsFMP4, mpegDASH}, "video.js": {hlsFMP4},
		"ffmpeg": {hlsFMP4, mpegDASH}, "mpv": {hlsFMP4},
	}}
	byPrefix = &way{"A proxy in front that takes a prefix away", "prefix", modes, map[string][]format{
		"hls.js": {hlsFMP4, lowLatency}, "dash.js": {mpegDASH}, "shaka-player": {mpegDASH}, "video.js": {hlsFMP4},
		"chromium": {hlsFMP4}, "ffmpeg": {mpegDASH}, "mpv": {hlsFMP4}, "VLC": {hlsFMP4},
	}}
	byPage = &way{"A page on another site, named by `cors`", "cors", []string{"path", "session", "cookie"}, map[string][]format{
		"hls.js": {hlsFMP4}, "dash.js": {mpegDASH}, "shaka-player": {hlsFMP4, mpegDASH}, "video.js": {hlsFMP4},
	}}

	ways = []*way{byHeader, byPrefix, byPage}
)

// modesOf are the modes in which a player meets a kind. Native players know nothing of
// redirects that the first table does not show.
func modesOf(p player, f format) []string {
	of := modes
	if p.native != nil {
		of = []string{"query", "session"}
	}
	return slices.DeleteFunc(slices.Clone(of), func(mode string) bool { return mode == f.except })
}

// kindCells are the cells of the second and the third table.
func kindCells() []cell {
	var all []cell
	for _, p := range allPlayers {
		for _, f := range kindsOf[p.name] {
			for _, mode := range modesOf(p, f) {
				all = append(all, cell{player: p, format: f, mode: mode})
			}
		}
	}
	for _, w := range ways {
		for _, p := range allPlayers {
			for _, f := range w.plays[p.name] {
				for _, mode := range w.modes {
					all = append(all, cell{player: p, format: f, way: w, mode: mode})
				}
			}
		}
	}
	return all
}

// also is the thumbnail that the page loads in this cell.
func (c cell) also() string {
	if c.format.also == "player" && c.player.name != "shaka-player" && c.player.name != "dash.js" {
		return ""
	}
	return c.format.also
}

// asked is the end of a path that has to be asked for in this cell.
func (c cell) asked() string {
	if c.also() == "" && c.format.also != "" || c.format == patched && c.player.name == "video.js" {
		return "" // it loads the whole MPD again
	}
	return c.format.asked
}

// unmovedIn reports whether the first URL has to have the token in its path already:
// the player does not follow the redirect's base, or the redirect has not the prefix
// that a proxy in front has taken away.
func (c cell) unmovedIn() bool {
	if c.mode != "path" {
		return false
	}
	if c.way == byPrefix {
		return true
	}
	if c.format.mediaType == dashType && slices.Contains(c.player.unmoved, mpegDASH) {
		return true
	}
	return slices.Contains(c.player.unmoved, c.format)
}

// options are what the player of a page gets besides the URL.
func (s *stage) options(c cell, token string) harness.Options {
	o := harness.Options{Seconds: c.format.seconds, Also: c.also()}
	switch {
	case c.way == byHeader:
		o.Headers = map[string]string{"Authorization": "Bearer " + token}
	case c.way == byPage:
		o.Page = s.otherPage
		o.Credentials = c.mode == "cookie"
	case c.format.sameOrigin:
		o.Page = "http://" + s.sites[c.mode] + "/page/page.html"
	}
	return o
}
