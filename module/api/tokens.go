package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/playgate/playgate/module/internal/issue"
	"github.com/playgate/playgate/module/internal/registry"
	"github.com/playgate/playgate/module/token"
)

// Token is what is kept of a playback token: everything but the token.
type Token struct {
	ID        string     `json:"id" doc:"Its jti; unique within its organisation."`
	Org       string     `json:"org"`
	Streams   []string   `json:"streams,omitempty" doc:"The streams that it may play."`
	OrgWide   bool       `json:"orgwide,omitempty" doc:"Whether it may play all streams of the organisation."`
	IP        []string   `json:"ip,omitempty" doc:"Addresses and prefixes that may use it; left out: all."`
	Referer   []string   `json:"referer,omitempty" doc:"Pages that may embed it; left out: all."`
	Tag       string     `json:"tag,omitempty"`
	User      string     `json:"user,omitempty"`
	Created   time.Time  `json:"created"`
	By        string     `json:"by,omitempty" doc:"Who made it."`
	NotBefore *time.Time `json:"not_before,omitempty"`
	Expires   time.Time  `json:"expires"`
	LastUsed  *time.Time `json:"last_used,omitempty" doc:"When it was let through last, by itself or by a session that began with it; left out when it never was. Other nodes tell once a minute."`
	Viewers   int        `json:"viewers" doc:"Who watches with it, by address, on all nodes that could be asked."`
	Status    string     `json:"status" enum:"active,expired,not_yet_valid,revoked"`
	Revoked   *Revoked   `json:"revoked,omitempty" doc:"Why all that it may play is refused, or will be."`
	Key       string     `json:"key" doc:"The id of the key that signed it."`
}

// Tokens is a page of them, the newest first.
type Tokens struct {
	Tokens []Token `json:"tokens"`
	Next   string  `json:"next,omitempty" doc:"The cursor of the next page; left out at the end."`
}

// NewToken is a token to be made.
type NewToken struct {
	Org       string   `json:"org"`
	Streams   []string `json:"streams,omitempty" doc:"The streams that it may play; this or orgwide."`
	OrgWide   bool     `json:"orgwide,omitempty" doc:"All streams of the organisation; this or streams."`
	Expires   string   `json:"expires,omitempty" doc:"When it ends: a time, or a duration from now like 14d or 2h. Default: what the configuration says, or 14d; at most 365d." example:"14d"`
	NotBefore string   `json:"not_before,omitempty" doc:"When it begins, in the same form. Default: at once."`
	IP        []string `json:"ip,omitempty" doc:"Addresses and prefixes that may use it. Default: all." example:"[\"203.0.113.0/24\"]"`
	Referer   []string `json:"referer,omitempty" doc:"Pages that may embed it: example.com, *.example.com, host:port. Default: all."`
	Tag       string   `json:"tag,omitempty" doc:"To find it by; at most 128 characters."`
	User      string   `json:"user,omitempty" doc:"Whom it is for; at most 128 characters."`
}

// IssuedToken is a new token, which is shown this once.
type IssuedToken struct {
	Text string `json:"token" doc:"The token. Nothing shows it again."`
	Token
	WebPlayoutURL string             `json:"web_playout_url,omitempty" doc:"The player page with the token."`
	StreamURL     string             `json:"stream_url,omitempty" doc:"The manifest or socket with the token."`
	URLs          []issue.StreamURLs `json:"urls,omitempty" doc:"All of them, where there are several."`
	Warnings      []string           `json:"warnings" doc:"What may not do what was meant."`
}

type oneToken struct{ Body Token }

func (s *server) tokens() {
	tags := []string{"tokens"}
	route(s, toRead, huma.Operation{
		OperationID: "list-tokens", Method: http.MethodGet, Path: "/api/v1/tokens", Tags: tags, Summary: "Lists tokens, the newest first",
	}, listTokens)
	route(s, toIssue, huma.Operation{
		OperationID: "create-token", Method: http.MethodPost, Path: "/api/v1/tokens", DefaultStatus: http.StatusCreated, Tags: tags, Summary: "Makes a token",
	}, func(ctx context.Context, c *call, in *struct{ Body NewToken }) (*struct{ Body IssuedToken }, error) {
		request, err := c.read(&in.Body)
		if err != nil {
			return nil, err
		}
		issued, record, err := c.issue(ctx, request)
		if err != nil {
			return nil, err
		}
		return &struct{ Body IssuedToken }{c.show(issued, record)}, nil
	})
	route(s, toIssue, huma.Operation{
		OperationID: "check-token", Method: http.MethodPost, Path: "/api/v1/tokens/check", DefaultStatus: http.StatusOK, Tags: tags,
		Summary: "Says what of a token may not do what was meant", Description: "It takes what POST /api/v1/tokens takes, answers with the same mistakes, and makes nothing.",
	}, checkToken)
	route(s, toRead, huma.Operation{
		OperationID: "get-token", Method: http.MethodGet, Path: "/api/v1/tokens/{id}", Tags: tags, Summary: "Shows what is kept of a token",
	}, getToken)
	route(s, toIssue, huma.Operation{
		OperationID: "revoke-token", Method: http.MethodDelete, Path: "/api/v1/tokens/{id}", DefaultStatus: http.StatusNoContent, Tags: tags,
		Summary: "Revokes a token", Description: "It is refused from now on, or from a time on, on every edge. Its record stays.",
	}, revokeToken)
}

