package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/playgate/playgate/module/api/types"
	"github.com/playgate/playgate/module/internal/issue"
	"github.com/playgate/playgate/module/internal/redact"
	"github.com/playgate/playgate/module/internal/registry"
	"github.com/playgate/playgate/module/token"
)

// ListRevocations lists a page of revocations, the newest first.
var ListRevocations = operation(toRead, huma.Operation{
	OperationID: "list-revocations", Method: http.MethodGet, Path: "/api/v1/revocations", Tags: []string{"revocations"}, Summary: "Lists what is revoked",
}, listRevocations)

// Revoke revokes all tokens of an organisation that have a value.
var Revoke = operation(toIssue, huma.Operation{
	OperationID: "revoke", Method: http.MethodPost, Path: "/api/v1/revocations", DefaultStatus: http.StatusCreated, Tags: []string{"revocations"},
	Summary: "Revokes tokens", Description: "Those that were issued until now are refused from now on, or from a time on, on every edge.",
}, revoke)

// PreviewRevocation says whom Revoke would end, and revokes nothing.
var PreviewRevocation = operation(toIssue, huma.Operation{
	OperationID: "preview-revocation", Method: http.MethodPost, Path: "/api/v1/revocations/preview", DefaultStatus: http.StatusOK, Tags: []string{"revocations"},
	Summary: "Says whom a revocation would end", Description: "It takes what POST /api/v1/revocations takes, and revokes nothing.",
}, preview)

// UndoRevocation takes a revocation back.
var UndoRevocation = operation(toIssue, huma.Operation{
	OperationID: "undo-revocation", Method: http.MethodDelete, Path: "/api/v1/revocations/{org}/{id}", DefaultStatus: http.StatusNoContent, Tags: []string{"revocations"},
	Summary: "Takes a revocation back",
}, undoRevocation)

func undoRevocation(ctx context.Context, c *call, in *types.RevocationPath) (*types.Nothing, error) {
	if err := c.orgOrLeft(ctx, in.Org); err != nil {
		return nil, err
	}
	if v := c.registry.Revocations.Get(in.Org, in.ID); v != nil {
		if err := mayRevoke(c, v.Kind); err != nil {
			return nil, err
		}
		if c.hides(v.Org, v.At) {
			return nil, registry.ErrNotFound
		}
		if v.OrgDeleted && c.Orgs != nil {
			return nil, Refuse(http.StatusForbidden, "an organisation of this hash was deleted; only an admin of all organisations can undo that")
		}
	}
	return nil, c.registry.Revocations.Undo(ctx, in.Org, in.ID, c.Name)
}

// revocationCursor is the last revocation of a page.
type revocationCursor struct {
	By  int64  `json:"b"`
	Org string `json:"o"`
	ID  string `json:"i"`
}

