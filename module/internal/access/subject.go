package access

import (
	"hash/maphash"
	"time"

	"github.com/playgate/playgate/module/token"
	"github.com/playgate/playgate/module/token/sessiontoken"
)

// Subject is whom a request serves: what its token can be revoked by, and what a
// running response depends on. The hashes are those that session tokens have of
// (organisation, value); 0 stands for what is not there.
type Subject struct {
	Org, Stream string
	// Public: it is served without a token. Where a good one came all the same, the
	// rest is said of that one.
	Public bool
	// TokenID, Tag, User and Key are of the token.
	TokenID, Tag, User, Key uint64
	// LocalKey is what the key is known by in this process, whatever secret hashes have.
	LocalKey uint64
	// SessionKey is the number of the key that a session token was signed with; 0 without
	// one.
	SessionKey uint64
	// IssuedAt is its iat, rounded down. A token without one counts as issued as long
	// before its end as tokens may live at most.
	IssuedAt int64
	// Expires is its exp, where Public: then no deadline says it. 0 for none.
	Expires int64
}

// SubjectOf is what a playback token can be revoked by, as it plays a stream.
func SubjectOf(g *token.Grant, stream string, h sessiontoken.Hasher) Subject {
	return Subject{
		Org: g.Org, Stream: stream, IssuedAt: issuedAt(g.IssuedSecond(), g.Expires),
		TokenID:  h.Hash("token", g.Org, g.ID),
		Tag:      h.Hash("tag", g.Org, g.Tag),
		User:     h.Hash("user", g.Org, g.Subject),
		Key:      h.Key(g.Key),
		LocalKey: LocalKey(g.Key),
	}
}

// issuedAt is when a token counts as issued.
func issuedAt(iat, expires int64) int64 {
	if iat == 0 {
		return expires - int64(token.MaxLifetime/time.Second)
	}
	return iat
}

var localSeed = maphash.MakeSeed()

// LocalKey is what a key is known by in this process: its id, algorithm and thumbprint. It
// is 0 for no key.
func LocalKey(k *token.Key) uint64 {
	if k == nil {
		return 0
	}
	return max(maphash.Comparable(localSeed, struct {
		id, algorithm string
		thumbprint    [32]byte
	}{k.ID, k.Algorithm, k.Thumbprint()}), 1)
}

// SubjectOfSession is the same of the token that a session began with, and its key.
func SubjectOfSession(t *sessiontoken.Token, org, stream string, key *token.Key) Subject {
	return Subject{
		Org: org, Stream: stream, IssuedAt: issuedAt(t.IssuedAt, t.Expires),
		TokenID: t.TokenID, Tag: t.Tag, User: t.User, Key: t.Key, LocalKey: LocalKey(key),
	}
}

// Selection says which subjects a revocation concerns. Hashes that are 0 do not
// count. Nodes send it to each other.
type Selection struct {
	Org, Stream        string // all of the organisation, or of its stream
	TokenID, Tag, User uint64
	// Before spares tokens that were issued later; 0 spares none.
	Before int64
}
