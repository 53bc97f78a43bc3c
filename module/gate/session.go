package gate

import (
	"encoding/hex"

	"github.com/playgate/playgate/module/app"
	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/token"
	"github.com/playgate/playgate/module/token/sessiontoken"
)

// judgeSession judges a session token: for this stream, from this address, on
// this page, and as long as the key of its playback token lives.
func (x *exchange) judgeSession() access.Verdict {
	t, err := x.trust.Sessions.Read(x.token.text, sessiontoken.Scope{
		Org: x.target.Org, Stream: x.target.Stream, Address: app.ClientAddress(x.r),
	})
	if err != nil {
		return x.denyToken(err)
	}
	if !x.trust.Active(t.Key, x.target.Org) {
		return x.denyToken(&token.Error{Kind: token.ErrUnknownKey, Detail: "the key of the token that the session began with is not in use any more"})
	}
	x.session = &t
	x.grant = &token.Grant{
		ID: "session:" + hex.EncodeToString(t.ID[:]), Org: x.target.Org, Streams: []string{x.target.Stream},
		Expires: t.Expires, IssuedAt: t.IssuedAt,
	}
	x.subject = access.SubjectOfSession(&t, x.target.Org, x.target.Stream)
	f := access.Facts{Now: x.judgedAt(), EarlyData: earlyData(x.r)}
	if t.Paged {
		f.Page = access.ReadPage(x.r.Header["Origin"], x.r.Header["Referer"])
	}
	v := access.JudgeSession(&t, x.grant, f, x.h.policy)
	x.verified = scoped(v)
	return v
}

// sessionToken is what the URIs of a stream get where sessions are propagated.
// A session token mints nothing: it is passed on as it is, and only to its own
// stream.
func (x *exchange) sessionToken(stream string) string {
	if x.session != nil {
		if stream == x.target.Stream {
			return x.token.text
		}
		return ""
	}
	if text := x.minted[stream]; text != "" {
		return text
	}
	g, key := x.grant, x.trust.Sessions.Signing()
	if !key.Valid() {
		return ""
	}
	t := sessiontoken.Token{
		ID:       key.SessionID(x.token.text, stream),
		Expires:  g.Expires,
		IssuedAt: g.IssuedAt,
		TokenID:  x.subject.TokenID,
		Tag:      x.subject.Tag,
		User:     x.subject.User,
		Key:      x.subject.Key,
		Prefix:   -1,
	}
	scope := sessiontoken.Scope{Org: g.Org, Stream: stream}
	if g.IPs != nil {
		scope.Address = app.ClientAddress(x.r)
		for _, rule := range g.IPs {
			if rule.Match(scope.Address) {
				t.Prefix = rule.Bits()
				break
			}
		}
		if t.Prefix < 0 {
			return "" // only reported: the address is none of the token's
		}
	}
	if g.Referers != nil {
		t.Paged = true
		if page := access.ReadPage(x.r.Header["Origin"], x.r.Header["Referer"]); page.State == access.PageKnown {
			t.Page = sessiontoken.PageHash(page.Host)
		}
	}
	if x.minted == nil {
		x.minted = make(map[string]string, 1)
	}
	text := key.Mint(t, scope)
	x.minted[stream] = text
	return text
}
