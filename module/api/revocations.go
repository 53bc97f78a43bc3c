package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/playgate/playgate/module/internal/edge"
	"github.com/playgate/playgate/module/internal/issue"
	"github.com/playgate/playgate/module/internal/registry"
	"github.com/playgate/playgate/module/token"
	"github.com/playgate/playgate/module/token/jwt"
	"github.com/playgate/playgate/module/token/sessiontoken"
)

// Revocation refuses all tokens of an organisation that have a value.
type Revocation struct {
	ID           string     `json:"id"`
	Org          string     `json:"org"`
	Kind         string     `json:"kind" enum:"token,tag,user,stream,org"`
	Value        string     `json:"value,omitempty" doc:"Left out for all of the organisation."`
	IssuedBefore *time.Time `json:"issued_before,omitempty" doc:"Tokens that were issued later are spared. Those that do not say when are not."`
	From         *time.Time `json:"from,omitempty" doc:"When it begins to hold; left out: it holds since at."`
	Reason       string     `json:"reason,omitempty"`
	At           time.Time  `json:"at"`
	By           string     `json:"by,omitempty"`
	Viewers      *int       `json:"viewers,omitempty" doc:"How many viewers it ends, on all nodes that could be asked, where it is new."`
	Streams      *int       `json:"streams,omitempty" doc:"On how many streams those are."`
	Until        time.Time  `json:"until" doc:"Then it is forgotten: no token that it can concern is valid any more."`
}

// Revocations is a list of them, the newest first.
type Revocations struct {
	Revocations []Revocation `json:"revocations"`
	Next        string       `json:"next,omitempty" doc:"The cursor of the next page; left out at the end."`
}

// NewRevocation is what is to be revoked.
type NewRevocation struct {
	Org          string `json:"org"`
	Kind         string `json:"kind" enum:"token,tag,user,stream,org" doc:"By what the tokens are known. stream and org need an admin."`
	Value        string `json:"value,omitempty" doc:"The token's id, the tag, the user or the stream; left out for org."`
	IssuedBefore string `json:"issued_before,omitempty" doc:"Spares tokens that were issued later than this time. Default: none is spared, those of the future included."`
	From         string `json:"from,omitempty" doc:"When it begins: a time, or a duration from now like 10m; at most 30d ahead. Default: at once."`
	Reason       string `json:"reason,omitempty" doc:"Why; at most 128 characters."`
}

func (s *server) revocations() {
	tags := []string{"revocations"}
	route(s, toRead, huma.Operation{
		OperationID: "list-revocations", Method: http.MethodGet, Path: "/api/v1/revocations", Tags: tags, Summary: "Lists what is revoked",
	}, listRevocations)
	route(s, toIssue, huma.Operation{
		OperationID: "revoke", Method: http.MethodPost, Path: "/api/v1/revocations", DefaultStatus: http.StatusCreated, Tags: tags,
		Summary: "Revokes tokens", Description: "They are refused from now on, or from a time on, on every edge.",
	}, revoke)
	route(s, toIssue, huma.Operation{
		OperationID: "preview-revocation", Method: http.MethodPost, Path: "/api/v1/revocations/preview", DefaultStatus: http.StatusOK, Tags: tags,
		Summary: "Says whom a revocation would end", Description: "It takes what POST /api/v1/revocations takes, and revokes nothing.",
	}, preview)
	route(s, toIssue, huma.Operation{
		OperationID: "undo-revocation", Method: http.MethodDelete, Path: "/api/v1/revocations/{org}/{id}", DefaultStatus: http.StatusNoContent, Tags: tags,
		Summary: "Takes a revocation back",
	}, func(ctx context.Context, c *call, in *struct {
		OrgPath
		ID string `path:"id" doc:"The revocation's id."`
	},
	) (*nothing, error) {
		if err := c.org(in.Org); err != nil {
			return nil, err
		}
		if v := c.registry.Revocations.Get(in.Org, in.ID); v != nil {
			if err := c.mayRevoke(v.Kind); err != nil {
				return nil, err
			}
		}
		return nil, c.registry.Revocations.Undo(ctx, in.Org, in.ID, c.Name)
	})
}

// revocationCursor is the last revocation of a page.
type revocationCursor struct {
	By  int64  `json:"b"`
	Org string `json:"o"`
	ID  string `json:"i"`
}

