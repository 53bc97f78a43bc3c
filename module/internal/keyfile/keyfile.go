// Package keyfile reads the files that hold keys.
package keyfile

import (
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/playgate/playgate/module/token"
)

// maxSize bounds what is read as a key.
const maxSize = 64 << 10

// Read reads one key in PEM or JWK form. An empty id or algorithm is
// taken from the file; one that differs from the file's is an error. A file
// with private material must not be readable by everybody.
func Read(path, id, algorithm string) (*token.Key, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	defer func() { _ = f.Close() }() // nothing was written
	// Looked at through the open file, so that it cannot be exchanged in between.
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("key file %s: not a regular file", path)
	}
	if info.Size() == 0 || info.Size() > maxSize {
		return nil, fmt.Errorf("key file %s: has %d bytes; a key has at least 1 and at most %d", path, info.Size(), maxSize)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSize))
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	k, err := token.ParseKey(data, id, algorithm)
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	if k.Private() != nil && info.Mode().Perm()&0o007 != 0 {
		return nil, fmt.Errorf("key file %s: holds a private key and everybody on this machine may read it; run chmod 600 on it, or give the gate the public key (playgate key public)", path)
	}
	return k, nil
}
