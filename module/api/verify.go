package api

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/playgate/playgate/module/api/types"
	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/issue"
	"github.com/playgate/playgate/module/internal/registry"
	"github.com/playgate/playgate/module/internal/weborigin"
)

// VerifyToken says why a token is accepted or refused, check by check.
var VerifyToken = operation(toRead, huma.Operation{
	OperationID: "verify-token", Method: http.MethodPost, Path: "/api/v1/tokens/verify", DefaultStatus: http.StatusOK, Tags: []string{"tokens"},
	Summary: "Says why a token is accepted or refused",
}, verifyToken)

func verifyToken(ctx context.Context, c *call, in *types.Body[types.TokenQuestion]) (*types.TokenAnswer, error) {
	b := in.Body
	at := c.now
	if b.At != "" {
		var err error
		if at, err = issue.ParseTime(b.At, c.now); err != nil {
			return nil, mistake("body.at", err.Error())
		}
	}
	if a, err := netip.ParseAddr(b.IP); b.IP != "" && (err != nil || a.Zone() != "") {
		return nil, mistake("body.ip", "that is no IP address")
	}
	answer, err := explain(ctx, c, issue.Question{Text: b.Token, At: at, IP: b.IP, Referer: b.Referer, URL: b.URL, Rule: b.Rule})
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// stranger is the answer to every token that nobody here has made for one of
// the caller's organisations. It is always the same, so that nothing can be
// learned about others.
func stranger() *types.TokenAnswer {
	return &types.TokenAnswer{Reason: string(access.UnknownKey), Checks: []types.Check{{
		Name: "signature", Result: issue.Failed, Reason: string(access.UnknownKey),
		Text: "no key that is known here has signed this token for one of your organisations",
	}}}
}

// explain judges a token as the gate would. What the token says is only told
// when the caller may know it.
func explain(ctx context.Context, c *call, q issue.Question) (*types.TokenAnswer, error) {
	q.Terms = c.app.Terms()
	// First the token alone, without a key: whose it is comes before whether
	// its signature holds.
	alone, err := issue.Explain(issue.Question{Text: q.Text, At: q.At, Rule: q.Rule, Terms: q.Terms})
	if err != nil {
		return nil, mistake("body.token", "there is no token in this URL, or there are several; send the token alone")
	}
	at := cmp.Or(q.URL, alone.URL)
	if alone.Grant == nil {
		return orOpen(c, q, at, &types.TokenAnswer{Reason: alone.Reason, Checks: alone.Checks}), nil
	}
	if !c.owns(alone.Grant.Org) {
		return orOpen(c, q, at, stranger()), nil
	}
	trust := c.app.Trust()
	q.Keys = trust.Keys
	e, err := issue.Explain(q)
	if err != nil {
		return nil, err
	}
	for _, check := range e.Checks {
		if check.Name == "signature" && check.Result != issue.OK {
			return orOpen(c, q, at, stranger()), nil
		}
	}
	t := recordOf(e.Grant)
	if kept, err := c.registry.Tokens.Get(ctx, t.Org, t.ID); err == nil && !c.hides(t.Org, kept.Created) {
		t.Created, t.By = kept.Created, kept.By
	}
	told := describeTokens(ctx, c, []*registry.Token{t}, q.At.Truncate(time.Second))[0]
	answer := &types.TokenAnswer{Allowed: e.Allowed, Reason: e.Reason, Checks: e.Checks, Token: &told}
	revocation := types.Check{Name: "revocation", Result: issue.OK, Text: "it has not been revoked"}
	refused := slices.DeleteFunc(t.Playable(), func(stream string) bool {
		s := access.SubjectOf(e.Grant, stream, trust.Hasher)
		return !c.app.Revoked(&s, q.At)
	})
	switch {
	case len(refused) == len(t.Playable()):
		revocation.Result, revocation.Reason, revocation.Text = issue.Failed, string(access.Revoked), "it has been revoked"
		if told.Revoked != nil {
			revocation.Text = "it was revoked at " + told.Revoked.At.Format(time.RFC3339)
		}
		answer.Allowed, answer.Reason = false, cmp.Or(answer.Reason, revocation.Reason)
	case len(refused) > 0:
		revocation.Text = "it has been revoked for " + strings.Join(refused, ", ")
	}
	answer.Checks = append(answer.Checks, revocation)
	if e.URL != "" {
		askGate(c, q, e, answer)
	}
	if check, ok := references(c, e.Grant.Org, e.URL); ok {
		answer.Checks = append(answer.Checks, check)
	}
	return answer, nil
}

// references tells which references of the manifest at a URL got no token when this node
// delivered it last. ok is false for what is no manifest's URL.
func references(c *call, org, streamURL string) (check types.Check, ok bool) {
	u, err := url.Parse(streamURL)
	if err != nil || streamURL == "" {
		return check, false
	}
	path := withoutTokens(u)
	site, _ := weborigin.Of(u.Scheme, u.Host)
	d, ok := c.app.Edge().Manifest(org, site.Address(), path)
	check = types.Check{Name: "references", Result: issue.OK}
	switch name := strings.ToLower(path); {
	case ok && d.Untokened == 0:
		check.Text = "all references of this manifest carried the token on, as this node delivered it at " + d.At.UTC().Format(time.RFC3339)
	case ok:
		check.Result = issue.Failed
		check.Text = fmt.Sprintf("%d of the references of this manifest got no token (%s), as this node delivered it at %s: %s",
			d.Untokened, strings.Join(d.Kinds, ", "), d.At.UTC().Format(time.RFC3339), strings.Join(d.References, "  "))
	case strings.HasSuffix(name, ".m3u8") || strings.HasSuffix(name, ".mpd"):
		check.Result, check.Text = issue.Skipped, "not delivered on this node yet"
	default:
		return check, false
	}
	return check, true
}
