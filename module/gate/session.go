package gate

import (
	"encoding/hex"
	"slices"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/token"
	"github.com/playgate/playgate/module/token/sessiontoken"
)

// verifySession reads a session token: for this stream and from this address, and as
// long as the key of its playback token is in use.
func (in *incoming) verifySession(d *decision) error {
	s, by, err := d.trust.Sessions.Read(d.token.Text, in.scope(d.target.Stream, d))
	if err != nil {
		return err
	}
	key := d.trust.Active(s.Key, d.target.Org)
	if key == nil {
		return &token.Error{Kind: token.ErrUnknownKey, Detail: "the key of the token that the session began with is not in use any more"}
	}
	d.credential = access.Credential{Session: &s, Hasher: d.trust.Hasher, Grant: &token.Grant{
		ID: "session:" + hex.EncodeToString(s.ID[:]), Org: d.target.Org, Streams: []string{d.target.Stream},
		Expires: s.Expires, IssuedAt: s.IssuedAt, IssuedWithin: s.IssuedWithin, Key: key,
	}}
	if s.IssuedWithin {
		d.credential.Grant.IssuedAt++
	}
	d.subject = access.SubjectOfSession(&s, d.target.Org, d.target.Stream, key)
	d.subject.SessionKey = by.Number()
	return nil
}

// scope is what a session token of a stream is good for here.
func (in *incoming) scope(stream string, d *decision) sessiontoken.Scope {
	return sessiontoken.Scope{Org: d.target.Org, Stream: stream, Address: in.address()}
}

// carried is the token that references to a stream get where sessions are
// propagated: a session token, or the playback token itself where no session may
// begin. A session token mints nothing: it is passed on as it is, and only to its own
// stream; "" for any other.
func (x *exchange) carried(stream string) string {
	if x.credential.Session != nil {
		if stream == x.target.Stream {
			return x.token.Text
		}
		return ""
	}
	if text := x.minted[stream]; text != "" {
		return text
	}
	text := x.mint(stream)
	if text == "" {
		text = x.token.Text
	}
	if x.minted == nil {
		x.minted = make(map[string]string, 1)
	}
	x.minted[stream] = text
	return text
}

// mint makes the session token of a stream, or returns "" where none may be made: the
// request is not one that its token allows, no rule of the token includes its address
// or page, or there is no key.
func (x *exchange) mint(stream string) string {
	g, key, hasher := x.credential.Grant, x.trust.Sessions.Signing(), x.trust.Hasher
	if !x.carries() || !key.Valid() {
		return ""
	}
	t := sessiontoken.Token{
		ID: x.sessionID(stream), Expires: g.Expires, IssuedAt: g.IssuedSecond(), IssuedWithin: g.IssuedWithin,
		TokenID: x.subject.TokenID, Tag: x.subject.Tag, User: x.subject.User, Key: x.subject.Key, Prefix: -1,
		Issuer: hasher.Issuer(g.Issuer),
	}
	for i, audience := range x.h.policy.Terms.AcceptedAudience(g) {
		if i < len(t.Audience) {
			t.Audience[i] = hasher.Audience(audience)
		}
	}
	scope := x.scope(stream, &x.decision)
	if g.IPs != nil {
		i := slices.IndexFunc(g.IPs, func(rule token.AddressRule) bool { return rule.Match(scope.Address) })
		if i < 0 {
			return ""
		}
		t.Prefix = g.IPs[i].Bits()
	}
	if g.Referers != nil {
		page := x.page()
		i := slices.IndexFunc(g.Referers, func(rule token.HostPattern) bool { return rule.Match(page.Host, page.Port) })
		if page.State != access.PageKnown || i < 0 {
			return "" // let through without a page: a session would not know its own later
		}
		t.Page = hasher.Page(g.Referers[i])
	}
	return key.Mint(t, scope)
}

// sessionID names the session that is about to go on: the one of a session token that
// came beside the playback token and is of the same token or user, so that a player
// may renew its token; else the one of this viewer.
func (x *exchange) sessionID(stream string) [8]byte {
	if x.token.Beside != "" && stream == x.target.Stream {
		s, _, err := x.trust.Sessions.Read(x.token.Beside, x.scope(stream, &x.decision))
		if err == nil && (s.TokenID == x.subject.TokenID || s.User != 0 && s.User == x.subject.User) {
			return s.ID
		}
	}
	return x.trust.Hasher.SessionID(sessiontoken.Viewer{
		Org: x.target.Org, TokenID: x.credential.Grant.ID, Address: x.address(), UserAgent: x.r.Header.Get("User-Agent"),
	}, stream)
}
