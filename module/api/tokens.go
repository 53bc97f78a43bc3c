package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/playgate/playgate/module/api/types"
	"github.com/playgate/playgate/module/internal/registry"
)

// ListTokens lists a page of tokens. All nodes are asked once who uses them.
var ListTokens = operation(toRead, huma.Operation{
	OperationID: "list-tokens", Method: http.MethodGet, Path: "/api/v1/tokens", Tags: []string{"tokens"}, Summary: "Lists tokens, the newest first",
}, listTokens)

// CreateToken makes a token, and shows it this once.
var CreateToken = operation(toIssue, huma.Operation{
	OperationID: "create-token", Method: http.MethodPost, Path: "/api/v1/tokens", DefaultStatus: http.StatusCreated, Tags: []string{"tokens"}, Summary: "Makes a token",
}, createToken)

// CheckToken says what CreateToken would warn of or refuse, and makes nothing.
var CheckToken = operation(toIssue, huma.Operation{
	OperationID: "check-token", Method: http.MethodPost, Path: "/api/v1/tokens/check", DefaultStatus: http.StatusOK, Tags: []string{"tokens"},
	Summary: "Says what of a token may not do what was meant", Description: "It takes what POST /api/v1/tokens takes, answers with the same mistakes, and makes nothing.",
}, checkToken)

// GetToken shows what is kept of a token, and asks all nodes who uses it.
var GetToken = operation(toRead, huma.Operation{
	OperationID: "get-token", Method: http.MethodGet, Path: "/api/v1/tokens/{id}", Tags: []string{"tokens"}, Summary: "Shows what is kept of a token",
}, getToken)

// RevokeToken revokes one token, now or from a time on.
var RevokeToken = operation(toIssue, huma.Operation{
	OperationID: "revoke-token", Method: http.MethodDelete, Path: "/api/v1/tokens/{id}", DefaultStatus: http.StatusNoContent, Tags: []string{"tokens"},
	Summary: "Revokes a token", Description: "It is refused from now on, or from a time on, on every edge. Its record stays.",
}, revokeToken)

// describeTokens tells what is kept of tokens, and asks all nodes who uses them.
func describeTokens(ctx context.Context, c *call, tokens []*registry.Token, now time.Time) []types.Token {
	list := make([]types.Token, 0, len(tokens))
	for i, use := range c.app.Edge().Uses.Of(ctx, c.registry, c.app.Peers(), tokens) {
		d := describeWithout(c, tokens[i], now)
		d.Viewers, d.LastUsed = use.Viewers, moment(use.Last)
		list = append(list, d)
	}
	return list
}

// describeWithout tells what is kept of a token, but not who uses it.
func describeWithout(c *call, t *registry.Token, now time.Time) types.Token {
	d := describeToken(t, now)
	d.Status = c.statusOf(t, now)
	if v := c.registry.Revocations.Revoked(t); v != nil {
		d.Revoked = &types.Revoked{At: v.At.UTC(), From: moment(v.From), By: v.By, Reason: v.Reason}
	}
	return d
}

// statusKeyRetired is the status of tokens that would play, had not their key been retired.
const statusKeyRetired = "key_retired"

// statusOf is what has become of a token by a time: of itself, by revocation, or by its key.
func (c *call) statusOf(t *registry.Token, now time.Time) string {
	status := c.registry.Revocations.StatusOf(t, now)
	if status != registry.StatusActive && status != registry.StatusNotYetValid {
		return status
	}
	if _, err := c.app.Trust().Keys.Lookup(t.Org, t.Key, ""); err != nil && t.Key != "" {
		return statusKeyRetired
	}
	return status
}

func describeToken(t *registry.Token, now time.Time) types.Token {
	return types.Token{
		ID: t.ID, Org: t.Org, Streams: t.Streams, OrgWide: t.OrgWide, IP: t.IPs, Referer: t.Referers, Tag: t.Tag, User: t.User,
		Created: t.Created.UTC(), By: t.By, NotBefore: moment(t.NotBefore), Expires: t.Expires.UTC(), Status: t.Status(now), Key: t.Key,
	}
}

// tokenCursor is the last token of a page.
type tokenCursor struct {
	Created time.Time `json:"t,omitzero"`
	ID      string    `json:"i"`

	Sort string `json:"s,omitempty"` // of a sorted list, with what follows
	By   int64  `json:"b,omitempty"`
	Org  string `json:"o,omitempty"`
}

