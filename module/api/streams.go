package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/playgate/playgate/module/internal/cluster"
	"github.com/playgate/playgate/module/internal/registry"
	"github.com/playgate/playgate/module/token"
)

// Stream is a stream that the registry knows. One that it does not know plays
// all the same, with a token.
type Stream struct {
	Org     string    `json:"org"`
	Stream  string    `json:"stream" doc:"Its name, unique within the organisation."`
	Title   string    `json:"title,omitempty" doc:"For people."`
	Public  bool      `json:"public" doc:"Whether it needs no token."`
	Tags    []string  `json:"tags"`
	Viewers int       `json:"viewers" doc:"Who watches, on all nodes that could be asked: tokens and addresses with a request within the last 30 seconds, or with a response that is running."`
	Created time.Time `json:"created"`
	By      string    `json:"by,omitempty" doc:"Who made it."`
}

// Streams is a page of them, in the order of organisations and names.
type Streams struct {
	Streams []Stream `json:"streams"`
	Next    string   `json:"next,omitempty" doc:"The cursor of the next page; left out at the end."`
}

// NewStream is a stream to be made.
type NewStream struct {
	Org    string   `json:"org"`
	Stream string   `json:"stream" doc:"1 to 128 of letters, digits, dot, underscore and hyphen."`
	Title  string   `json:"title,omitempty" doc:"At most 128 characters."`
	Public bool     `json:"public,omitempty" doc:"Lets everybody in without a token. Default: false."`
	Tags   []string `json:"tags,omitempty" maxItems:"32" doc:"Each at most 128 characters."`
}

// StreamChange is what is to change; what is left out stays.
type StreamChange struct {
	Title  *string  `json:"title,omitempty" nullable:"false"`
	Public *bool    `json:"public,omitempty" nullable:"false"`
	Tags   []string `json:"tags,omitempty" maxItems:"32" nullable:"false" doc:"All of them anew; an empty list takes them away."`
}

// Page is what the parameters of every list are.
type Page struct {
	Limit  int    `query:"limit" default:"50" minimum:"1" maximum:"500" doc:"How many at most."`
	Cursor string `query:"cursor" maxLength:"1024" doc:"Where to begin: next of the page before."`
}

// StreamPath is the stream in a path.
type StreamPath struct {
	OrgPath
	Stream string `path:"stream" doc:"The stream's name."`
}

type oneStream struct{ Body Stream }

func (s *server) streams() {
	tags := []string{"streams"}
	route(s, toRead, huma.Operation{
		OperationID: "list-streams", Method: http.MethodGet, Path: "/api/v1/streams", Tags: tags, Summary: "Lists streams",
	}, listStreams)
	route(s, toAdminister, huma.Operation{
		OperationID: "create-stream", Method: http.MethodPost, Path: "/api/v1/streams", DefaultStatus: http.StatusCreated, Tags: tags, Summary: "Makes a stream",
	}, createStream)
	route(s, toRead, huma.Operation{
		OperationID: "get-stream", Method: http.MethodGet, Path: "/api/v1/streams/{org}/{stream}", Tags: tags, Summary: "Shows a stream",
	}, func(_ context.Context, c *call, in *StreamPath) (*oneStream, error) {
		if err := c.org(in.Org); err != nil {
			return nil, err
		}
		t, err := c.registry.Streams.Get(in.Org, in.Stream)
		if err != nil {
			return nil, err
		}
		return c.oneStream(t), nil
	})
	route(s, toAdminister, huma.Operation{
		OperationID: "change-stream", Method: http.MethodPatch, Path: "/api/v1/streams/{org}/{stream}", Tags: tags, Summary: "Changes a stream",
	}, changeStream)
	route(s, toAdminister, huma.Operation{
		OperationID: "delete-stream", Method: http.MethodDelete, Path: "/api/v1/streams/{org}/{stream}", DefaultStatus: http.StatusNoContent, Tags: tags,
		Summary: "Forgets a stream", Description: "Its tokens stay as they are.",
	}, func(ctx context.Context, c *call, in *StreamPath) (*nothing, error) {
		if err := c.org(in.Org); err != nil {
			return nil, err
		}
		return nil, c.registry.Streams.Delete(ctx, in.Org, in.Stream, c.Name)
	})
}

func describeStream(t *registry.Stream) Stream {
	return Stream{Org: t.Org, Stream: t.Name, Title: t.Title, Public: t.Public, Tags: append([]string{}, t.Tags...), Created: t.Created.UTC(), By: t.By}
}

