package console

import (
	"fmt"
	"net/url"

	"github.com/playgate/playgate/module/internal/target"
)

// snippet is how to play a stream somewhere.
type snippet struct{ Title, Text string }

// snippets are how to play the URL of a stream, which carries its token, by what
// the URL leads to: an HLS playlist, a DASH manifest, a WebSocket. The token of a
// nanoplayer stands apart from the address.
func snippets(stream, token string) []snippet {
	u, err := url.Parse(stream)
	if err != nil || stream == "" { // a token for an organisation has no one stream
		return nil
	}
	path := u.EscapedPath()
	var list []snippet
	add := func(title, format string, args ...any) {
		list = append(list, snippet{title, fmt.Sprintf(format, args...)})
	}
	switch {
	case target.LooksLikeHLS(path):
		add("In a page, where the browser plays HLS", `<video controls crossorigin src="%s"></video>`, stream)
		add("hls.js", "const hls = new Hls();\nhls.loadSource(\"%s\");\nhls.attachMedia(document.querySelector(\"video\"));", stream)
		add("video.js", "videojs(\"video\").src({ src: \"%s\", type: \"application/x-mpegURL\" });", stream)
	case target.LooksLikeDASH(path):
		add("dash.js", "const player = dashjs.MediaPlayer().create();\nplayer.initialize(document.querySelector(\"video\"), \"%s\", true);", stream)
	case u.Scheme == "ws" || u.Scheme == "wss":
		query := u.Query()
		query.Del("token")
		bare := *u
		bare.RawQuery = query.Encode()
		add("nanoplayer", "new NanoPlayer(\"player\").setup({\n\tsource: {\n\t\tentries: [{ h5live: {\n\t\t\tserver: { websocket: \"%s\" },\n\t\t\tsecurity: { jwtoken: \"%s\" }\n\t\t} }]\n\t}\n});", bare.String(), token)
		add("In a page", "const socket = new WebSocket(\"%s\");", stream)
		return list
	}
	if target.LooksLikeManifest(path) {
		add("Shaka Player", "const player = new shaka.Player();\nawait player.attach(document.querySelector(\"video\"));\nawait player.load(\"%s\");", stream)
	}
	add("ffplay", "ffplay '%s'", stream)
	add("VLC", "vlc '%s'", stream)
	add("curl", "curl -i '%s'", stream)
	return list
}
