package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/playgate/playgate/module/api/types"
	"github.com/playgate/playgate/module/internal/cluster"
	"github.com/playgate/playgate/module/internal/registry"
	"github.com/playgate/playgate/module/token"
)

// ListStreams lists a page of streams. All nodes are asked once who watches them.
var ListStreams = operation(toRead, huma.Operation{
	OperationID: "list-streams", Method: http.MethodGet, Path: "/api/v1/streams", Tags: []string{"streams"}, Summary: "Lists streams",
}, listStreams)

// CreateStream makes a stream.
var CreateStream = operation(toAdminister, huma.Operation{
	OperationID: "create-stream", Method: http.MethodPost, Path: "/api/v1/streams", DefaultStatus: http.StatusCreated, Tags: []string{"streams"}, Summary: "Makes a stream",
}, createStream)

// GetStream shows a stream, and asks all nodes who watches it.
var GetStream = operation(toRead, huma.Operation{
	OperationID: "get-stream", Method: http.MethodGet, Path: "/api/v1/streams/{org}/{stream}", Tags: []string{"streams"}, Summary: "Shows a stream",
}, getStream)

// ChangeStream changes a stream.
var ChangeStream = operation(toAdminister, huma.Operation{
	OperationID: "change-stream", Method: http.MethodPatch, Path: "/api/v1/streams/{org}/{stream}", Tags: []string{"streams"}, Summary: "Changes a stream",
}, changeStream)

// DeleteStream forgets a stream. Its tokens stay.
var DeleteStream = operation(toAdminister, huma.Operation{
	OperationID: "delete-stream", Method: http.MethodDelete, Path: "/api/v1/streams/{org}/{stream}", DefaultStatus: http.StatusNoContent, Tags: []string{"streams"},
	Summary: "Forgets a stream", Description: "Its tokens stay as they are.",
}, deleteStream)

func getStream(_ context.Context, c *call, in *types.StreamPath) (*types.Stream, error) {
	if err := c.org(in.Org); err != nil {
		return nil, err
	}
	t, err := c.registry.Streams.Get(in.Org, in.Stream)
	if err != nil {
		return nil, err
	}
	return showStream(c, t), nil
}

func deleteStream(ctx context.Context, c *call, in *types.StreamPath) (*types.Nothing, error) {
	if err := c.org(in.Org); err != nil {
		return nil, err
	}
	return nil, c.registry.Streams.Delete(ctx, in.Org, in.Stream, c.Name)
}

func describeStream(t *registry.Stream) types.Stream {
	return types.Stream{Org: t.Org, Stream: t.Name, Title: t.Title, Public: t.Public, Tags: append([]string{}, t.Tags...), Created: t.Created.UTC(), By: t.By}
}

// showStream tells of a stream, and asks all nodes who watches it.
func showStream(c *call, t *registry.Stream) *types.Stream {
	list := []types.Stream{describeStream(t)}
	countViewers(c, list)
	return &list[0]
}

// countViewers says how many watch each stream.
func countViewers(c *call, list []types.Stream) {
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

func listStreams(_ context.Context, c *call, in *types.ListStreams) (*types.Streams, error) {
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
	out := types.Streams{Streams: make([]types.Stream, 0)}
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
	countViewers(c, out.Streams)
	return &out, nil
}

// checkStream finds the mistakes that a new and a changed stream can have.
func checkStream(c *call, org, title string, public bool, tags []string) error {
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
		return Refuse(http.StatusConflict, "the configuration says secure on for this organisation; change it there before a stream is made public").at("body.public")
	}
	return nil
}

func createStream(ctx context.Context, c *call, in *types.Body[types.NewStream]) (*types.Stream, error) {
	b := in.Body
	if err := c.orgInBody("body.org", b.Org); err != nil {
		return nil, err
	}
	if !token.ValidStream(b.Stream) {
		return nil, mistake("body.stream", "write a stream name: 1 to 128 of letters, digits, dot, underscore and hyphen")
	}
	if err := checkStream(c, b.Org, b.Title, b.Public, b.Tags); err != nil {
		return nil, err
	}
	t := &registry.Stream{Org: b.Org, Name: b.Stream, Title: b.Title, Public: b.Public, Tags: b.Tags}
	if err := c.registry.Streams.Create(ctx, t, c.Name); err != nil {
		return nil, err
	}
	return showStream(c, t), nil
}

func changeStream(ctx context.Context, c *call, in *types.ChangeStream) (*types.Stream, error) {
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
	if err := checkStream(c, in.Org, title, public, b.Tags); err != nil {
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
	return showStream(c, t), nil
}
