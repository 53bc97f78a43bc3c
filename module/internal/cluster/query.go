package cluster

import (
	"time"

	"github.com/playgate/playgate/module/internal/access"
)

// Query is what one node asks all others. A node of another version answers what
// it knows of it.
type Query struct {
	Streams []StreamName      `json:"streams,omitempty"` // who watches them
	Tokens  []uint64          `json:"tokens,omitempty"`  // hashes: who watches with them, and when they were used
	Ended   *access.Selection `json:"ended,omitempty"`   // whom a revocation ends
	Purge   *Purging          `json:"purge,omitempty"`
	Refusal string            `json:"refusal,omitempty"` // the id of one
	Node    bool              `json:"node,omitempty"`    // how it is
}

// Reply is what a node answers, in the order of the query.
type Reply struct {
	Streams []int         `json:"streams,omitempty"`
	Tokens  []TokenOnNode `json:"tokens,omitempty"`
	Viewers int           `json:"viewers,omitempty"` // whom a revocation ends
	On      []uint64      `json:"on,omitempty"`      // hashes of their streams
	Purged  int           `json:"purged,omitempty"`
	Refusal *Refusal      `json:"refusal,omitempty"`
	Node    *Node         `json:"node,omitempty"`
}

// StreamName is a stream of an organisation.
type StreamName struct {
	Org    string `json:"org"`
	Stream string `json:"stream"`
}

// TokenOnNode is what a node knows of a token: how many watch with it, and the
// unix second in which it was used last; 0 for never.
type TokenOnNode struct {
	Viewers int   `json:"viewers"`
	Used    int64 `json:"used"`
}

// Node is how a node is.
type Node struct {
	Name     string        `json:"name"`
	Version  string        `json:"version"`
	Position uint64        `json:"position"` // revision of the registry
	Stale    time.Duration `json:"stale"`    // how old what it knows is
	Ready    bool          `json:"ready"`
	Viewers  int           `json:"viewers"`
	Revoked  int           `json:"revoked"` // how many revocations it knows
}

// Refusal is what is known of a refused request.
type Refusal struct {
	// ID is that of the answer and of the line in the access log.
	ID string `json:"id"`
	// At is when it was noted.
	At time.Time `json:"at"`
	// Reason is why.
	Reason access.Reason `json:"reason"`
	// Org and Stream are what was asked for, as far as that is known.
	Org    string `json:"org,omitempty"`
	Stream string `json:"stream,omitempty"`
	// TokenID and TokenOrg are of a token whose signature held.
	TokenID  string `json:"token_id,omitempty"`
	TokenOrg string `json:"token_org,omitempty"`
}
