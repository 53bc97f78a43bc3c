package api

import (
	"context"
	"time"

	"github.com/playgate/playgate/module/api/types"
	"github.com/playgate/playgate/module/internal/issue"
	"github.com/playgate/playgate/module/internal/registry"
	"github.com/playgate/playgate/module/token"
)

func createToken(ctx context.Context, c *call, in *types.Body[types.NewToken]) (*types.IssuedToken, error) {
	making := issuing{c}
	request, err := making.parse(&in.Body)
	if err != nil {
		return nil, err
	}
	issued, record, err := making.issue(ctx, request)
	if err != nil {
		return nil, err
	}
	return making.render(issued, record), nil
}

// checkToken says what would be made of a request, and makes nothing.
func checkToken(ctx context.Context, c *call, in *types.Body[types.NewToken]) (*types.Remarks, error) {
	making := issuing{c}
	request, err := making.parse(&in.Body)
	if err != nil {
		return nil, err
	}
	issued, err := making.issueUnsaved(ctx, request)
	if err != nil {
		return nil, err
	}
	list := append([]types.Warning{}, issued.Warnings...)
	return &types.Remarks{Warnings: append(list, making.warnUnknownStreams(issued.Grant)...)}, nil
}

// issuing makes tokens for a caller.
type issuing struct{ *call }

// parse understands what somebody wants a token for.
func (c issuing) parse(n *types.NewToken) (r issue.Request, err error) {
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

// issueUnsaved makes a token, of which nothing is kept: until its record is, it must not
// be shown.
func (c issuing) issueUnsaved(ctx context.Context, r issue.Request) (*issue.Issued, error) {
	var err error
	if r.IssuedAfter, err = c.awaitIssue(ctx, &r); err != nil {
		return nil, err
	}
	issuer, err := c.app.Issuer(ctx, r.Org)
	if err != nil {
		return nil, err
	}
	return issuer.Issue(r)
}

// maxAheadOfNow is how much later than now a token may say that it was issued.
const maxAheadOfNow = 5 * time.Second

// awaitIssue gives the second after which a token must say that it was issued, and waits while
// gates would take it for one of the future: revoking and making in turn would lead ever
// farther from now. What was revoked or deleted meanwhile counts.
func (c issuing) awaitIssue(ctx context.Context, r *issue.Request) (after int64, err error) {
	for {
		if err := c.orgInBody("body.org", r.Org); err != nil {
			return 0, err
		}
		future, after := c.registry.Revocations.Ahead(&registry.Token{Org: r.Org, Streams: r.Streams, OrgWide: r.OrgWide, Tag: r.Tag, User: r.User})
		if future != nil {
			return 0, revokedAhead(future)
		}
		soon := time.Until(time.Unix(after+1, 0)) - min(maxAheadOfNow, c.app.Terms().Leeway)
		if after == 0 || soon <= 0 {
			return after, nil
		}
		select {
		case <-time.After(soon):
		case <-ctx.Done():
			return 0, unavailable("there is no token: its like was revoked a moment ago, and it would have been refused; ask again")
		}
	}
}

// revokedAhead says that a token would be refused, and how to have it play.
func revokedAhead(v *registry.Condition) error {
	field := map[string]string{"tag": "tag", "user": "user", "stream": "streams"}[v.Kind]
	what := "this " + v.Kind
	if field == "" {
		field, what = "org", "this organisation"
	}
	text := what + " is revoked for later tokens too"
	if v.By != "" {
		text += ", by " + v.By
	}
	return mistake("body."+field, text+"; the token would be refused. To undo that: playgate token unrevoke "+v.ID+" --org "+v.Org)
}

// issue makes a token and keeps its record. It returns the token only when the
// record is kept: what nobody can list, nobody can find to revoke.
func (c issuing) issue(ctx context.Context, r issue.Request) (*issue.Issued, *registry.Token, error) {
	issued, err := c.issueUnsaved(ctx, r)
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

// render is the one answer that has the token in it.
func (c issuing) render(i *issue.Issued, record *registry.Token) *types.IssuedToken {
	i.Warnings = append(i.Warnings, c.warnUnknownStreams(i.Grant)...)
	t := &types.IssuedToken{Text: i.Token, Token: describeToken(record, c.now), Warnings: i.Remarks()}
	if len(i.URLs) > 0 {
		t.WebPlayoutURL, t.StreamURL = i.URLs[0].WebPlayoutURL, i.URLs[0].StreamURL
	}
	if len(i.URLs) > 1 {
		t.URLs = i.URLs
	}
	return t
}

// warnUnknownStreams warns of streams that the registry does not know.
func (c issuing) warnUnknownStreams(g *token.Grant) (list []types.Warning) {
	for _, stream := range g.Streams {
		if _, err := c.registry.Streams.Get(g.Org, stream); err != nil {
			list = append(list, types.Warning{Text: "stream " + stream + " is not known here; the token plays it all the same, if an origin has it"})
		}
	}
	return list
}

// recordOf is what is kept of a token.
func recordOf(g *token.Grant) *registry.Token {
	t := &registry.Token{
		ID: g.ID, Org: g.Org, Streams: g.Streams, OrgWide: g.OrgWide, Tag: g.Tag, User: g.Subject,
		Expires: g.ExpiresAt().UTC(), Key: g.KeyID,
	}
	if t.IssuedAt = g.IssuedSecond(); t.IssuedAt != 0 {
		t.Created = time.Unix(t.IssuedAt, 0).UTC()
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
