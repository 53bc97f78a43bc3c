package registry

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/playgate/playgate/module/internal/replica"
)

// sealer encrypts private keys before they are stored, with AES-256-GCM under a
// random key in a file of its own. Whoever gets hold of the store, one of its
// replicas or a backup can then sign nothing; whoever has the machine with both
// can. Names of records are authenticated with them, so that one cannot be put
// in the place of another.
type sealer struct{ aead cipher.AEAD }

// sealFile is the name of the key's file in the store's directory.
const sealFile = "seal.key"

const sealSize = 32

// openSealer reads the seal key of a directory, and makes one when there is none.
func openSealer(dir string) (*sealer, error) {
	path := filepath.Join(dir, sealFile)
	key, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		key = make([]byte, sealSize)
		_, _ = rand.Read(key) // never fails (crypto/rand)
		if err = replica.PlaceFile(path, key, os.Link); errors.Is(err, os.ErrExist) {
			key, err = os.ReadFile(path) // another process was faster
		}
	}
	if err != nil {
		return nil, fmt.Errorf("the seal key: %w", err)
	}
	if len(key) != sealSize {
		return nil, fmt.Errorf("the seal key %s has %d bytes instead of %d; put the right file back, or remove it and run playgate key rotate", path, len(key), sealSize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &sealer{aead}, nil
}

// ErrSealed: a private key cannot be read here.
var ErrSealed = errors.New("it was sealed with another seal key")

func (s *sealer) seal(name string, plain []byte) []byte {
	return s.aead.Seal(nil, nil, plain, []byte(name)) //nolint:gosec // it makes a random nonce by itself
}

func (s *sealer) open(name string, sealed []byte) ([]byte, error) {
	plain, err := s.aead.Open(nil, nil, sealed, []byte(name))
	if err != nil {
		return nil, fmt.Errorf("%w; copy the file %s of the node that made it, or run playgate key rotate", ErrSealed, sealFile)
	}
	return plain, nil
}
