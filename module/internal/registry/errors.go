package registry

import (
	"errors"

	"github.com/playgate/playgate/module/internal/kv"
)

// Errors of the store, for callers that know only the registry.
var (
	// ErrNotFound: there is no such record.
	ErrNotFound = kv.ErrNotFound
	// ErrExists: there is one already.
	ErrExists = kv.ErrExists
	// ErrConflict: somebody else has changed it in the meantime.
	ErrConflict = kv.ErrConflict
	// ErrUnavailable: the store did not take or give it; nothing is known to
	// have been written.
	ErrUnavailable = kv.ErrUnavailable
	// ErrNotInForce: it is written, and this node does not know it yet.
	ErrNotInForce = errors.New("written, not in force on this node yet; it will be, without asking again")
)
