// Package problem writes the documents with which the gate answers what it refuses
// (RFC 9457).
package problem

import (
	"crypto/rand"
	"errors"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Document says why a request was refused. Detail, Reason and ExpiredAt are left out
// where they are empty.
type Document struct {
	Type, Title    string
	Status         int
	Detail, Reason string
	ID             string
	ExpiredAt      time.Time
}

// Append appends the document as a line of JSON: a flood is answered as well, and
// reflection would be a fifth of what a refusal takes. The error is that of a text
// that is not UTF-8.
func (d *Document) Append(b []byte) ([]byte, error) {
	var errs [3]error
	b = append(b, `{"type":`...)
	b, errs[0] = jsontext.AppendQuote(b, d.Type)
	b, errs[1] = jsontext.AppendQuote(append(b, `,"title":`...), d.Title)
	b = strconv.AppendInt(append(b, `,"status":`...), int64(d.Status), 10)
	if d.Detail != "" {
		b, errs[2] = jsontext.AppendQuote(append(b, `,"detail":`...), d.Detail)
	}
	if d.Reason != "" { // reasons and ids are plain
		b = append(append(append(b, `,"reason":"`...), d.Reason...), '"')
	}
	b = append(append(append(b, `,"id":"`...), d.ID...), '"')
	if !d.ExpiredAt.IsZero() {
		b = append(d.ExpiredAt.AppendFormat(append(b, `,"expired_at":"`...), time.RFC3339), '"')
	}
	return append(b, "}\n"...), errors.Join(errs[:]...)
}

// idAlphabet has no characters that look alike on a screenshot.
const idAlphabet = "23456789abcdefghjkmnpqrstuvwxyz"

// NewID names one refusal, so that a viewer's screenshot finds the log line.
func NewID() string {
	var id [12]byte
	_, _ = rand.Read(id[:]) // never fails (crypto/rand)
	for i, b := range id {
		id[i] = idAlphabet[int(b)%len(idAlphabet)]
	}
	return string(id[:])
}
