package access

import (
	"errors"
	"net/netip"
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

// Judge decides whether a verified grant is good for a target, now, from this
// address and page. The first rule that fails is the reason: times, lifetime,
// issuer, organisation, stream, address, page.
func Judge(g *token.Grant, t target.Target, f Facts, p Policy) Verdict {
	if g == nil || p.Terms == nil {
		return Deny(Internal, "")
	}
	if err := p.Terms.Check(g, f.Now); err != nil {
		return DenyError(err)
	}
	if g.Org == "" || g.Org != t.Org {
		return Deny(WrongOrg, "the token belongs to another organisation")
	}
	if !g.MayPlay(t.Stream) {
		return Deny(WrongStream, "the token is for another stream")
	}
	if g.IPs != nil {
		if f.EarlyData {
			return Deny(TooEarly, "the client's address is proven only when the TLS handshake is complete")
		}
		if !matchAddress(g.IPs, f.Address) {
			return Deny(WrongIP, "the client's address is not one of those that the token names")
		}
	}
	if g.Referers != nil && !p.pageAllowed(g.Referers, f.Page) {
		if f.Page.State == PageAbsent {
			return Deny(WrongReferer, "the token is for certain pages, and the request does not say which page it comes from")
		}
		return Deny(WrongReferer, "the page is not one of those that the token names")
	}
	return Allow
}

// JudgeSession is Judge for a session token that has been verified for its
// organisation, stream and address. g is what it grants.
func JudgeSession(t *sessiontoken.Token, g *token.Grant, f Facts, p Policy) Verdict {
	if g == nil || p.Terms == nil {
		return Deny(Internal, "")
	}
	// Issuer and audience were the playback token's, and were judged with it.
	terms := token.Terms{Max: p.Terms.Max, Leeway: p.Terms.Leeway}
	if err := terms.Check(g, f.Now); err != nil {
		return DenyError(err)
	}
	if t.Prefix >= 0 && f.EarlyData {
		return Deny(TooEarly, "the client's address is proven only when the TLS handshake is complete")
	}
	if !t.Paged {
		return Allow
	}
	switch f.Page.State {
	case PageKnown:
		if t.Page != 0 && t.Page == sessiontoken.PageHash(f.Page.Host) {
			return Allow
		}
	case PageAbsent:
		if p.MissingPage == AllowMissingPage || p.MissingPage == FirstPageCounts && t.Page != 0 {
			return Allow
		}
	}
	return Deny(WrongReferer, "the session began on another page")
}

func matchAddress(rules []token.AddressRule, a netip.Addr) bool {
	if !a.IsValid() {
		return false
	}
	for _, r := range rules {
		if r.Match(a) {
			return true
		}
	}
	return false
}

func (p *Policy) pageAllowed(patterns []token.HostPattern, page Page) bool {
	switch page.State {
	case PageAbsent:
		return p.MissingPage == AllowMissingPage
	case PageKnown:
		for _, pattern := range patterns {
			if pattern.Match(page.Host, page.Port) {
				return true
			}
		}
	}
	return false
}
