package registry

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// schema is the version that records are written with.
const schema = 1

// ErrUnreadable: a record that this version must not act upon. It means what
// refuses most: a secure organisation, a stream that is not public, no key.
var ErrUnreadable = errors.New("the record was written by a newer version; update this one")

// Header is what all records have.
type Header struct {
	// Schema is the version of the record's form. It counts up with members
	// that older versions may safely ignore and keep.
	Schema int `json:"schema"`
	// Needs names members that restrict. Who does not know one of them must
	// take the record for unreadable.
	Needs []string `json:"needs,omitempty"`
	// Unknown are members of newer versions. They survive a rewrite.
	Unknown jsontext.Value `json:",embed"`
}

func (h *Header) header() *Header { return h }

type record interface{ header() *Header }

// known are the members that may stand in Needs.
var known = []string{}

// decode reads a record.
func decode(data []byte, r record) error {
	if err := json.Unmarshal(data, r, json.MatchCaseInsensitiveNames(false)); err != nil {
		return fmt.Errorf("the record cannot be read: %w", err)
	}
	h := r.header()
	if h.Schema < 1 {
		return errors.New("the record has no schema version")
	}
	for _, name := range h.Needs {
		if !slices.Contains(known, name) {
			return fmt.Errorf("%w (it needs %q)", ErrUnreadable, name)
		}
	}
	return nil
}

// encode writes a record.
func encode(r record) ([]byte, error) {
	h := r.header()
	h.Schema = max(h.Schema, schema)
	return json.Marshal(r, json.Deterministic(true))
}

// name is how a value appears in a key: hashed, so that any value fits and none
// of an organisation can be taken for one of another.
func name(value string) string {
	sum := sha256.Sum256([]byte(value))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// clearRecord empties a record before it is read again.
func clearRecord(r record) { reflect.ValueOf(r).Elem().SetZero() }
