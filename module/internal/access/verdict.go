package access

import (
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/playgate/playgate/module/internal/target"
	"github.com/playgate/playgate/module/token"
	"github.com/playgate/playgate/module/token/sessiontoken"
)

// Verdict is allow, or deny with one reason. The zero value denies.
type Verdict struct {
	Allowed bool
	Reason  Reason // why not; "" when allowed
	Detail  string // in words, never with a value from the token; may be empty
}

// Allow is the verdict that lets a request through.
var Allow = Verdict{Allowed: true}

// Deny is a refusal.
func Deny(reason Reason, detail string) Verdict { return Verdict{Reason: reason, Detail: detail} }

// DenyError is the refusal for an error of package token or target.
func DenyError(err error) Verdict {
	v := Verdict{Reason: ReasonOf(err)}
	var ofToken *token.Error
	var ofRequest *target.Error
	switch {
	case errors.As(err, &ofToken):
		v.Detail = ofToken.Detail
	case errors.As(err, &ofRequest):
		v.Detail = ofRequest.Detail
	}
	return v
}

// Facts are what is known of a request besides its target and token.
type Facts struct {
	Now       time.Time
	Address   netip.Addr // invalid when not known
	EarlyData bool       // TLS early data: the address is not proven yet
	Page      Page
}

// Policy is what the configuration says.
type Policy struct {
	Terms *token.Terms
	// MissingPage says what becomes of a request without Origin and Referer
	// under a referer rule. Programs that are no browsers send neither.
	MissingPage MissingPage
}

// MissingPage is what becomes of a request that does not say which page it
// comes from.
type MissingPage uint8

// Policies. The zero value denies.
const (
	DenyMissingPage  MissingPage = iota
	AllowMissingPage             // it passes
	FirstPageCounts              // it passes with a session token whose session began on a page that matched
)

// Credential is what is judged of a token, whichever kind it is.
type Credential struct {
	// Grant is what the token grants.
	Grant *token.Grant
	// Session is what a session token says, which was verified for the request's
	// organisation, stream and address, and Hasher that of its hashes. Session is nil
	// for a playback token.
	Session *sessiontoken.Token
	Hasher  sessiontoken.Hasher
}

// Judge decides whether a verified token is good for a target, now, from this
// address and page. The first rule that fails is the reason: times, lifetime,
// issuer, organisation, stream, address, page.
func Judge(c Credential, t target.Target, f Facts, p Policy) Verdict {
	g := c.Grant
	if g == nil || p.Terms == nil {
		return Deny(Internal, "")
	}
	if err := p.Terms.CheckTimes(g, f.Now); err != nil {
		return DenyError(err)
	}
	if err := p.Terms.CheckIssuer(g.Key, c.from, c.meantFor); err != nil {
		return DenyError(err)
	}
	if g.Org == "" || g.Org != t.Org {
		return Deny(WrongOrg, "the token belongs to another organisation")
	}
	if !g.MayPlay(t.Stream) {
		return Deny(WrongStream, "the token is for another stream")
	}
	if c.BoundToAddress() {
		if f.EarlyData {
			return Deny(TooEarly, "the client's address is proven only when the TLS handshake is complete")
		}
		if !c.addressAllowed(f.Address) {
			return Deny(WrongIP, "the client's address is not one of those that the token names")
		}
	}
	if c.BoundToPage() && !c.pageAllowed(f.Page, p.MissingPage) {
		if f.Page.State == PageAbsent {
			return Deny(WrongReferer, "the token is for certain pages, and the request does not say which page it comes from")
		}
		return Deny(WrongReferer, "the page is not one of those that the token names")
	}
	return Allow
}

// from reports whether the token is of an issuer.
func (c Credential) from(issuer string) bool {
	if c.Session != nil {
		return c.Session.Issuer == c.Hasher.Issuer(issuer)
	}
	return c.Grant.Issuer == issuer
}

// meantFor reports whether the token is for an audience. A session is for two of its
// token's at most.
func (c Credential) meantFor(audience string) bool {
	if c.Session != nil {
		return slices.Contains(c.Session.Audience[:], c.Hasher.Audience(audience))
	}
	return slices.Contains(c.Grant.Audience, audience)
}

// BoundToAddress reports whether the token has an address rule.
func (c Credential) BoundToAddress() bool {
	if c.Session != nil {
		return c.Session.Prefix >= 0
	}
	return c.Grant != nil && c.Grant.IPs != nil
}

// addressAllowed reports whether the client may use the token from its address. That
// of a session token is a part of its MAC.
func (c Credential) addressAllowed(a netip.Addr) bool {
	if c.Session != nil {
		return a.IsValid()
	}
	return a.IsValid() && slices.ContainsFunc(c.Grant.IPs, func(r token.AddressRule) bool { return r.Match(a) })
}

// BoundToPage reports whether the token has a page rule.
func (c Credential) BoundToPage() bool {
	if c.Session != nil {
		return c.Session.Page != 0
	}
	return c.Grant != nil && c.Grant.Referers != nil
}

// pageAllowed reports whether the token may be used on a page. A session with a page
// rule has begun on a page that matched.
func (c Credential) pageAllowed(page Page, missing MissingPage) bool {
	switch page.State {
	case PageAbsent:
		return missing == AllowMissingPage || missing == FirstPageCounts && c.Session != nil
	case PageKnown:
		if c.Session != nil {
			return c.Hasher.OnPage(c.Session.Page, page.Host, page.Port)
		}
		return slices.ContainsFunc(c.Grant.Referers, func(r token.HostPattern) bool { return r.Match(page.Host, page.Port) })
	}
	return false
}
