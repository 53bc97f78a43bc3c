package issue

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/playgate/playgate/module/api/types"
	"github.com/playgate/playgate/module/token"
)

// URLs are the templates of what a viewer is given, with {org} and {stream}.
// Either may be empty.
type URLs struct {
	Playout string // the player page
	Stream  string // the manifest or socket
}

// Templates are several of them, such as one for each site or way of playing.
type Templates []URLs

// CheckURLTemplate says what is wrong with a URL template.
func CheckURLTemplate(template string) error {
	filled := Fill(template, "org", "stream")
	if strings.ContainsAny(filled, "{}") {
		return errors.New("the only placeholders are {org} and {stream}")
	}
	u, err := url.Parse(filled)
	if err != nil || u.Host == "" || u.User != nil {
		return errors.New("write a whole URL, like https://live.example.com/live/{org}/{stream}/index.m3u8")
	}
	switch u.Scheme {
	case "https", "http", "wss", "ws":
	default:
		return fmt.Errorf("the scheme %q is none of https, http, wss and ws", u.Scheme)
	}
	if strings.Contains(filled, "#") || u.Query().Has("token") {
		return errors.New("leave out the fragment and the token; the token is added")
	}
	return nil
}

// Fill writes names into a template of a URL. Their alphabets need no escaping.
func Fill(template, org, stream string) string {
	return strings.NewReplacer("{org}", org, "{stream}", stream).Replace(template)
}

// For are the URLs of a token, stream by stream. A token for a whole
// organisation has one only where the template names no stream.
func (t Templates) For(g *token.Grant, text string) []types.StreamURLs {
	var list []types.StreamURLs //nolint:prealloc // nil for none
	for _, u := range t {
		list = append(list, u.of(g, text)...)
	}
	return list
}

func (u URLs) of(g *token.Grant, text string) []types.StreamURLs {
	streams := g.Streams
	if g.OrgWide {
		streams = []string{""}
	}
	var list []types.StreamURLs
	for _, stream := range streams {
		s := types.StreamURLs{
			Stream:        stream,
			WebPlayoutURL: withToken(u.Playout, g.Org, stream, text),
			StreamURL:     withToken(u.Stream, g.Org, stream, text),
		}
		if s.WebPlayoutURL != "" || s.StreamURL != "" {
			list = append(list, s)
		}
	}
	return list
}

func withToken(template, org, stream, text string) string {
	if template == "" || stream == "" && strings.Contains(template, "{stream}") {
		return ""
	}
	filled := Fill(template, org, stream)
	separator := "?"
	if strings.Contains(filled, "?") {
		separator = "&"
	}
	return filled + separator + "token=" + text
}

// StreamURLOf is the stream URL of the template that belongs to one of a web playout URL,
// without a token; "" for any other URL. The scheme, a slash at the end of the path, and what
// else is in the query do not count.
func StreamURLOf(playouts, streams []string, playoutURL string) string {
	for i, playout := range playouts {
		if org, stream, ok := namesIn(playout, playoutURL); ok && i < len(streams) {
			return Fill(streams[i], org, stream)
		}
	}
	return ""
}

// namesIn are the names in a URL that was made of a template with [Fill].
func namesIn(template, filled string) (org, stream string, ok bool) {
	// Names that are sure to be in a URL once say where those of the template are.
	const orgMark, streamMark = "ORG0MARK", "STREAM0MARK"
	t, err := url.Parse(Fill(template, orgMark, streamMark))
	if err != nil || template == "" {
		return "", "", false
	}
	u, err := url.Parse(filled)
	if err != nil {
		return "", "", false
	}
	found := make(map[string]string)
	read := func(flags, pattern, text string) bool {
		pattern = regexp.QuoteMeta(pattern)
		pattern = strings.Replace(pattern, orgMark, `(?P<org>[A-Za-z0-9_]{1,64})`, 1)
		pattern = strings.Replace(pattern, streamMark, `(?P<stream>[A-Za-z0-9._-]{1,128})`, 1)
		expression, err := regexp.Compile(flags + "^" + pattern + "$")
		if err != nil {
			return false
		}
		m := expression.FindStringSubmatch(text)
		for i, name := range expression.SubexpNames() {
			if i < len(m) && name != "" {
				found[name] = m[i]
			}
		}
		return m != nil
	}
	if !read("(?i)", t.Host, u.Host) || !read("", strings.TrimSuffix(t.Path, "/"), strings.TrimSuffix(u.Path, "/")) {
		return "", "", false
	}
	given := u.Query()
	for name, values := range t.Query() {
		if len(values) != 1 || len(given[name]) != 1 || !read("", values[0], given[name][0]) {
			return "", "", false
		}
	}
	return found["org"], found["stream"], true
}
