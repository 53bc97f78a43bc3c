package access

import (
	"errors"
	"testing"

	"github.com/playgate/playgate/module/internal/target"
	"github.com/playgate/playgate/module/token"
)

// statuses is the table of DESIGN section 3, word for word.
var statuses = map[Reason]int{
	"bad_request": 400, "ambiguous_token": 400,
	"missing_token": 401, "malformed_token": 401, "unknown_key": 401, "bad_signature": 401, "expired": 401, "not_yet_valid": 401, "lifetime": 401, "issuer": 401, "revoked": 401,
	"wrong_org": 403, "wrong_stream": 403, "wrong_ip": 403, "wrong_referer": 403,
	"no_stream": 404, "method": 405, "too_early": 425,
	"too_many_sessions": 429, "rate_limited": 429,
	"leaks": 502, "busy": 503,
	"internal":         500,
	"keys_unavailable": 503, "store_unavailable": 503,
}

func TestEveryReasonHasTheStatusOfTheTable(t *testing.T) {
	titles := map[string]Reason{}
	for _, r := range Reasons() {
		want, ok := statuses[r]
		if !ok {
			t.Errorf("%s is not in the table", r)
		}
		if r.Status() != want {
			t.Errorf("%s: status %d, want %d", r, r.Status(), want)
		}
		if other, ok := titles[r.Title()]; ok || r.Title() == "" {
			t.Errorf("%s has the title of %s: %q", r, other, r.Title())
		}
		titles[r.Title()] = r
	}
	for _, r := range []Reason{"", "no such reason", "allow"} {
		if r.Status() != 500 || r.Title() == "" {
			t.Errorf("%q: status %d, title %q", r, r.Status(), r.Title())
		}
	}
}

func TestEveryErrorHasItsReason(t *testing.T) {
	for err, want := range map[error]Reason{
		target.ErrBadRequest: BadRequest, target.ErrNoStream: NoStream, target.ErrMethod: Method,
		token.ErrMalformed: MalformedToken, token.ErrUnknownKey: UnknownKey, token.ErrBadSignature: BadSignature,
		token.ErrExpired: Expired, token.ErrNotYetValid: NotYetValid, token.ErrLifetime: Lifetime, token.ErrIssuer: Issuer,
		errors.New("expired"): Internal,
	} {
		if got := ReasonOf(err); got != want {
			t.Errorf("%v: %s", err, got)
		}
		if _, ok := reasons[ReasonOf(err)]; !ok {
			t.Errorf("%v has a reason outside the set", err)
		}
	}
}
