package target

import "errors"

// The ways in which a request names nothing that can be played. The text of
// each is the reason that clients, logs and metrics see.
var (
	// ErrBadRequest: the request can be read in more than one way.
	ErrBadRequest = errors.New("bad_request")
	// ErrNoStream: no rule maps it to a stream.
	ErrNoStream = errors.New("no_stream")
	// ErrMethod: not a method that plays.
	ErrMethod = errors.New("method")
)

// Error is such a failure, with a text that says what is wrong with the request.
type Error struct {
	Kind   error
	Detail string
}

func (e *Error) Error() string { return e.Kind.Error() + ": " + e.Detail }

// Unwrap makes errors.Is find the kind.
func (e *Error) Unwrap() error { return e.Kind }

func badRequest(detail string) error { return &Error{ErrBadRequest, detail} }
func noStream(detail string) error   { return &Error{ErrNoStream, detail} }
