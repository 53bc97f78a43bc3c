package replica

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/playgate/playgate/module/internal/kv"
)

// viewFile is the name of the view's copy in the store's directory. With it an
// edge knows keys, switches and public streams when it starts while the store
// is out of reach.
const viewFile = "view"

// copyForm is the version of the file's form.
const copyForm = 1

// MaxCopyAge is how old a copy may be at start. An older one may miss too much.
const MaxCopyAge = 24 * time.Hour

// Head is the first line of a copy. The rest is what the sum is of.
type Head struct {
	// Form is the version of the copy's form.
	Form int `json:"form"`
	// Seen is when the view was known to be true.
	Seen time.Time `json:"seen"`
	// Edge and Issuing are how far the two buckets had come. A store that has
	// come less far has lost something.
	Edge    kv.Extent `json:"edge"`
	Issuing kv.Extent `json:"issuing"`
	SHA256  string    `json:"sha256"`
	// Journal names the file that has what changed since.
	Journal string `json:"journal,omitempty"`

	last string // the last one of its journals
}

// WriteCopy keeps entries on disk, and returns how many bytes they take. It sets
// the head's form and checksum.
func WriteCopy(dir string, head Head, entries []kv.Entry) (int64, error) {
	body, err := json.Marshal(entries)
	if err != nil {
		return 0, err
	}
	sum := sha256.Sum256(body)
	head.Form, head.SHA256 = copyForm, hex.EncodeToString(sum[:])
	first, err := json.Marshal(head)
	if err != nil {
		return 0, err
	}
	return int64(len(body)), writeFile(filepath.Join(dir, viewFile), append(append(first, '\n'), body...))
}

// ReadCopy reads the copy of a directory, with its journals. The error is that of
// the file system, or says what is damaged.
func ReadCopy(dir string) (head Head, entries []kv.Entry, err error) {
	path := filepath.Join(dir, viewFile)
	f, err := os.Open(path)
	if err != nil {
		return head, nil, err
	}
	defer func() { _ = f.Close() }() // nothing was written
	data, err := io.ReadAll(f)
	if err != nil {
		return head, nil, err
	}
	first, body, _ := bytes.Cut(data, []byte("\n"))
	if err := json.Unmarshal(first, &head); err != nil {
		return head, nil, fmt.Errorf("%s is damaged: %w", path, err)
	}
	sum := sha256.Sum256(body)
	switch {
	case head.Form != copyForm:
		return Head{}, nil, fmt.Errorf("%s has form %d; this version reads %d", path, head.Form, copyForm)
	case hex.EncodeToString(sum[:]) != head.SHA256:
		return Head{}, nil, fmt.Errorf("%s is damaged: its checksum differs", path)
	}
	if err := json.Unmarshal(body, &entries); err != nil {
		return head, nil, fmt.Errorf("%s is damaged: %w", path, err)
	}
	entries, err = replay(dir, &head, entries)
	return head, entries, err
}

// usable reads the copy of a directory if it is whole and young enough. The
// head of one that is merely too old is returned all the same.
func usable(dir string, now time.Time) (Head, []kv.Entry, error) {
	head, entries, err := ReadCopy(dir)
	switch age := now.Sub(head.Seen); {
	case err != nil:
	case age > MaxCopyAge:
		err = errors.New("the copy of the registry on this disk is older than 24 hours")
	case age < -MaxCopyAge:
		err = errors.New("the copy of the registry on this disk is of a time to come; set this machine's clock")
	}
	return head, entries, err
}
