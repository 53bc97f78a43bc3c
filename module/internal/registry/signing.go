package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/seal"
	"github.com/playgate/playgate/module/token"
)

// signingKeys are the keys that Playgate signs with, in one record, so that a
// rotation is one step: one is active, one is next. The next one has been known
// to every edge for long when it becomes active, which is why no token is
// refused then.
type signingKeys struct {
	Header
	Keys []SigningKey `json:"keys"`
}

// SigningKey is a key that Playgate made. Its private part is sealed, in a
// record of its own that edges do not read.
type SigningKey struct {
	ID        string         `json:"id"`
	Algorithm string         `json:"alg"`
	State     token.State    `json:"state"`
	JWK       jsontext.Value `json:"jwk"` // the public part
	Created   time.Time      `json:"created"`
	Changed   time.Time      `json:"changed,omitzero"` // of its state
	Unknown   jsontext.Value `json:",embed"`
}

// sealedKey is the private part of a signing key.
type sealedKey struct {
	Header
	ID     string `json:"id"`
	Sealed []byte `json:"sealed"`
}

const (
	signingRecord = "signing"
	sealedPrefix  = "sealed"
)

// keyIDLength is that of the ids of keys that Playgate makes: a default token
// stays below 320 characters with it.
const keyIDLength = 8

// Keys are the keys that a registry signs with, and those of session tokens.
type Keys struct {
	*records

	dir    string                    // of the seal key
	signer atomic.Pointer[token.Key] // the last one that was unsealed

	sealing sync.Mutex
	sealer  *seal.Sealer
}

// ensureAgain is how often the making of keys is tried.
const ensureAgain = 5 * time.Second

// ensure makes the keys that a new registry needs: at once, or, where that fails, as
// soon as it can.
func (r *Keys) ensure(ctx context.Context) {
	if err := r.ensureAll(ctx); err != nil {
		r.logger.Warn("the registry's keys could not be made yet; it is tried again", zap.Error(err))
		r.replica.Go(func(ctx context.Context) {
			for r.ensureAll(ctx) != nil {
				select {
				case <-ctx.Done():
					return
				case <-time.After(ensureAgain):
				}
			}
		})
	}
}

func (r *Keys) ensureAll(ctx context.Context) error {
	return errors.Join(r.ensureSessions(ctx), r.ensureSigning(ctx))
}

// openSealer reads the seal key when it is first needed.
func (r *Keys) openSealer() (*seal.Sealer, error) {
	r.sealing.Lock()
	defer r.sealing.Unlock()
	if r.sealer == nil {
		s, err := seal.Open(r.dir)
		if err != nil {
			return nil, err
		}
		r.sealer = s
	}
	return r.sealer, nil
}

// ensureSigning makes an active and a next key when there is none. It may run
// on several nodes at once.
func (r *Keys) ensureSigning(ctx context.Context) error {
	if len(r.view.signing()) > 0 {
		return nil
	}
	if err := r.replica.Writable(); err != nil {
		return err
	}
	active, err := r.newSigningKey(ctx, token.Active)
	if err != nil {
		return err
	}
	next, err := r.newSigningKey(ctx, token.Next)
	if err != nil {
		return err
	}
	_, err = r.create(ctx, r.edge, signingRecord, &signingKeys{Keys: []SigningKey{active, next}}, nil)
	if errors.Is(err, ErrExists) {
		return nil // another node was faster
	}
	return err
}

func (r *Keys) newSigningKey(ctx context.Context, state token.State) (SigningKey, error) {
	key, err := token.GenerateKey(token.NewID(keyIDLength), token.EdDSA)
	if err != nil {
		return SigningKey{}, err
	}
	public, err := key.MarshalJWK(true)
	if err != nil {
		return SigningKey{}, err
	}
	private, err := key.MarshalJWK(false)
	if err != nil {
		return SigningKey{}, err
	}
	s, err := r.openSealer()
	if err != nil {
		return SigningKey{}, err
	}
	record := &sealedKey{ID: key.ID, Sealed: s.Seal(key.ID, private)}
	if _, err := r.create(ctx, r.issuing, sealedPrefix+"."+name(key.ID), record, nil); err != nil {
		return SigningKey{}, err
	}
	now := r.now().UTC().Truncate(time.Millisecond)
	return SigningKey{ID: key.ID, Algorithm: key.Algorithm, State: state, JWK: public, Created: now, Changed: now}, nil
}

// Replace makes a new active and a new next key, and retires all others that Playgate
// made: whoever has the seal key and a backup has them. It returns the id of the active one
// and those of the retired.
func (r *Keys) Replace(ctx context.Context, by string) (active string, retired []string, err error) {
	if err := r.ensureSigning(ctx); err != nil {
		return "", nil, err
	}
	signing, err := r.newSigningKey(ctx, token.Active)
	if err != nil {
		return "", nil, err
	}
	next, err := r.newSigningKey(ctx, token.Next)
	if err != nil {
		return "", nil, err
	}
	keys := new(signingKeys)
	err = r.update(ctx, r.edge, signingRecord, keys, func() error {
		retired = nil
		for i := range keys.Keys {
			if k := &keys.Keys[i]; k.State != token.Retired {
				k.State, k.Changed = token.Retired, next.Created
				retired = append(retired, k.ID)
			}
		}
		keys.Keys = append(keys.Keys, signing, next)
		return nil
	}, func() {
		r.audit.add(ctx, by, "", "key.replace", map[string]string{"active": signing.ID, "retired": strings.Join(retired, " ")})
	})
	return signing.ID, retired, err
}

