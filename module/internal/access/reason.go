package access

import (
	"errors"
	"net/http"

	"github.com/playgate/playgate/module/internal/target"
	"github.com/playgate/playgate/module/token"
)

// Reason says why a request is refused. The set is closed: it labels metrics.
type Reason string

// The reasons, roughly in the order of the checks. Package gate has the order.
const (
	BadRequest     Reason = "bad_request"
	NoStream       Reason = "no_stream"
	Method         Reason = "method"
	AmbiguousToken Reason = "ambiguous_token"
	MissingToken   Reason = "missing_token"
	RateLimited    Reason = "rate_limited"
	MalformedToken Reason = "malformed_token"
	UnknownKey     Reason = "unknown_key"
	BadSignature   Reason = "bad_signature"
	Expired        Reason = "expired"
	NotYetValid    Reason = "not_yet_valid"
	Lifetime       Reason = "lifetime"
	Issuer         Reason = "issuer"
	Revoked        Reason = "revoked"
	WrongOrg       Reason = "wrong_org"
	WrongStream    Reason = "wrong_stream"
	TooEarly       Reason = "too_early"
	WrongIP        Reason = "wrong_ip"
	WrongReferer   Reason = "wrong_referer"
	Internal       Reason = "internal"

	// Leaks: the manifest would make players themselves carry the token elsewhere.
	Leaks Reason = "leaks"
	// Busy: too many manifests that have to be read as a whole at the same time.
	Busy Reason = "busy"
	// TooManySessions: the token, its organisation or the process has too many
	// WHEP sessions, and the token none that could make room.
	TooManySessions Reason = "too_many_sessions"
	// KeysUnavailable: there is no key at all, or a key set that may speak for
	// the organisation was never read.
	KeysUnavailable Reason = "keys_unavailable"
	// StoreUnavailable: what the registry says is not known, or too old.
	StoreUnavailable Reason = "store_unavailable"
)

type reasonInfo struct {
	status int
	title  string
}

var reasons = map[Reason]reasonInfo{
	BadRequest:     {http.StatusBadRequest, "This request is ambiguous, or asks for what is not allowed here"},
	NoStream:       {http.StatusNotFound, "There is no stream here"},
	Method:         {http.StatusMethodNotAllowed, "Streams cannot be used with this method"},
	AmbiguousToken: {http.StatusBadRequest, "The request carries different tokens"},
	MissingToken:   {http.StatusUnauthorized, "This stream needs a playback token"},
	MalformedToken: {http.StatusUnauthorized, "This is not a playback token that can be read"},
	UnknownKey:     {http.StatusUnauthorized, "The token was signed with a key that is not known here"},
	RateLimited:    {http.StatusTooManyRequests, "Too many tokens with a bad signature have come from this address; try again later"},
	BadSignature:   {http.StatusUnauthorized, "The token has been altered or was signed by somebody else"},
	Expired:        {http.StatusUnauthorized, "The token has expired"},
	NotYetValid:    {http.StatusUnauthorized, "The token is not valid yet"},
	Lifetime:       {http.StatusUnauthorized, "The token is valid for longer than is allowed here"},
	Issuer:         {http.StatusUnauthorized, "The token was issued by or for somebody else"},
	Revoked:        {http.StatusUnauthorized, "The token has been revoked"},
	WrongOrg:       {http.StatusForbidden, "The token belongs to another organisation"},
	WrongStream:    {http.StatusForbidden, "The token is for another stream"},
	TooEarly:       {http.StatusTooEarly, "The address is not known yet; try again"},
	WrongIP:        {http.StatusForbidden, "The token cannot be used from this address"},
	WrongReferer:   {http.StatusForbidden, "The token cannot be used on this page"},
	Internal:       {http.StatusInternalServerError, "The gate failed; nothing was let through"},

	Leaks:            {http.StatusBadGateway, "The manifest of this stream would carry the token to another site"},
	Busy:             {http.StatusServiceUnavailable, "Too many large manifests are being read at the moment; try again"},
	TooManySessions:  {http.StatusTooManyRequests, "There are too many sessions at the moment; try again"},
	KeysUnavailable:  {http.StatusServiceUnavailable, "Tokens cannot be checked at the moment, for want of a key; try again"},
	StoreUnavailable: {http.StatusServiceUnavailable, "Tokens cannot be checked at the moment; try again"},
}

// Status is the HTTP status that tells the reason. What is not a known reason
// is an internal fault.
func (r Reason) Status() int {
	if info, ok := reasons[r]; ok {
		return info.status
	}
	return http.StatusInternalServerError
}

// Title is the reason in words, for people.
func (r Reason) Title() string {
	if info, ok := reasons[r]; ok {
		return info.title
	}
	return reasons[Internal].title
}

// Reasons lists those that refuse a request, in no order. Those with which only
// something running ends are not among them.
func Reasons() []Reason {
	list := make([]Reason, 0, len(reasons))
	for r := range reasons {
		list = append(list, r)
	}
	return list
}

// known are the errors of the packages that access knows. Each error's text is
// its reason.
var known = []error{
	target.ErrBadRequest, target.ErrNoStream, target.ErrMethod,
	token.ErrMalformed, token.ErrUnknownKey, token.ErrBadSignature,
	token.ErrExpired, token.ErrNotYetValid, token.ErrLifetime, token.ErrIssuer,
}

// ReasonOf is the reason of an error from package token or target; any other
// error is [Internal].
func ReasonOf(err error) Reason {
	for _, k := range known {
		if errors.Is(err, k) {
			return Reason(k.Error())
		}
	}
	return Internal
}
