package gate

import (
	"time"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/places"
	"github.com/playgate/playgate/module/internal/target"
	"github.com/playgate/playgate/module/internal/verify"
)

// decision is what was decided on a request. It is made once, by judge, and does not
// change; what follows reads it and decides nothing again. The zero value denies.
type decision struct {
	verdict   access.Verdict
	preflight bool // there is nothing to decide
	target    target.Target
	public    bool // it is allowed without a token
	inURL     bool // a token stands in the URL, whether it was needed or not

	token      places.Found
	trust      *verify.Trust     // what the token was verified with
	credential access.Credential // set once the signature has held
	subject    access.Subject    // whom it serves, once a token has been verified

	at      time.Time     // when it was made
	changes uint64        // of what was known then; see [edge.Changes]
	wait    time.Duration // until this client is listened to again
}

// denied is the same with a refusal as its verdict.
func (d decision) denied(v access.Verdict) decision {
	d.verdict = v
	return d
}

// good reports whether a token allowed the request. Only then is its identity passed
// on and the token propagated.
func (d *decision) good() bool { return !d.public && d.carries() }

// carries reports whether the URL of a WHEP session gets the token: also that of one
// which needs none, and which is the token's all the same.
func (d *decision) carries() bool { return d.verdict.Allowed && d.credential.Grant != nil }

// tokened reports whether the request has a token anywhere, good or not.
func (d *decision) tokened() bool { return d.inURL || d.token.Text != "" }

// tokenID is the id of the token, or of the session; "" until the signature has held.
func (d *decision) tokenID() string {
	if d.credential.Grant == nil {
		return ""
	}
	return d.credential.Grant.ID
}
