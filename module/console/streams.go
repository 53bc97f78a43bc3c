package console

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/playgate/playgate/module/api"
	"github.com/playgate/playgate/module/api/types"
	"github.com/playgate/playgate/module/internal/issue"
)

// streamsPage is the first page.
type streamsPage struct {
	Org, Search string
	Streams     []types.Stream
	Next        string
	New         types.NewStream
	WithToken   bool
	Mistakes    map[string]string
	OrgMistakes map[string]string
	NewOrg      types.NewOrg
	open        map[string]bool // organisations whose streams need no token
}

// NeedsToken reports whether a stream needs a token now.
func (p *streamsPage) NeedsToken(s types.Stream) bool { return !s.Public && !p.open[s.Org] }

// perPage is how many rows a list has.
const perPage = 50

func (v *pageRequest) streamsPage() (*streamsPage, error) {
	q := v.r.URL.Query()
	p := &streamsPage{Org: q.Get("org"), Search: q.Get("q"), WithToken: true, open: make(map[string]bool)}
	for _, o := range v.orgs {
		p.open[o.Org] = !o.NeedsToken
	}
	wanted := types.ListStreams{Page: types.Page{Limit: perPage, Cursor: q.Get("cursor")}, Org: p.Org}
	if p.Search != "" {
		wanted.Limit = 500
	}
	for {
		list, err := ask(v, api.ListStreams, &wanted)
		if err != nil {
			return nil, err
		}
		for _, s := range list.Streams {
			if strings.Contains(strings.ToLower(s.Stream+"\n"+s.Title), strings.ToLower(p.Search)) {
				p.Streams = append(p.Streams, s)
			}
		}
		// A search goes on until there is a page of what it finds.
		if p.Next = list.Next; p.Next == "" || p.Search == "" || len(p.Streams) >= perPage {
			return p, nil
		}
		wanted.Cursor = p.Next
	}
}

func listStreams(v *pageRequest) error {
	p, err := v.streamsPage()
	if err != nil {
		return err
	}
	return v.render(http.StatusOK, "streams", "streams", "Streams", p)
}

// createStream makes a stream, and a token for it where that is wanted.
func createStream(v *pageRequest) error {
	f := v.r.PostForm
	stream := types.NewStream{Org: f.Get("org"), Stream: strings.TrimSpace(f.Get("stream")), Title: strings.TrimSpace(f.Get("title"))}
	_, err := ask(v, api.CreateStream, body(stream))
	if err == nil && f.Get("with_token") == "" {
		return v.redirect(at("/streams", stream.Org, stream.Stream), "stream")
	}
	if err == nil {
		return v.makeToken(types.NewToken{Org: stream.Org, Streams: []string{stream.Stream}})
	}
	list := mistakes(err)
	if list == nil {
		return err
	}
	p, err := v.streamsPage()
	if err != nil {
		return err
	}
	p.New, p.WithToken, p.Mistakes = stream, f.Get("with_token") != "", list
	return v.render(http.StatusUnprocessableEntity, "streams", "streams", "Streams", p)
}

// streamPage is the overview of one stream.
type streamPage struct {
	Stream             types.Stream
	Org                *types.Org
	Playout, StreamURL []string
	Ingest             []string
	Rows               rows
	More               bool
	Mistakes           map[string]string
	Settings           bool // the tab of the settings, else of the playouts
}

// streamPath names the stream in the path.
func (v *pageRequest) streamPath() *types.StreamPath {
	return &types.StreamPath{OrgPath: types.OrgPath{Org: v.r.PathValue("org")}, Stream: v.r.PathValue("stream")}
}

// findStream asks for the stream in the path.
func (v *pageRequest) findStream() (*streamPage, error) {
	p := &streamPage{Org: v.org(v.r.PathValue("org"))}
	stream, err := ask(v, api.GetStream, v.streamPath())
	if err != nil {
		return nil, err
	}
	p.Stream = *stream
	if p.Org == nil {
		return nil, errors.New("a stream without its organisation")
	}
	return p, nil
}

// showSettings is about a stream itself: where it is published, what it is called,
// and whether it needs a token.
func showSettings(v *pageRequest) error { return settings(v, http.StatusOK, nil) }

func settings(v *pageRequest, status int, list map[string]string) error {
	p, err := v.findStream()
	if err != nil {
		return err
	}
	p.Settings, p.Mistakes = true, list
	p.Ingest = fill(v.h.Ingest, p.Stream.Org, p.Stream.Stream)
	return v.render(status, "stream_settings", "streams", p.Stream.Stream, p)
}

func changeStream(v *pageRequest) error {
	org, name := v.r.PathValue("org"), v.r.PathValue("stream")
	title, public := strings.TrimSpace(v.r.PostForm.Get("title")), v.r.PostForm.Get("public") != ""
	_, err := ask(v, api.ChangeStream, &types.ChangeStream{StreamPath: *v.streamPath(), Body: types.StreamChange{Title: &title, Public: &public}})
	if err == nil {
		return v.redirect(at("/streams", org, name)+"/settings", "settings")
	}
	list := mistakes(err)
	if list == nil {
		return err
	}
	return settings(v, http.StatusUnprocessableEntity, list)
}

func deleteStream(v *pageRequest) error {
	if _, err := ask(v, api.DeleteStream, v.streamPath()); err != nil {
		return err
	}
	return v.redirect("/", "deleted")
}

// fill writes the names of a stream into templates.
func fill(templates []string, org, name string) (list []string) {
	for _, t := range templates {
		list = append(list, issue.Fill(t, org, name))
	}
	return list
}

func showStream(v *pageRequest) error {
	org, name := v.r.PathValue("org"), v.r.PathValue("stream")
	p, err := v.findStream()
	if err != nil {
		return err
	}
	tokens, err := ask(v, api.ListTokens, &types.ListTokens{Page: types.Page{Limit: 10}, Org: org, Stream: name})
	if err != nil {
		return err
	}
	p.Rows, p.More = v.rows(tokens.Tokens, url.Values{"org": {org}, "stream": {name}}.Encode()), tokens.Next != ""
	p.Playout, p.StreamURL, p.Ingest = fill(v.h.app.Playout, org, name), fill(v.h.app.StreamURL, org, name), fill(v.h.Ingest, org, name)
	return v.render(http.StatusOK, "stream", "streams", name, p)
}

// checkIngest accepts where to publish, by any scheme.
func checkIngest(template string) error {
	filled := issue.Fill(template, "org", "stream")
	u, err := url.Parse(filled)
	if err != nil || u.Scheme == "" || u.Host == "" || strings.ContainsAny(filled, "{}") {
		return errors.New("ingest " + template + ": write a URL, like rtmp://live.example.com/{org}/{stream}; the only placeholders are {org} and {stream}")
	}
	return nil
}
