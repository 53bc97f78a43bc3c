package registry

import (
	"context"
	"crypto/rand"
	"errors"
	"strconv"
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
	Ends    time.Time      `json:"ends,omitzero"` // when no session of it is left; zero as long as it signs
	Unknown jsontext.Value `json:",embed"`
}

const sessionRecord = "sessions"

// hashSecret is the secret by which values of tokens are hashed. It never changes, and
// goes into backups: records of when tokens were used are found by it.
type hashSecret struct {
	Header
	Secret []byte `json:"key"`
}

const hashesRecord = "hashes"

// ensureSessions makes a session key, and the secret of hashes, when there is none.
func (r *Keys) ensureSessions(ctx context.Context) error {
	keys, hasher := r.view.Sessions()
	if len(keys) > 0 && hasher.Valid() {
		return nil
	}
	if err := r.replica.Writable(); err != nil {
		return err
	}
	var err error
	if !hasher.Valid() {
		err = r.createOnce(ctx, hashesRecord, &hashSecret{Secret: newSecret()})
	}
	if len(keys) == 0 {
		err = errors.Join(err, r.createOnce(ctx, sessionRecord, &sessionKeys{
			Keys: []sessionSecret{{Secret: newSecret(), Created: r.now().UTC().Truncate(time.Millisecond)}},
		}))
	}
	return err
}

// createOnce makes a record that another node may have made already.
func (r *Keys) createOnce(ctx context.Context, key string, rec record) error {
	_, err := r.create(ctx, r.edge, key, rec, nil)
	if errors.Is(err, ErrExists) {
		return nil
	}
	return err
}

// RotateSessions makes a new session key, which signs from now on. The others verify for as
// long as a session of theirs can last, or end at once, and with them their sessions.
func (r *Keys) RotateSessions(ctx context.Context, now bool, by string) error {
	if err := r.ensureSessions(ctx); err != nil {
		return err
	}
	at := r.now().UTC().Truncate(time.Millisecond)
	record, fresh := new(sessionKeys), sessionSecret{Secret: newSecret(), Created: at}
	return r.update(ctx, r.edge, sessionRecord, record, func() error {
		kept := []sessionSecret{fresh}
		for _, s := range record.Keys {
			if s.Ends.IsZero() {
				s.Ends = at.Add(token.MaxLifetime + token.MaxLeeway)
			}
			if !now && at.Before(s.Ends) {
				kept = append(kept, s)
			}
		}
		record.Keys = kept
		return nil
	}, func() { r.audit.add(ctx, by, "", "key.sessions", map[string]string{"now": strconv.FormatBool(now)}) })
}

func newSecret() []byte {
	secret := make([]byte, token.MinSecret)
	_, _ = rand.Read(secret) // never fails (crypto/rand)
	return secret
}