// Remarks are what may not do what was meant.
type Remarks struct {
	Warnings []issue.Warning `json:"warnings"`
}

// Revoked is why a token is refused.
type Revoked struct {
	At     time.Time  `json:"at"`
	From   *time.Time `json:"from,omitempty" doc:"When that begins; left out: it holds since at. Until then the status says what the token is."`
	By     string     `json:"by,omitempty"`
	Reason string     `json:"reason,omitempty"`
}

func (c *call) describeToken(ctx context.Context, t *registry.Token, now time.Time) Token {
	return c.describeTokens(ctx, []*registry.Token{t}, now)[0]
}

// describeTokens tells what is kept of tokens, and asks all nodes who uses them.
func (c *call) describeTokens(ctx context.Context, tokens []*registry.Token, now time.Time) []Token {
	list := make([]Token, 0, len(tokens))
	for i, use := range c.app.Edge().Uses.Of(ctx, c.registry, c.app.Peers(), tokens) {
		d := c.describeWithout(tokens[i], now)
		d.Viewers, d.LastUsed = use.Viewers, moment(use.Last)
		list = append(list, d)
	}
	return list
}

func (c *call) describeWithout(t *registry.Token, now time.Time) Token {
	d := describeToken(t, now)
	if v := c.registry.Revocations.Of(t); v != nil {
		d.Status = c.registry.Revocations.StatusOf(t, now)
		d.Revoked = &Revoked{At: v.At.UTC(), From: moment(v.From), By: v.By, Reason: v.Reason}
	}
	return d
}

func describeToken(t *registry.Token, now time.Time) Token {
	return Token{
		ID: t.ID, Org: t.Org, Streams: t.Streams, OrgWide: t.OrgWide, IP: t.IPs, Referer: t.Referers, Tag: t.Tag, User: t.User,
		Created: t.Created.UTC(), By: t.By, NotBefore: moment(t.NotBefore), Expires: t.Expires.UTC(), Status: t.Status(now), Key: t.Key,
	}
}

// recordOf is what is kept of a token.
func recordOf(g *token.Grant) *registry.Token {
	t := &registry.Token{
		ID: g.ID, Org: g.Org, Streams: g.Streams, OrgWide: g.OrgWide, Tag: g.Tag, User: g.Subject,
		Expires: g.ExpiresAt().UTC(), Key: g.KeyID,
	}
	if g.IssuedAt != 0 {
		t.Created = time.Unix(g.IssuedAt, 0).UTC()
	}
	if g.NotBefore != 0 {
		t.NotBefore = time.Unix(g.NotBefore, 0).UTC()
	}
	for _, r := range g.IPs {
		t.IPs = append(t.IPs, r.String())
	}
	for _, p := range g.Referers {
		t.Referers = append(t.Referers, p.String())
	}
	return t
}

// read understands what somebody wants a token for.
func (c *call) read(n *NewToken) (r issue.Request, err error) {
	r = issue.Request{
		Org: n.Org, Streams: n.Streams, OrgWide: n.OrgWide, IPs: n.IP, Referers: n.Referer, Tag: n.Tag, User: n.User,
	}
	if n.Expires != "" {
		if r.Expires, err = issue.ParseTime(n.Expires, c.now); err != nil {
			return r, mistake("body.expires", err.Error())
		}
	}
	if n.NotBefore != "" {
		if r.NotBefore, err = issue.ParseTime(n.NotBefore, c.now); err != nil {
			return r, mistake("body.not_before", err.Error())
		}
	}
	return r, nil
}

// sign makes a token, of which nothing is kept: until its record is, it must not
// be shown.
func (c *call) sign(ctx context.Context, r issue.Request) (*issue.Issued, error) {
	if err := c.orgInBody("body.org", r.Org); err != nil {
		return nil, err
	}
	issuer, err := c.app.Issuer(ctx, r.Org)
	if err != nil {
		return nil, err
	}
	return issuer.Issue(r)
}