func listRevocations(_ context.Context, c *call, in *struct {
	Page
	Org   string `query:"org" doc:"Of this organisation only."`
	Kind  string `query:"kind" enum:"token,tag,user,stream,org" doc:"Of this kind only."`
	Value string `query:"value" doc:"Of this token, tag, user or stream only."`
},
) (*struct{ Body Revocations }, error) {
	filter := registry.RevocationFilter{Orgs: c.Orgs, Kind: in.Kind, Value: in.Value}
	if in.Org != "" {
		if err := c.org(in.Org); err != nil {
			return nil, err
		}
		filter.Orgs = []string{in.Org}
	}
	var after *registry.SortCursor
	if in.Cursor != "" {
		var at revocationCursor
		if err := readCursor(in.Cursor, &at); err != nil {
			return nil, err
		}
		if at != (revocationCursor{}) {
			after = (*registry.SortCursor)(&at)
		}
	}
	list, next := c.registry.Revocations.List(filter, after, in.Limit)
	out := Revocations{Revocations: make([]Revocation, 0, len(list))}
	for _, v := range list {
		out.Revocations = append(out.Revocations, describeRevocation(v))
	}
	if next != nil {
		out.Next = writeCursor(revocationCursor(*next))
	}
	return &struct{ Body Revocations }{out}, nil
}

// mayRevoke refuses who would refuse more than the tokens of some viewers.
func (c *call) mayRevoke(kind string) error {
	if kind == "stream" || kind == "org" {
		return toAdminister.check(&c.Principal)
	}
	return nil
}

// maxAhead is how far ahead a revocation may be planned.
const maxAhead = 30 * 24 * time.Hour

// beginning reads when a revocation is to begin; the zero time is at once.
func (c *call) beginning(location, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	from, err := issue.ParseTime(text, c.now)
	switch {
	case err != nil:
		return from, mistake(location, err.Error())
	case from.After(c.now.Add(maxAhead)):
		return from, mistake(location, "that is more than 30 days ahead; revoke it now, or plan it later")
	}
	return from, nil
}

func describeRevocation(v *registry.Revocation) Revocation {
	return Revocation{
		ID: v.ID(), Org: v.Org, Kind: v.Kind, Value: v.Value, IssuedBefore: moment(v.IssuedBefore), From: moment(v.From),
		Reason: v.Reason, At: v.At.UTC(), By: v.By, Until: v.Until.UTC(),
	}
}

// Ending is whom a revocation ends.
type Ending struct {
	Viewers int `json:"viewers" doc:"How many viewers it ends, on all nodes that could be asked."`
	Streams int `json:"streams" doc:"On how many streams those are."`
}

func preview(_ context.Context, c *call, in *struct{ Body NewRevocation }) (*struct{ Body Ending }, error) {
	v, err := c.revocation(&in.Body)
	if err != nil {
		return nil, err
	}
	viewers, streams := c.app.Peers().Ended(edge.Concerned(v))
	return &struct{ Body Ending }{Ending{viewers, streams}}, nil
}

func revoke(ctx context.Context, c *call, in *struct{ Body NewRevocation }) (*struct{ Body Revocation }, error) {
	v, err := c.revocation(&in.Body)
	if err != nil {
		return nil, err
	}
	// Nobody waits for what other nodes answer before it is revoked.
	ending := make(chan Ending, 1)
	asked := *v
	go func() {
		viewers, streams := c.app.Peers().Ended(edge.Concerned(&asked))
		ending <- Ending{viewers, streams}
	}()
	if err := c.registry.Revocations.Add(ctx, v, c.Name); err != nil {
		return nil, err
	}
	d, ends := describeRevocation(v), <-ending
	d.Viewers, d.Streams = &ends.Viewers, &ends.Streams
	return &struct{ Body Revocation }{d}, nil
}

// revocation reads what is to be revoked.
func (c *call) revocation(b *NewRevocation) (*registry.Revocation, error) {
	if err := c.mayRevoke(b.Kind); err != nil {
		return nil, err
	}
	if err := c.orgInBody("body.org", b.Org); err != nil {
		return nil, err
	}
	v := &registry.Revocation{Org: b.Org, Kind: b.Kind, Value: b.Value, Reason: b.Reason}
	if (b.Kind == "org") != (b.Value == "") {
		return nil, mistake("body.value", "write the id, tag, user or stream that is revoked; for kind org leave it out")
	}
	if err := checkText("body.value", b.Value); err != nil {
		return nil, err
	}
	if b.Kind == "token" && (!token.ValidID(b.Value) || jwt.HasForm(b.Value) || sessiontoken.HasForm(b.Value)) {
		// It would be kept, and logged.
		return nil, mistake("body.value", "write the token's id (jti), never a token itself; POST /api/v1/tokens/verify tells the id")
	}
	if err := checkText("body.reason", b.Reason); err != nil {
		return nil, err
	}
	if b.IssuedBefore != "" {
		var err error
		if v.IssuedBefore, err = issue.ParseTime(b.IssuedBefore, c.now); err != nil {
			return nil, mistake("body.issued_before", err.Error())
		}
		if v.IssuedBefore.After(c.now) {
			return nil, mistake("body.issued_before", "that is in the future; leave it out to revoke later tokens too")
		}
	}
	var err error
	v.From, err = c.beginning("body.from", b.From)
	return v, err
}
