package handoff

import (
	"context"
)

// Target is what a gate tells the handlers below it of a request that it lets
// through.
type Target struct {
	// Org and Stream are what is played. Both are empty for a path that needs no
	// token.
	Org, Stream string

	// Secure and Host are of the public origin, URI is the public path and query
	// without a token.
	Secure    bool
	Host, URI string

	// Own says that the answer is one client's own: a socket, a WHEP session, or
	// a request that goes to the origin with its token. Nobody else may get it.
	Own bool

	// Pages says that the gate itself tells browsers which web pages may read
	// answers, whatever the origin says.
	Pages bool

	// Identity says that the origin is told organisation and stream.
	Identity bool

	// Sent is what of the request is the client's.
	Sent Sent
}

type targetKey struct{}

// TargetKey is where a request's context has its *Target.
var TargetKey any = targetKey{}

// TargetOf returns what a gate has said of a request, or nil where no gate stands
// above.
func TargetOf(ctx context.Context) *Target {
	t, _ := ctx.Value(TargetKey).(*Target)
	return t
}