// Rotate makes the next key the active one, the active one verify only, and a
// new next key. It returns the ids of the new active and the former one.
func (r *Keys) Rotate(ctx context.Context, by string) (active, former string, err error) {
	if err := r.ensureSigning(ctx); err != nil {
		return "", "", err
	}
	next, err := r.newSigningKey(ctx, token.Next)
	if err != nil {
		return "", "", err
	}
	// Where the key that should become active was sealed for somebody else, as
	// after a restore on another machine, a new one does.
	var fresh *SigningKey
	if i := slices.IndexFunc(r.view.signing(), func(k SigningKey) bool { return k.State == token.Next }); i < 0 || r.readable(ctx, r.view.signing()[i]) != nil {
		k, err := r.newSigningKey(ctx, token.Active)
		if err != nil {
			return "", "", err
		}
		fresh = &k
	}
	keys := new(signingKeys)
	err = r.update(ctx, r.edge, signingRecord, keys, func() error {
		active, former = "", ""
		for i := range keys.Keys {
			switch k := &keys.Keys[i]; k.State {
			case token.Active:
				former, k.State, k.Changed = k.ID, token.Verify, next.Created
			case token.Next:
				k.State, k.Changed = token.Verify, next.Created
				if fresh == nil && active == "" {
					active, k.State = k.ID, token.Active
				}
			}
		}
		if fresh != nil {
			active = fresh.ID
			keys.Keys = append(keys.Keys, *fresh)
		}
		keys.Keys = append(keys.Keys, next)
		return nil
	}, func() { r.audit.add(ctx, by, "", "key.rotate", map[string]string{"active": active, "verify": former}) })
	return active, former, err
}

// Retire makes a key verify nothing any more: all its tokens are refused at
// once. The active and the next key cannot be retired.
func (r *Keys) Retire(ctx context.Context, id, by string) error {
	keys := new(signingKeys)
	return r.update(ctx, r.edge, signingRecord, keys, func() error {
		i := slices.IndexFunc(keys.Keys, func(k SigningKey) bool { return k.ID == id })
		switch {
		case i < 0:
			return ErrNotFound
		case keys.Keys[i].State == token.Active || keys.Keys[i].State == token.Next:
			return fmt.Errorf("%w: key %s is %s; run playgate key rotate first", ErrConflict, id, keys.Keys[i].State)
		}
		keys.Keys[i].State, keys.Keys[i].Changed = token.Retired, r.now().UTC().Truncate(time.Millisecond)
		return nil
	}, func() { r.audit.add(ctx, by, "", "key.retire", map[string]string{"id": id}) })
}

// List lists the signing keys, oldest first.
func (r *Keys) List() []SigningKey { return r.view.signing() }

// Signer is the active key, with its private part.
func (r *Keys) Signer(ctx context.Context) (*token.Key, error) {
	if err := r.replica.Writable(); err != nil {
		return nil, err
	}
	if err := r.ensureSigning(ctx); err != nil {
		return nil, err
	}
	keys := r.view.signing()
	i := slices.IndexFunc(keys, func(k SigningKey) bool { return k.State == token.Active })
	if i < 0 {
		return nil, fmt.Errorf("%w: there is no active key", ErrUnavailable)
	}
	if k := r.signer.Load(); k != nil && k.ID == keys[i].ID {
		return k, nil
	}
	k, err := r.unseal(ctx, keys[i])
	if err == nil {
		r.signer.Store(k)
	}
	return k, err
}

func (r *Keys) readable(ctx context.Context, k SigningKey) error {
	_, err := r.unseal(ctx, k)
	return err
}

// unseal reads the private part of a key.
func (r *Keys) unseal(ctx context.Context, s SigningKey) (*token.Key, error) {
	id := s.ID
	e, err := r.issuing.Get(ctx, sealedPrefix+"."+name(id))
	if err != nil {
		return nil, fmt.Errorf("the private part of key %s: %w", id, err)
	}
	record := new(sealedKey)
	if err := decode(e.Value, record); err != nil {
		return nil, fmt.Errorf("the private part of key %s: %w", id, err)
	}
	sealer, err := r.openSealer()
	if err != nil {
		return nil, err
	}
	private, err := sealer.Open(id, record.Sealed)
	if err != nil {
		return nil, fmt.Errorf("the private part of key %s cannot be read: %w", id, err)
	}
	k, err := token.ParseKey(private, id, s.Algorithm)
	if err != nil {
		return nil, fmt.Errorf("the private part of key %s: %w", id, err)
	}
	k.State = s.State
	return k, nil
}
