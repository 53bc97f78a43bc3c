package kv

import (
	"context"
	"time"
)

// Extent is how far a bucket has come. Neither number ever becomes smaller:
// a record that was deleted leaves a mark.
type Extent struct {
	Last    uint64 `json:"last"`    // revision
	Records uint64 `json:"records"` // deleted ones included
	// Created is when the bucket was made. One that was made anew is another.
	Created time.Time `json:"created,omitzero"`
}

// Another reports whether a bucket is not the one that was seen before.
func (x Extent) Another(seen Extent) bool {
	return !seen.Created.IsZero() && !x.Created.Equal(seen.Created)
}

// SameAs is a [Follower.Same] for a bucket of which nothing is kept: one that was
// made anew, or has lost its last changes, is read anew.
func SameAs(b *NATSBucket) func(context.Context, uint64) (bool, error) {
	var created time.Time
	return func(ctx context.Context, after uint64) (bool, error) {
		now, err := b.Extent(ctx)
		if err != nil {
			return false, err
		}
		same := !now.Another(Extent{Created: created}) && now.Last >= after
		created = now.Created
		return same, nil
	}
}
