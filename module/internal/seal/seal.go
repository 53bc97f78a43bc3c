// Package seal encrypts private keys before they are stored.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/playgate/playgate/module/internal/replica"
)

// Sealer encrypts private keys before they are stored, with AES-256-GCM under a
// random key in a file of its own. Whoever gets hold of the store, one of its
// replicas or a backup can then sign nothing; whoever has the machine with both
// can. Names of records are authenticated with them, so that one cannot be put
// in the place of another.
type Sealer struct{ aead cipher.AEAD }

// File is the name of the key's file in the store's directory.
const File = "seal.key"

const size = 32

// Open reads the seal key of a directory, and makes one when there is none.
func Open(dir string) (*Sealer, error) {
	path := filepath.Join(dir, File)
	key, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		key = make([]byte, size)
		_, _ = rand.Read(key) // never fails (crypto/rand)
		if err = replica.PlaceFile(path, key, os.Link); errors.Is(err, os.ErrExist) {
			key, err = os.ReadFile(path) // another process was faster
		}
	}
	if err != nil {
		return nil, fmt.Errorf("the seal key: %w", err)
	}
	if info, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("the seal key: %w", err)
	} else if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the seal key %s can be read by others (mode %04o); run chmod 600 on it, and playgate key rotate --compromised if somebody may have read it", path, info.Mode().Perm())
	}
	if len(key) != size {
		return nil, fmt.Errorf("the seal key %s has %d bytes instead of %d; put the right file back, or remove it and run playgate key rotate", path, len(key), size)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &Sealer{aead}, nil
}

// ErrSealed: a private key cannot be read here.
var ErrSealed = errors.New("it was sealed with another seal key")

// Seal encrypts a text under a name.
func (s *Sealer) Seal(name string, plain []byte) []byte {
	return s.aead.Seal(nil, nil, plain, []byte(name)) //nolint:gosec // it makes a random nonce by itself
}

// Open decrypts what was sealed under a name, or returns [ErrSealed].
func (s *Sealer) Open(name string, sealed []byte) ([]byte, error) {
	plain, err := s.aead.Open(nil, nil, sealed, []byte(name))
	if err != nil {
		return nil, fmt.Errorf("%w; copy the file %s of the node that made it, or run playgate key rotate", ErrSealed, File)
	}
	return plain, nil
}
