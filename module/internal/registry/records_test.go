package registry

import (
	"context"
	"errors"
	"testing"
	"time"
)

// What has been written and is not known here yet is no success: this node does not refuse
// by it. It stands in the audit trail all the same.
func TestWrittenIsNotInForce(t *testing.T) {
	r := open(t, t.TempDir())
	for _, tc := range []struct {
		revision uint64
		want     error
	}{{r.replica.Position(), nil}, {1 << 40, ErrNotInForce}} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		noted := false
		err := r.Orgs.settled(ctx, r.Orgs.edge, tc.revision, func() { noted = true })
		cancel()
		if !errors.Is(err, tc.want) || !noted {
			t.Errorf("revision %d: %v, noted %v", tc.revision, err, noted)
		}
	}
}
