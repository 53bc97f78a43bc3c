package registry

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/playgate/playgate/module/token"
)

// sessionKeys are the secrets that session tokens are signed with. The first
// signs, all verify. Edges need them, so that they are not sealed; backups do
// not have them.
type sessionKeys struct {
	Header
	Keys []sessionSecret `json:"keys"`
}

type sessionSecret struct {
	Secret  []byte         `json:"secret"`
	Created time.Time      `json:"created"`
	Unknown jsontext.Value `json:",embed"`
}

const sessionRecord = "sessions"

// ensureSessions makes a session key when there is none.
func (r *Keys) ensureSessions(ctx context.Context) error {
	if len(r.view.Sessions()) > 0 {
		return nil
	}
	if err := r.replica.Writable(); err != nil {
		return err
	}
	secret := make([]byte, token.MinSecret)
	_, _ = rand.Read(secret) // never fails (crypto/rand)
	_, err := r.create(ctx, r.edge, sessionRecord, &sessionKeys{
		Keys: []sessionSecret{{Secret: secret, Created: r.now().UTC().Truncate(time.Millisecond)}},
	})
	if errors.Is(err, ErrExists) {
		return nil // another node was faster
	}
	return err
}
