package jwt

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/playgate/playgate/module/token"
)

// reader is a decoder that is used again: what it needs to tell names apart costs
// more than to read a token's few members.
type reader struct {
	decoder jsontext.Decoder
	text    bytes.Buffer
}

var readers = sync.Pool{New: func() any { return new(reader) }}

func readerOf(data []byte) *reader {
	r := readers.Get().(*reader)
	r.text = *bytes.NewBuffer(data)
	r.decoder.Reset(&r.text)
	return r
}

// free gives the reader back, without what it has read.
func (r *reader) free() {
	r.text = bytes.Buffer{}
	r.decoder.Reset(&r.text)
	readers.Put(r)
}

// members walks the members of a JSON object in order. It refuses what is not
// exactly one object, duplicate names at any depth and invalid UTF-8 (all by
// jsontext's defaults), names that are written with escapes, and names that
// differ from a known one only in case.
func members(data []byte, known []string, visit func(name string, value jsontext.Value) error) error {
	if len(data) == 0 || data[0] != '{' {
		return errNotObject // white space in front would be a token that logs do not know
	}
	r := readerOf(data)
	defer r.free()
	d := &r.decoder
	if first, err := d.ReadToken(); err != nil || first.Kind() != '{' {
		return errNotObject
	}
	for d.PeekKind() != '}' {
		rawName, err := d.ReadValue()
		if err != nil {
			return errNotObject
		}
		if bytes.IndexByte(rawName, '\\') >= 0 {
			return token.Malformed("a member name is written with escapes")
		}
		name := string(rawName[1 : len(rawName)-1])
		if !slices.Contains(known, name) {
			for _, k := range known {
				if strings.EqualFold(name, k) {
					return token.Malformed("a member name is written in the wrong case: " + k)
				}
			}
		}
		value, err := d.ReadValue()
		if err != nil {
			return errNotObject
		}
		if err := visit(name, value); err != nil {
			return err
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return errNotObject
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return errNotObject
	}
	return nil
}

var errNotObject = token.Malformed("a part of the token is not one JSON object with unique member names")

// text is the value of a JSON string.
func text(v jsontext.Value) (string, bool) {
	if v.Kind() != '"' {
		return "", false
	}
	if bytes.IndexByte(v, '\\') < 0 {
		return string(v[1 : len(v)-1]), true
	}
	b, err := jsontext.AppendUnquote(nil, v)
	return string(b), err == nil
}

// texts is the value of a JSON array of strings.
func texts(v jsontext.Value) ([]string, bool) {
	r := readerOf(v)
	defer r.free()
	d := &r.decoder
	if first, err := d.ReadToken(); err != nil || first.Kind() != '[' {
		return nil, false
	}
	list := []string{}
	for d.PeekKind() != ']' {
		item, err := d.ReadValue()
		if err != nil {
			return nil, false
		}
		s, ok := text(item)
		if !ok {
			return nil, false
		}
		list = append(list, s)
	}
	return list, true
}

// textOrTexts is the value of a string, or of an array of strings.
func textOrTexts(v jsontext.Value) ([]string, bool) {
	if s, ok := text(v); ok {
		return []string{s}, true
	}
	return texts(v)
}
