package registry

import (
	"errors"
	"math"
	"slices"
	"time"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/token"
	"github.com/playgate/playgate/module/token/sessiontoken"
)

// Kinds of conditions: by what a token is known. The first three are hashed as session
// tokens hash them.
const (
	byToken  = "token"
	byTag    = "tag"
	byUser   = "user"
	byStream = "stream"
	byOrg    = "org"
)

// ConditionKinds lists them.
var ConditionKinds = []string{byToken, byTag, byUser, byStream, byOrg}

// Condition is one line of a revocation. It refuses the tokens of an organisation that
// have a value: an id, a tag, a user, a stream; or all of the organisation's. It is
// never changed, only added and removed. A token is revoked if any condition says so.
type Condition struct {
	Header

	ID    string `json:"id"`
	Org   string `json:"org"`
	Kind  string `json:"kind"`
	Value string `json:"value,omitempty"` // none for all of the organisation

	// From is when the condition begins to hold. Zero: at once, on every node,
	// whatever its clock says.
	From time.Time `json:"from,omitzero"`

	// IssuedUntil is up to when a token must have been issued to be concerned, give
	// or take [issuedSlack]. Zero: whenever it was issued.
	IssuedUntil time.Time `json:"issued_until,omitzero"`

	// OrgDeleted: an organisation of this hash was deleted then.
	OrgDeleted bool `json:"org_deleted,omitzero"`

	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
	By     string    `json:"by,omitempty"`

	// Until is when no token that the condition concerns is valid any more; then it
	// is removed. Zero: never, because it concerns tokens of the future.
	Until time.Time `json:"until,omitzero"`

	Revision uint64 `json:"-"`
}

const conditionPrefix = "revoked"

// conditionSchema is the version of a condition's form.
const conditionSchema = 2

// issuedSlack is how much later than IssuedUntil a token may say that it was issued and
// is concerned all the same: whole seconds and clocks that differ a little.
const issuedSlack = 2 * time.Second

// conditionKept is how long a condition stays after the latest end of a token that it
// can concern.
const conditionKept = 24 * time.Hour

func (c *Condition) key() string { return conditionPrefix + "." + c.Org + "." + c.ID }

// Future reports whether it concerns tokens that are yet to be issued, for as long as
// it stays.
func (c *Condition) Future() bool { return c.Kind != byToken && c.IssuedUntil.IsZero() }

// Holds reports whether it has begun by a time.
func (c *Condition) Holds(at time.Time) bool { return !at.Before(c.From) }

// lastIssued is the iat, a unix second, of the latest token that it concerns.
func (c *Condition) lastIssued() int64 {
	if c.IssuedUntil.IsZero() {
		return math.MaxInt64
	}
	return c.IssuedUntil.Add(issuedSlack).Unix()
}

// end is when the condition is not needed any more; zero for never.
func (c *Condition) end(expires time.Time) time.Time {
	last := c.At
	switch {
	case c.Future():
		return time.Time{}
	case c.Kind != byToken:
		last = c.IssuedUntil.Add(token.MaxLifetime)
	case !expires.IsZero():
		last = expires
	default:
		last = last.Add(token.MaxLifetime)
	}
	if c.From.After(last) {
		last = c.From
	}
	return last.UTC().Add(conditionKept)
}

// ErrCondition: a condition that says nothing, or too much.
var ErrCondition = errors.New("revoke by token, tag, user or stream and its value, or by org without one; a token by its id whenever it was issued")

func (c *Condition) check() error {
	if !token.ValidOrg(c.Org) || !slices.Contains(ConditionKinds, c.Kind) || (c.Kind == byOrg) != (c.Value == "") ||
		c.Kind == byToken && !c.IssuedUntil.IsZero() {
		return ErrCondition
	}
	return nil
}

func (c *Condition) detail() map[string]string {
	d := map[string]string{"id": c.ID, "by": c.Kind, "value": c.Value, "reason": c.Reason}
	if !c.IssuedUntil.IsZero() {
		d["issued_until"] = c.IssuedUntil.UTC().Format(time.RFC3339)
	}
	if c.Future() {
		d["future"] = "true"
	}
	if !c.From.IsZero() {
		d["from"] = c.From.UTC().Format(time.RFC3339)
	}
	return d
}

// selection is whom the condition concerns, with the hashes of a hasher.
func (c *Condition) selection(h sessiontoken.Hasher) access.Selection {
	s, hash := access.Selection{}, h.Hash(c.Kind, c.Org, c.Value)
	switch c.Kind {
	case byOrg:
		s.Org = c.Org
	case byStream:
		s.Org, s.Stream = c.Org, c.Value
	case byToken:
		s.TokenID = hash
	case byTag:
		s.Tag = hash
	case byUser:
		s.User = hash
	}
	if !c.IssuedUntil.IsZero() {
		s.Before = max(c.lastIssued(), 1) // 0 would spare nobody
	}
	return s
}
