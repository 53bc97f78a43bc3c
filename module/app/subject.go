package app

import (
	"github.com/playgate/playgate/module/internal/conns"
	"github.com/playgate/playgate/module/token"
	tokens "github.com/playgate/playgate/module/token/session"
)

// SubjectOf is what a playback token can be revoked by, as it plays a stream.
func SubjectOf(g *token.Grant, stream string) conns.Subject {
	return conns.Subject{
		Org: g.Org, Stream: stream, IssuedAt: g.IssuedAt,
		TokenID: tokens.Hash("token", g.Org, g.ID),
		Tag:     tokens.Hash("tag", g.Org, g.Tag),
		User:    tokens.Hash("user", g.Org, g.Subject),
		Key:     tokens.KeyHash(g.KeyID),
	}
}

// SubjectOfSession is the same of the token that a session began with.
func SubjectOfSession(t *tokens.Token, org, stream string) conns.Subject {
	return conns.Subject{
		Org: org, Stream: stream, IssuedAt: t.IssuedAt,
		TokenID: t.TokenID, Tag: t.Tag, User: t.User, Key: t.Key,
	}
}
