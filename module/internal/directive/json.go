package directive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/go-json-experiment/json/jsontext"
)

// UnmarshalJSON reads the JSON configuration of a module. No value may be null, "" or
// [], wherever it is: an absent member has its default, and an empty one must not be
// taken for it, nor for "all". A string may be empty in the members named last, at
// whatever depth. Unknown and doubled members are errors too.
func UnmarshalJSON(data []byte, to any, mayBeEmpty ...string) error {
	if err := CheckValues(data, mayBeEmpty...); err != nil {
		return err
	}
	return caddy.StrictUnmarshalJSON(data, to)
}

// CheckValues is an error if a value in a text of JSON is null, "" or []. A string
// may be empty in the members named, and a list in those named with [] behind.
func CheckValues(data []byte, mayBeEmpty ...string) error {
	d := jsontext.NewDecoder(bytes.NewReader(data))
	for {
		token, err := d.ReadToken()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		text := ""
		switch token.Kind() {
		case 'n':
			text = "null is no value; write one, or remove it"
		case '"':
			if token.String() == "" && !isName(d) && !slices.Contains(mayBeEmpty, d.StackPointer().LastToken()) {
				text = "an empty text is no value; write one, or remove it"
			}
		case '[':
			if d.PeekKind() == ']' && !slices.Contains(mayBeEmpty, d.StackPointer().LastToken()+"[]") {
				text = "an empty list does not mean all; list at least one value, or remove it"
			}
		}
		if text != "" {
			return fmt.Errorf("%s: %s", strings.TrimPrefix(string(d.StackPointer()), "/"), text)
		}
	}
}

// isName reports whether the string that was read last is the name of a member.
func isName(d *jsontext.Decoder) bool {
	kind, n := d.StackIndex(d.StackDepth())
	return kind == '{' && n%2 == 1
}