func listRevocations(ctx context.Context, c *call, in *types.ListRevocations) (*types.Revocations, error) {
	filter := registry.RevocationFilter{Orgs: c.Orgs, Hides: c.hides, Kind: in.Kind, Value: in.Value}
	if in.Org != "" {
		if err := c.orgOrLeft(ctx, in.Org); err != nil {
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
	out := types.Revocations{Revocations: make([]types.Revocation, 0, len(list))}
	for _, v := range list {
		out.Revocations = append(out.Revocations, describeRevocation(v))
	}
	if next != nil {
		out.Next = writeCursor(revocationCursor(*next))
	}
	return &out, nil
}

// mayRevoke refuses who would refuse more than the tokens of some viewers.
func mayRevoke(c *call, kind string) error {
	if kind == "stream" || kind == "org" {
		return toAdminister.check(&c.Principal)
	}
	return nil
}

// maxAhead is how far ahead a revocation may be planned.
const maxAhead = 30 * 24 * time.Hour

// beginning reads when a revocation is to begin; the zero time is at once.
func beginning(c *call, location, text string) (time.Time, error) {
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

func describeRevocation(v *registry.Condition) types.Revocation {
	return types.Revocation{
		ID: v.ID, Org: v.Org, Kind: v.Kind, Value: v.Value, IssuedUntil: moment(v.IssuedUntil), Future: v.Future(), From: moment(v.From),
		Reason: v.Reason, At: v.At.UTC(), By: v.By, Until: moment(v.Until),
	}
}

func preview(ctx context.Context, c *call, in *types.Body[types.NewRevocation]) (*types.Ending, error) {
	v, err := revocationOf(ctx, c, &in.Body)
	if err != nil {
		return nil, err
	}
	viewers, streams := c.app.Peers().Ended(c.registry.Revocations.Selection(v))
	return &types.Ending{Viewers: viewers, Streams: streams}, nil
}

func revoke(ctx context.Context, c *call, in *types.Body[types.NewRevocation]) (*types.Revocation, error) {
	v, err := revocationOf(ctx, c, &in.Body)
	if err != nil {
		return nil, err
	}
	// Nobody waits for what other nodes answer before it is revoked.
	ending := make(chan types.Ending, 1)
	asked := *v
	go func() {
		viewers, streams := c.app.Peers().Ended(c.registry.Revocations.Selection(&asked))
		ending <- types.Ending{Viewers: viewers, Streams: streams}
	}()
	expires := time.Time{}
	if v.Kind == "token" {
		if kept, err := c.registry.Tokens.Get(ctx, v.Org, v.Value); err == nil {
			expires = kept.Expires
		}
	}
	if err := c.registry.Revocations.Add(ctx, v, expires, c.Name); err != nil {
		return nil, err
	}
	d, ends := describeRevocation(v), <-ending
	if v.Kind == "token" && expires.IsZero() {
		d.Warning = "when this token expires is not known here; it is refused until " + v.Until.UTC().Format(time.RFC3339)
	}
	d.Viewers, d.Streams = &ends.Viewers, &ends.Streams
	return &d, nil
}

// revocationOf reads what is to be revoked.
func revocationOf(ctx context.Context, c *call, b *types.NewRevocation) (*registry.Condition, error) {
	if err := mayRevoke(c, b.Kind); err != nil {
		return nil, err
	}
	if c.orgOrLeft(ctx, b.Org) != nil {
		return nil, c.orgInBody("body.org", b.Org)
	}
	v := &registry.Condition{Org: b.Org, Kind: b.Kind, Value: b.Value, Reason: b.Reason}
	if (b.Kind == "org") != (b.Value == "") {
		return nil, mistake("body.value", "write the id, tag, user or stream that is revoked; for kind org leave it out")
	}
	if err := checkText("body.value", b.Value); err != nil {
		return nil, err
	}
	if b.Kind == "stream" && !token.ValidStream(b.Value) {
		return nil, mistake("body.value", "that is no stream name: 1 to 128 of letters, digits, dot, underscore and hyphen")
	}
	if b.Kind == "token" && (!token.ValidID(b.Value) || redact.IsToken(b.Value)) {
		// It would be kept, and logged.
		return nil, mistake("body.value", "write the token's id (jti), never a token itself; POST /api/v1/tokens/verify tells the id")
	}
	if err := checkText("body.reason", b.Reason); err != nil {
		return nil, err
	}
	var err error
	switch {
	case b.Kind == "token" && b.IssuedUntil != "":
		return nil, mistake("body.issued_until", "leave it out for kind token: a token was issued once")
	case b.Kind == "token" && b.Future:
		return nil, mistake("body.future", "leave it out for kind token: no other token has its id")
	case b.Future && b.IssuedUntil != "":
		return nil, mistake("body.future", "write this or issued_until, not both")
	case b.Kind == "token" || b.Future:
	case b.IssuedUntil == "":
		v.IssuedUntil = c.registry.Revocations.Now(ctx, b.Org)
	default:
		if v.IssuedUntil, err = issue.ParseTime(b.IssuedUntil, c.now); err != nil {
			return nil, mistake("body.issued_until", err.Error())
		}
		if v.IssuedUntil.After(c.now) {
			return nil, mistake("body.issued_until", "that is in the future; write future to refuse later tokens too")
		}
	}
	v.From, err = beginning(c, "body.from", b.From)
	return v, err
}