// issue makes a token and keeps its record. It returns the token only when the
// record is kept: what nobody can list, nobody can find to revoke.
func (c *call) issue(ctx context.Context, r issue.Request) (*issue.Issued, *registry.Token, error) {
	issued, err := c.sign(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	record := recordOf(issued.Grant)
	record.Created, record.By = c.now.UTC().Truncate(time.Millisecond), c.Name
	if err := c.registry.Tokens.Create(ctx, record); err != nil {
		return nil, nil, unavailable("there is no token, because its record could not be kept: " + err.Error())
	}
	return issued, record, nil
}

// show is the one answer that has the token in it.
func (c *call) show(i *issue.Issued, record *registry.Token) IssuedToken {
	i.Warnings = append(i.Warnings, c.strange(i.Grant)...)
	t := IssuedToken{Text: i.Token, Token: describeToken(record, c.now), Warnings: i.Remarks()}
	if len(i.URLs) > 0 {
		t.WebPlayoutURL, t.StreamURL = i.URLs[0].WebPlayoutURL, i.URLs[0].StreamURL
	}
	if len(i.URLs) > 1 {
		t.URLs = i.URLs
	}
	return t
}

// strange warns of streams that the registry does not know.
func (c *call) strange(g *token.Grant) (list []issue.Warning) {
	for _, stream := range g.Streams {
		if _, err := c.registry.Streams.Get(g.Org, stream); err != nil {
			list = append(list, issue.Warning{Text: "stream " + stream + " is not known here; the token plays it all the same, if an origin has it"})
		}
	}
	return list
}

// checkToken says what would be made of a request, and makes nothing.
func checkToken(ctx context.Context, c *call, in *struct{ Body NewToken }) (*struct{ Body Remarks }, error) {
	request, err := c.read(&in.Body)
	if err != nil {
		return nil, err
	}
	issued, err := c.sign(ctx, request)
	if err != nil {
		return nil, err
	}
	list := append([]issue.Warning{}, issued.Warnings...)
	return &struct{ Body Remarks }{Remarks{append(list, c.strange(issued.Grant)...)}}, nil
}

// tokenCursor is the last token of a page.
type tokenCursor struct {
	Created time.Time `json:"t,omitzero"`
	ID      string    `json:"i"`

	Sort string `json:"s,omitempty"` // of a sorted list, with what follows
	By   int64  `json:"b,omitempty"`
	Org  string `json:"o,omitempty"`
}

func listTokens(ctx context.Context, c *call, in *struct {
	Page
	Org    string `query:"org" doc:"Of this organisation only."`
	Stream string `query:"stream" doc:"That name this stream only; not those of organisation scope."`
	Tag    string `query:"tag" doc:"With this tag only."`
	User   string `query:"user" doc:"For this user only."`
	Status string `query:"status" enum:"active,expired,not_yet_valid,revoked" doc:"In this state only."`
	Sort   string `query:"sort" enum:"newest,expires,used" default:"newest" doc:"newest: by their making, the newest first. expires: who ends first. used: who was used last."`
},
) (*struct{ Body Tokens }, error) {
	filter := registry.Filter{Orgs: c.Orgs, Stream: in.Stream, Tag: in.Tag, User: in.User, Status: in.Status, StatusOf: c.registry.Revocations.StatusOf}
	if in.Org != "" {
		if err := c.org(in.Org); err != nil {
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
	list, next, err := c.sorted(ctx, index, filter, in.Sort, at, in.Limit)
	if err != nil {
		return nil, err
	}
	out := Tokens{Tokens: c.describeTokens(ctx, list, c.now)}
	if next != nil {
		out.Next = writeCursor(*next)
	}
	return &struct{ Body Tokens }{out}, nil
}

// sorted is a page of tokens, in an order, from a cursor on.
func (c *call) sorted(ctx context.Context, index *registry.Index, f registry.Filter, order string, at *tokenCursor, n int) ([]*registry.Token, *tokenCursor, error) {
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

// TokenPath is a token in a path.
type TokenPath struct {
	ID  string `path:"id" doc:"The token's id."`
	Org string `query:"org" doc:"Its organisation. It may be left out where only one has a token by this id."`
}

func getToken(ctx context.Context, c *call, in *TokenPath) (*oneToken, error) {
	found, err := c.findToken(ctx, in)
	if err != nil {
		return nil, err
	}
	return &oneToken{c.describeToken(ctx, found, c.now)}, nil
}

func revokeToken(ctx context.Context, c *call, in *struct {
	TokenPath
	From   string `query:"from" doc:"When that begins: a time, or a duration from now like 10m; at most 30d ahead. Default: at once."`
	Reason string `query:"reason" doc:"Why; at most 128 characters."`
},
) (*nothing, error) {
	if err := checkText("query.reason", in.Reason); err != nil {
		return nil, err
	}
	from, err := c.beginning("query.from", in.From)
	if err != nil {
		return nil, err
	}
	found, err := c.findToken(ctx, &in.TokenPath)
	if err != nil {
		return nil, err
	}
	return nil, c.registry.Revocations.Add(ctx, &registry.Revocation{Org: found.Org, Kind: "token", Value: found.ID, From: from, Reason: in.Reason}, c.Name)
}

// findToken finds the record of a token that the caller may see.
func (c *call) findToken(ctx context.Context, in *TokenPath) (*registry.Token, error) {
	orgs := c.orgs()
	if in.Org != "" {
		if err := c.org(in.Org); err != nil {
			return nil, err
		}
		orgs = []string{in.Org}
	}
	var found *registry.Token
	for _, org := range orgs {
		t, err := c.registry.Tokens.Get(ctx, org, in.ID)
		switch {
		case errors.Is(err, registry.ErrNotFound):
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
