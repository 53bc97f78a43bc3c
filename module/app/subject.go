package app

import (
	"github.com/playgate/playgate/module/internal/conns"
	"github.com/playgate/playgate/module/token"
	"github.com/playgate/playgate/module/token/sessiontoken"
)

// SubjectOf is what a playback token can be revoked by, as it plays a stream.
func SubjectOf(g *token.Grant, stream string) conns.Subject {
	return conns.Subject{
		Org: g.Org, Stream: stream, IssuedAt: g.IssuedAt,
		TokenID: sessiontoken.Hash("token", g.Org, g.ID),
		Tag:     sessiontoken.Hash("tag", g.Org, g.Tag),
		User:    sessiontoken.Hash("user", g.Org, g.Subject),
		Key:     sessiontoken.KeyHash(g.KeyID),
	}
}

// SubjectOfSession is the same of the token that a session began with.
func SubjectOfSession(t *sessiontoken.Token, org, stream string) conns.Subject {
	return conns.Subject{
		Org: org, Stream: stream, IssuedAt: t.IssuedAt,
		TokenID: t.TokenID, Tag: t.Tag, User: t.User, Key: t.Key,
	}
}
