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

func (r *pageRequest) streamsPage() (*streamsPage, error) {
	q := r.request.URL.Query()
	p := &streamsPage{Org: q.Get("org"), Search: q.Get("q"), WithToken: true, open: make(map[string]bool)}
	for _, o := range r.orgs {
		p.open[o.Org] = !o.NeedsToken
	}
	wanted := types.ListStreams{Page: types.Page{Limit: perPage, Cursor: q.Get("cursor")}, Org: p.Org}
	if p.Search != "" {
		wanted.Limit = 500
	}
	for {
		list, err := ask(r, api.ListStreams, &wanted)
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

func listStreams(r *pageRequest) error {
	p, err := r.streamsPage()
	if err != nil {
		return err
	}
	return r.render(http.StatusOK, "streams", "streams", "Streams", p)
}

// createStream makes a stream, and a token for it where that is wanted.
func createStream(r *pageRequest) error {
	f := r.request.PostForm
	stream := types.NewStream{Org: f.Get("org"), Stream: strings.TrimSpace(f.Get("stream")), Title: strings.TrimSpace(f.Get("title"))}
	_, err := ask(r, api.CreateStream, body(stream))
	if err == nil && f.Get("with_token") == "" {
		return r.redirect(at("/streams", stream.Org, stream.Stream), "stream")
	}
	if err == nil {
		return r.makeToken(types.NewToken{Org: stream.Org, Streams: []string{stream.Stream}})
	}
	list := mistakes(err)
	if list == nil {
		return err
	}
	p, err := r.streamsPage()
	if err != nil {
		return err
	}
	p.New, p.WithToken, p.Mistakes = stream, f.Get("with_token") != "", list
	return r.render(http.StatusUnprocessableEntity, "streams", "streams", "Streams", p)
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
func (r *pageRequest) streamPath() *types.StreamPath {
	return &types.StreamPath{OrgPath: types.OrgPath{Org: r.request.PathValue("org")}, Stream: r.request.PathValue("stream")}
}

// findStream asks for the stream in the path.
func (r *pageRequest) findStream() (*streamPage, error) {
	p := &streamPage{Org: r.org(r.request.PathValue("org"))}
	stream, err := ask(r, api.GetStream, r.streamPath())
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
func showSettings(r *pageRequest) error { return settings(r, http.StatusOK, nil) }

func settings(r *pageRequest, status int, list map[string]string) error {
	p, err := r.findStream()
	if err != nil {
		return err
	}
	p.Settings, p.Mistakes = true, list
	p.Ingest = fill(r.handler.Ingest, p.Stream.Org, p.Stream.Stream)
	return r.render(status, "stream_settings", "streams", p.Stream.Stream, p)
}

func changeStream(r *pageRequest) error {
	org, name := r.request.PathValue("org"), r.request.PathValue("stream")
	title, public := strings.TrimSpace(r.request.PostForm.Get("title")), r.request.PostForm.Get("public") != ""
	_, err := ask(r, api.ChangeStream, &types.ChangeStream{StreamPath: *r.streamPath(), Body: types.StreamChange{Title: &title, Public: &public}})
	if err == nil {
		return r.redirect(at("/streams", org, name)+"/settings", "settings")
	}
	list := mistakes(err)
	if list == nil {
		return err
	}
	return settings(r, http.StatusUnprocessableEntity, list)
}

func deleteStream(r *pageRequest) error {
	if _, err := ask(r, api.DeleteStream, r.streamPath()); err != nil {
		return err
	}
	return r.redirect("/", "deleted")
}

// fill writes the names of a stream into templates.
func fill(templates []string, org, name string) (list []string) {
	for _, t := range templates {
		list = append(list, issue.Fill(t, org, name))
	}
	return list
}

func showStream(r *pageRequest) error {
	org, name := r.request.PathValue("org"), r.request.PathValue("stream")
	p, err := r.findStream()
	if err != nil {
		return err
	}
	tokens, err := ask(r, api.ListTokens, &types.ListTokens{Page: types.Page{Limit: 10}, Org: org, Stream: name})
	if err != nil {
		return err
	}
	p.Rows, p.More = r.rows(tokens.Tokens, url.Values{"org": {org}, "stream": {name}}.Encode()), tokens.Next != ""
	p.Playout, p.StreamURL, p.Ingest = fill(r.handler.app.Playout, org, name), fill(r.handler.app.StreamURL, org, name), fill(r.handler.Ingest, org, name)
	return r.render(http.StatusOK, "stream", "streams", name, p)
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
