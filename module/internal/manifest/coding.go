package manifest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// Why a manifest cannot be rewritten.
var (
	ErrTooLarge = errors.New("the manifest is larger than 4 MiB")
	ErrCoding   = errors.New("the manifest came in a content coding that was not asked for")
	ErrCorrupt  = errors.New("the manifest's content coding is damaged")
)

// Decode undoes the content coding of a manifest, which h tells. The error is
// [ErrCoding], [ErrCorrupt] or [ErrTooLarge].
func Decode(body []byte, h http.Header) ([]byte, error) {
	switch coding := h.Get("Content-Encoding"); {
	case coding == "" || strings.EqualFold(coding, "identity"):
	case strings.EqualFold(coding, "gzip"):
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, ErrCorrupt
		}
		if body, err = io.ReadAll(io.LimitReader(z, MaxSize+1)); err != nil {
			return nil, ErrCorrupt
		}
	default:
		return nil, ErrCoding
	}
	if len(body) > MaxSize {
		return nil, ErrTooLarge
	}
	return body, nil
}

var compressors = sync.Pool{New: func() any {
	z, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic(err) // the level is a valid one
	}
	return z
}}

// Compress returns a manifest in gzip. The same token in every URI costs next to
// nothing then.
func Compress(text []byte) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(len(text)/8 + 512)
	z := compressors.Get().(*gzip.Writer)
	defer compressors.Put(z)
	z.Reset(&b)
	_, err := z.Write(text)
	err = errors.Join(err, z.Close())
	return b.Bytes(), err
}
