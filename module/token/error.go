package token

import "errors"

// The ways in which a token fails, in the order in which they are looked for.
// The text of each is the reason that clients, logs and metrics see.
var (
	// ErrMalformed: not a token that this version can read in exactly one way.
	ErrMalformed = errors.New("malformed_token")
	// ErrUnknownKey: no key by that id may speak for the token's organisation.
	ErrUnknownKey = errors.New("unknown_key")
	// ErrBadSignature: the signature does not hold.
	ErrBadSignature = errors.New("bad_signature")
	// ErrExpired: past exp.
	ErrExpired = errors.New("expired")
	// ErrNotYetValid: before nbf, or issued in the future.
	ErrNotYetValid = errors.New("not_yet_valid")
	// ErrLifetime: valid for longer than the gate allows.
	ErrLifetime = errors.New("lifetime")
	// ErrIssuer: iss or aud is not the configured one.
	ErrIssuer = errors.New("issuer")
)

// Error is a failure of a token: which kind, and in words what to change.
// Detail never holds a value taken from the token.
type Error struct {
	Kind   error
	Detail string
}

func (e *Error) Error() string {
	if e.Detail == "" {
		return e.Kind.Error()
	}
	return e.Kind.Error() + ": " + e.Detail
}

// Unwrap makes errors.Is find the kind.
func (e *Error) Unwrap() error { return e.Kind }

// Malformed makes an [ErrMalformed] with a text that says what is wrong.
func Malformed(detail string) error { return &Error{Kind: ErrMalformed, Detail: detail} }