func listTokens(ctx context.Context, c *call, in *types.ListTokens) (*types.Tokens, error) {
	filter := registry.Filter{Orgs: c.Orgs, Hides: c.hides, Stream: in.Stream, Tag: in.Tag, User: in.User, Status: in.Status, StatusOf: c.statusOf}
	if in.Org != "" {
		if err := c.orgOrLeft(ctx, in.Org); err != nil {
			return nil, err
		}
		filter.Orgs = []string{in.Org}
	}
	var at *tokenCursor
	if in.Cursor != "" {
		at = new(tokenCursor)
		if err := readCursor(in.Cursor, at); err != nil {
			return nil, err
		}
	}
	index, err := c.registry.Tokens.Index(ctx)
	if err != nil {
		return nil, err
	}
	list, next, err := sortedTokens(ctx, c, index, filter, in.Sort, at, in.Limit)
	if err != nil {
		return nil, err
	}
	out := types.Tokens{Tokens: describeTokens(ctx, c, list, c.now)}
	if next != nil {
		out.Next = writeCursor(*next)
	}
	return &out, nil
}

// sortedTokens is a page of tokens, in an order, from a cursor on.
func sortedTokens(ctx context.Context, c *call, index *registry.Index, f registry.Filter, order string, at *tokenCursor, n int) ([]*registry.Token, *tokenCursor, error) {
	if order == "newest" {
		order = ""
	}
	if at != nil && at.Sort != order {
		return nil, nil, mistake("query.cursor", "this cursor is of a list in another order; begin without one")
	}
	if order == "" {
		var after *registry.Cursor
		if at != nil {
			after = &registry.Cursor{Created: at.Created, ID: at.ID}
		}
		list, next := index.Page(f, after, n, c.now)
		if next == nil {
			return list, nil, nil
		}
		return list, &tokenCursor{Created: next.Created, ID: next.ID}, nil
	}
	by := func(t *registry.Token) int64 { return t.Expires.Unix() }
	if order == "used" {
		by = func(t *registry.Token) int64 { return -max(c.app.Edge().Uses.Last(ctx, c.registry, t).Unix(), 0) }
	}
	var after *registry.SortCursor
	if at != nil {
		after = &registry.SortCursor{By: at.By, Org: at.Org, ID: at.ID}
	}
	list, next := index.Sorted(f, by, after, n, c.now)
	if next == nil {
		return list, nil, nil
	}
	return list, &tokenCursor{Sort: order, By: next.By, Org: next.Org, ID: next.ID}, nil
}

func getToken(ctx context.Context, c *call, in *types.TokenPath) (*types.Token, error) {
	found, err := findToken(ctx, c, in)
	if err != nil {
		return nil, err
	}
	return &describeTokens(ctx, c, []*registry.Token{found}, c.now)[0], nil
}

func revokeToken(ctx context.Context, c *call, in *types.RevokeToken) (*types.Nothing, error) {
	if err := checkText("query.reason", in.Reason); err != nil {
		return nil, err
	}
	from, err := beginning(c, "query.from", in.From)
	if err != nil {
		return nil, err
	}
	found, err := findToken(ctx, c, &in.TokenPath)
	if err != nil {
		return nil, err
	}
	return nil, c.registry.Revocations.Add(ctx, &registry.Condition{Org: found.Org, Kind: "token", Value: found.ID, From: from, Reason: in.Reason}, found.Expires, c.Name)
}

// findToken finds the record of a token that the caller may see.
func findToken(ctx context.Context, c *call, in *types.TokenPath) (*registry.Token, error) {
	orgs := c.orgs()
	if in.Org != "" {
		if err := c.orgOrLeft(ctx, in.Org); err != nil {
			return nil, err
		}
		orgs = []string{in.Org}
	}
	var found *registry.Token
	for _, org := range orgs {
		t, err := c.registry.Tokens.Get(ctx, org, in.ID)
		switch {
		case errors.Is(err, registry.ErrNotFound), err == nil && c.hides(org, t.Created):
		case err != nil:
			return nil, err
		case found != nil:
			return nil, mistake("query.org", "several organisations have a token by this id; say which one is meant")
		default:
			found = t
		}
	}
	if found == nil {
		return nil, registry.ErrNotFound
	}
	return found, nil
}
