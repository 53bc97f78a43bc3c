package token

import (
	"slices"
	"time"
)

// Grant is what a verified token says. Whoever holds one knows that its
// signature was good; times, scope, address and page are judged anew for each
// request, because they depend on it.
type Grant struct {
	// ID is the token's own id (jti), or, where it has none, "sha256:" and
	// the first 128 bits of the hash of what was signed.
	ID string

	// Org is the organisation that the token belongs to.
	Org string

	// Streams are the streams it may play. Empty exactly when OrgWide is set.
	Streams []string

	// OrgWide lets the token play every stream of Org.
	OrgWide bool

	// Expires, NotBefore and IssuedAt are seconds since the epoch (RFC 7519,
	// section 2). Expires is always there; the other two are 0 when absent. Of a time
	// with a fraction, Expires is rounded down and the others up.
	Expires, NotBefore, IssuedAt int64

	// IssuedWithin says that iat has a fraction: the token was issued in the second
	// before IssuedAt.
	IssuedWithin bool

	// IPs are the client addresses that may use the token; nil means all.
	IPs []AddressRule

	// Referers are the pages that may embed the stream; nil means all.
	Referers []HostPattern

	// Tag and Subject are free texts for the operator's eyes.
	Tag, Subject string

	// Issuer and Audience are the iss and aud claims.
	Issuer   string
	Audience []string

	// KeyID names the key whose signature held, and Key is that key; nil as
	// long as none has.
	KeyID string
	Key   *Key
}

// MayPlay reports whether the scope includes a stream of the token's own
// organisation. Names are compared byte by byte.
func (g *Grant) MayPlay(stream string) bool {
	if g.OrgWide {
		return stream != ""
	}
	return slices.Contains(g.Streams, stream)
}

// ExpiresAt is Expires as a time.
func (g *Grant) ExpiresAt() time.Time { return time.Unix(g.Expires, 0) }

// IssuedSecond is iat rounded down, as revocations count it: a token that was issued
// in the second up to which they reach is revoked. 0 when iat is absent.
func (g *Grant) IssuedSecond() int64 {
	if g.IssuedWithin {
		return g.IssuedAt - 1
	}
	return g.IssuedAt
}
