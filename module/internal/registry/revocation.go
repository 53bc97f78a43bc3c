package registry

import (
	"errors"
	"slices"
	"time"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/token"
)

// Kinds of revocations: by what a token is known. The first three are hashed
// as session tokens hash them.
const (
	byToken  = "token"
	byTag    = "tag"
	byUser   = "user"
	byStream = "stream"
	byOrg    = "org"
)

// RevocationKinds lists them.
var RevocationKinds = []string{byToken, byTag, byUser, byStream, byOrg}

// Revocation refuses all tokens of an organisation that have a value: an id, a
// tag, a user, a stream, or that belong to it at all.
type Revocation struct {
	Header

	Org   string `json:"org"`
	Kind  string `json:"kind"`
	Value string `json:"value,omitempty"` // none for all of the organisation

	// IssuedBefore, when it is there, spares tokens that were issued later.
	// Tokens that do not say when they were issued are never spared.
	IssuedBefore time.Time `json:"issued_before,omitzero"`

	// From, when it is there, is when it begins to hold: until then nothing is
	// refused. A node that does not know this member refuses at once.
	From time.Time `json:"from,omitzero"`

	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
	By     string    `json:"by,omitempty"`
	// Until is when no token that it can concern is valid any more. Who revokes
	// one token says here when that expires, where it is known.
	Until time.Time `json:"until"`

	Revision uint64 `json:"-"`
}

const revokedPrefix = "revoked"

// revokedKept is how long a revocation is kept after the latest end of a token
// that it can concern.
const revokedKept = 24 * time.Hour

func (v *Revocation) key() string {
	return revokedPrefix + "." + v.Org + "." + name(v.Kind+"\x00"+v.Value)
}

// ID names the revocation within its organisation.
func (v *Revocation) ID() string { return name(v.Kind + "\x00" + v.Value) }

// Holds reports whether it is in force at a time.
func (v *Revocation) Holds(now time.Time) bool { return !now.Before(v.From) }

// ErrRevocation: a revocation that says nothing, or too much.
var ErrRevocation = errors.New("a revocation is by token, tag, user or stream and its value, or by org without one")

func (v *Revocation) check() error {
	if !token.ValidOrg(v.Org) || !slices.Contains(RevocationKinds, v.Kind) || (v.Kind == byOrg) != (v.Value == "") {
		return ErrRevocation
	}
	return nil
}

func (v *Revocation) detail() map[string]string {
	d := map[string]string{"by": v.Kind, "value": v.Value, "reason": v.Reason}
	if !v.IssuedBefore.IsZero() {
		d["issued_before"] = v.IssuedBefore.UTC().Format(time.RFC3339)
	}
	if !v.From.IsZero() {
		d["from"] = v.From.UTC().Format(time.RFC3339)
	}
	return d
}

// Selection is whom a revocation concerns.
func (r *Revocations) Selection(v *Revocation) access.Selection {
	_, hasher := r.view.Sessions()
	s, hash := access.Selection{}, hasher.Hash(v.Kind, v.Org, v.Value)
	switch v.Kind {
	case byOrg:
		s.Org = v.Org
	case byStream:
		s.Org, s.Stream = v.Org, v.Value
	case byToken:
		s.TokenID = hash
	case byTag:
		s.Tag = hash
	case byUser:
		s.User = hash
	}
	if !v.IssuedBefore.IsZero() {
		s.Before = max(v.IssuedBefore.Unix(), 1) // 0 would spare nobody
	}
	return s
}
