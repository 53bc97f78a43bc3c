package registry

import (
	"context"
	"slices"
	"strings"
	"time"
)

// Stream is a stream of an organisation. Whether a stream is known here never
// decides whether it plays, but for its being public.
type Stream struct {
	Header

	Org   string `json:"org"`
	Name  string `json:"stream"`
	Title string `json:"title,omitempty"`
	// Public streams need no token, unless the configuration says secure on
	// for the organisation.
	Public bool     `json:"public,omitempty"`
	Tags   []string `json:"tags,omitempty"`

	Created time.Time `json:"created"`
	By      string    `json:"by,omitempty"`

	Revision uint64 `json:"-"`
}

const streamPrefix = "stream"

func streamKey(org, stream string) string {
	return streamPrefix + "." + org + "." + name(stream)
}

// Streams are the streams of a registry.
type Streams struct{ *records }

// Create adds a stream, or returns ErrExists.
func (r *Streams) Create(ctx context.Context, s *Stream, by string) error {
	if err := r.replica.Writable(); err != nil {
		return err
	}
	s.Created, s.By = r.now().UTC().Truncate(time.Millisecond), by
	revision, err := r.create(ctx, r.edge, streamKey(s.Org, s.Name), s, func() {
		r.audit.add(ctx, by, s.Org, "stream.create", map[string]string{"stream": s.Name, "public": yes(s.Public)})
	})
	s.Revision = revision
	return err
}

// Change changes a stream.
func (r *Streams) Change(ctx context.Context, org, stream, by string, change func(*Stream) error) (*Stream, error) {
	s := new(Stream)
	err := r.update(ctx, r.edge, streamKey(org, stream), s, func() error { return change(s) }, func() {
		r.audit.add(ctx, by, org, "stream.change", map[string]string{"stream": s.Name, "public": yes(s.Public)})
	})
	return s, err
}

// Delete forgets a stream. Its tokens stay as they are.
func (r *Streams) Delete(ctx context.Context, org, stream, by string) error {
	return r.remove(ctx, r.edge, streamKey(org, stream), func() {
		r.audit.add(ctx, by, org, "stream.delete", map[string]string{"stream": stream})
	})
}

// List lists the streams of an organisation, or of all for "", in the order
// of organisations and names.
func (r *Streams) List(org string) []*Stream {
	list := r.view.streamsOf(org)
	slices.SortFunc(list, func(a, b *Stream) int {
		if c := strings.Compare(a.Org, b.Org); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	return list
}

// Get returns a stream, or ErrNotFound.
func (r *Streams) Get(org, stream string) (*Stream, error) {
	if s := r.view.stream(org, stream); s != nil {
		return s, nil
	}
	return nil, ErrNotFound
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
