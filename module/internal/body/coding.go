package body

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// Why the content coding of an answer cannot be undone.
var (
	ErrCoding  = errors.New("the manifest came in a content coding that was not asked for")
	ErrCorrupt = errors.New("the manifest's content coding is damaged")
)

// Coding is what an answer is coded in.
type Coding uint8

// Codings.
const (
	Identity Coding = iota
	Gzip
	// OtherCoding is one that clients undo, and that is not undone here.
	OtherCoding
)

// CodingOf tells the coding by the header. What no browser undoes, such as aws-chunked,
// is Identity: clients read the bytes as they come.
func CodingOf(h http.Header) Coding {
	codings := strings.ToLower(strings.Join(h["Content-Encoding"], ","))
	if codings == "gzip" {
		return Gzip
	}
	for coding := range strings.SplitSeq(codings, ",") {
		coding, _, _ = strings.Cut(coding, ";")
		switch strings.TrimSpace(coding) {
		case "gzip", "x-gzip", "br", "deflate", "zstd", "compress", "x-compress", "dcb", "dcz":
			return OtherCoding
		}
	}
	return Identity
}

// Inflate writes what a gzip body says to w. The error is [ErrCorrupt], or one of w.
func Inflate(w io.Writer, body []byte) error {
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return ErrCorrupt
	}
	buf := make([]byte, piece)
	for {
		n, err := z.Read(buf)
		if _, failed := w.Write(buf[:n]); failed != nil {
			return failed
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return ErrCorrupt
		}
	}
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