func (c *call) oneStream(t *registry.Stream) *oneStream {
	list := []Stream{describeStream(t)}
	c.countViewers(list)
	return &oneStream{list[0]}
}

// countViewers says how many watch each stream.
func (c *call) countViewers(list []Stream) {
	names := make([]cluster.StreamName, len(list))
	for i := range list {
		names[i] = cluster.StreamName{Org: list[i].Org, Stream: list[i].Stream}
	}
	for i, n := range c.app.Peers().Watching(names) {
		list[i].Viewers = n
	}
}

// streamCursor is the last stream of a page.
type streamCursor struct {
	Org    string `json:"o"`
	Stream string `json:"s"`
}

func listStreams(_ context.Context, c *call, in *struct {
	Page
	Org string `query:"org" doc:"Of this organisation only."`
	Tag string `query:"tag" doc:"With this tag only."`
},
) (*struct{ Body Streams }, error) {
	if in.Org != "" {
		if err := c.org(in.Org); err != nil {
			return nil, err
		}
	}
	list := c.registry.Streams.List(in.Org)
	if in.Cursor != "" {
		var after streamCursor
		if err := readCursor(in.Cursor, &after); err != nil {
			return nil, err
		}
		i, found := slices.BinarySearchFunc(list, after, func(t *registry.Stream, after streamCursor) int {
			return cmp.Or(cmp.Compare(t.Org, after.Org), cmp.Compare(t.Name, after.Stream))
		})
		if found {
			i++
		}
		list = list[i:]
	}
	out := Streams{Streams: make([]Stream, 0)}
	for _, t := range list {
		if !c.owns(t.Org) || in.Tag != "" && !slices.Contains(t.Tags, in.Tag) {
			continue
		}
		if n := len(out.Streams); n == in.Limit {
			last := out.Streams[n-1]
			out.Next = writeCursor(streamCursor{last.Org, last.Stream})
			break
		}
		out.Streams = append(out.Streams, describeStream(t))
	}
	c.countViewers(out.Streams)
	return &struct{ Body Streams }{out}, nil
}

// checkStream finds the mistakes that a new and a changed stream can have.
func (c *call) checkStream(org, title string, public bool, tags []string) error {
	if err := checkText("body.title", title); err != nil {
		return err
	}
	for i, tag := range tags {
		where := "body.tags[" + strconv.Itoa(i) + "]"
		if tag == "" || slices.Contains(tags[:i], tag) {
			return mistake(where, "each tag once, and none of them empty")
		}
		if err := checkText(where, tag); err != nil {
			return err
		}
	}
	if said := c.app.Orgs[org]; public && said != nil && said.Secure != nil && *said.Secure {
		return refuse(http.StatusConflict, "the configuration says secure on for this organisation; change it there before a stream is made public").at("body.public")
	}
	return nil
}

func createStream(ctx context.Context, c *call, in *struct{ Body NewStream }) (*oneStream, error) {
	b := in.Body
	if err := c.orgInBody("body.org", b.Org); err != nil {
		return nil, err
	}
	if !token.ValidStream(b.Stream) {
		return nil, mistake("body.stream", "write a stream name: 1 to 128 of letters, digits, dot, underscore and hyphen")
	}
	if err := c.checkStream(b.Org, b.Title, b.Public, b.Tags); err != nil {
		return nil, err
	}
	t := &registry.Stream{Org: b.Org, Name: b.Stream, Title: b.Title, Public: b.Public, Tags: b.Tags}
	if err := c.registry.Streams.Create(ctx, t, c.Name); err != nil {
		return nil, err
	}
	return c.oneStream(t), nil
}

func changeStream(ctx context.Context, c *call, in *struct {
	StreamPath
	Body StreamChange
},
) (*oneStream, error) {
	if err := c.org(in.Org); err != nil {
		return nil, err
	}
	b := in.Body
	if b.Title == nil && b.Public == nil && b.Tags == nil {
		return nil, mistake("body", "say what is to change: title, public, tags")
	}
	title, public := "", false
	if b.Title != nil {
		title = *b.Title
	}
	if b.Public != nil {
		public = *b.Public
	}
	if err := c.checkStream(in.Org, title, public, b.Tags); err != nil {
		return nil, err
	}
	t, err := c.registry.Streams.Change(ctx, in.Org, in.Stream, c.Name, func(t *registry.Stream) error {
		if b.Title != nil {
			t.Title = *b.Title
		}
		if b.Public != nil {
			t.Public = *b.Public
		}
		if b.Tags != nil {
			t.Tags = b.Tags
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return c.oneStream(t), nil
}
