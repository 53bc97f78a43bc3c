// Package body reads answers of origins that may be manifests: what they begin as, what
// they are coded in, and piece by piece.
package body

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"

	"github.com/playgate/playgate/module/internal/manifest"
)

// How much of an answer is read before its header goes out, and kept at most, in bytes.
const (
	// Head is how much is read of any answer. Playlists that are longer are passed on
	// piece by piece.
	Head = 64 << 10
	// MaxMPD is the longest MPD, and the longest playlist in a content coding.
	MaxMPD = 8 << 20
	// MaxWritten is the longest MPD with tokens in it.
	MaxWritten = 16 << 20
	// MaxJSON is the longest JSON document that is looked at as a whole. Steering
	// manifests and asset lists are small; anything longer is something else.
	MaxJSON = 256 << 10
)

// Why a manifest cannot be passed on.
var (
	ErrTooLarge = errors.New("the manifest is larger than can be read as a whole: 8 MiB of an MPD, 16 MiB with tokens in it, 256 KiB of a steering manifest or an asset list")
	ErrLongLine = errors.New("the playlist has a line of more than 64 KiB without a data: URI")
)

// longLine is a line that is waited for before the header of a long playlist goes out.
const longLine = 4 << 10

// piece is how much of a long playlist is worked on at a time.
const piece = 16 << 10

// Reader takes in a manifest, or what begins like one, piece by piece; the fields are for
// its maker to fill. Errors are [manifest.ErrLeak], [ErrTooLarge], [ErrLongLine], and those of the
// functions.
type Reader struct {
	Format manifest.Format
	// Rewriter carries the token; nil: nothing does.
	Rewriter *manifest.Rewriter
	Check    *manifest.Check

	// Whole passes a complete manifest on. It is called by Close.
	Whole func(text []byte, changed bool) error
	// Long begins to pass on one that is longer than what is kept of it: lines of a
	// playlist, or something else as it came.
	Long func(lines bool) (io.Writer, error)
	// Room is asked before more than Head bytes are kept, and each time that twice as many
	// are: for as many as will be kept.
	Room func(bytes int) error

	// Size is how long the manifest is, where that is known.
	Size int

	// Text has what is kept. Its memory may be used again after Close.
	Text []byte
	// Out is memory for what is written.
	Out []byte

	room  int       // how many bytes there is room for
	out   io.Writer // of Long
	plain bool      // what comes is passed on as it is
	line  bool      // until the present line ends

	before []byte // the end of what has gone out of a long line
}

// Write takes in the next piece.
func (b *Reader) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		k := min(len(p), piece)
		if err := b.take(p[:k]); err != nil {
			return n - len(p), err
		}
		p = p[k:]
	}
	return n, nil
}

func (b *Reader) take(p []byte) error {
	if b.line {
		return b.passLine(p)
	}
	if b.plain {
		_, err := b.out.Write(p)
		return err
	}
	b.Text = append(b.Text, p...)
	switch {
	case b.out != nil:
		return b.lines()
	case len(b.Text) <= Head:
		return nil
	case b.Format == manifest.HLS:
		n := manifest.WholeLines(b.Text)
		if rest := b.Text[n:]; len(rest) > longLine {
			switch { // it may turn out to be too long before anything has gone out
			case len(rest) <= Head && len(b.Text) <= 2*Head:
				return nil
			case len(rest) > Head && !bytes.Contains(rest, []byte("data:")):
				return ErrLongLine
			}
		}
		return b.begin(n)
	}
	switch {
	case b.Format == manifest.DASH && len(b.Text) > MaxMPD, b.Format == manifest.JSON && len(b.Text) > MaxJSON && manifest.IsKnownJSON(b.Text[:Head]):
		return ErrTooLarge
	case b.Format != manifest.DASH && len(b.Text) > MaxJSON:
		return b.passRest()
	}
	if len(b.Text) > b.room {
		b.room = min(max(4*Head, 2*b.room, b.Size), MaxMPD)
		if err := b.Room(b.room); err != nil {
			return err
		}
		if b.Format == manifest.DASH && b.Size <= MaxMPD {
			b.Text = slices.Grow(b.Text, max(b.Size-len(b.Text), 0))
		}
	}
	return nil
}

// passRest passes on as it came what is no manifest after all.
func (b *Reader) passRest() (err error) {
	if b.out, err = b.Long(false); err != nil {
		return err
	}
	b.plain = true
	_, err = b.out.Write(b.Text)
	b.Text = b.Text[:0]
	return err
}

// begin passes on the first lines of a long playlist, n bytes.
func (b *Reader) begin(n int) (err error) {
	if err = b.Check.Lines(b.Text[:n]); err != nil {
		return err
	}
	if b.out, err = b.Long(true); err != nil {
		return err
	}
	first := b.Text[:n]
	if b.Rewriter != nil {
		b.Rewriter.Settle(first)
		b.Out = b.Rewriter.HLS(b.Out[:0], first)
		first = b.Out
	}
	if _, err = b.out.Write(first); err != nil {
		return err
	}
	b.keep(n)
	return b.lines()
}

// lines passes on the whole lines of what is kept.
func (b *Reader) lines() error {
	n := manifest.WholeLines(b.Text)
	if n == 0 && len(b.Text) > Head {
		if !bytes.Contains(b.Text, []byte("data:")) {
			return ErrLongLine
		}
		b.line, b.before = true, b.before[:0]
		text := b.Text
		b.Text = b.Text[:0]
		return b.passLine(text)
	}
	return b.pass(n)
}

// pass passes on so much of what is kept, which are whole lines.
func (b *Reader) pass(n int) error {
	text := b.Text[:n]
	if len(text) == 0 {
		return nil
	}
	if err := b.Check.Lines(text); err != nil {
		return err
	}
	if b.Rewriter != nil {
		b.Out = b.Rewriter.More(b.Out[:0], text)
		text = b.Out
	}
	_, err := b.out.Write(text)
	b.keep(n)
	return err
}

// passLine passes on the rest of a long line as it is. A tag that could leak cannot be
// judged in pieces: no line of that length has one.
func (b *Reader) passLine(p []byte) error {
	n := bytes.IndexAny(p, "\r\n") + 1
	if n == 0 {
		n = len(p)
	} else {
		b.line = false
	}
	const longestTag = 32
	b.before = append(b.before, p[:n]...)
	if manifest.MayLeak(b.before) {
		return manifest.ErrLeak
	}
	b.before = b.before[max(len(b.before)-longestTag, 0):]
	if _, err := b.out.Write(p[:n]); err != nil || n == len(p) {
		return err
	}
	return b.take(p[n:])
}

// keep forgets the first n bytes of what is kept.
func (b *Reader) keep(n int) { b.Text = b.Text[:copy(b.Text, b.Text[n:])] }

// Flush passes on what is known to be no manifest: a first value of JSON that is none of
// those, behind which others may come as time goes on.
func (b *Reader) Flush() error {
	if b.Format != manifest.JSON || b.out != nil {
		return nil
	}
	var first json.RawMessage
	if json.NewDecoder(bytes.NewReader(manifest.TrimHead(b.Text))).Decode(&first) != nil || manifest.IsKnownJSON(first) {
		return nil
	}
	return b.passRest()
}

// Close ends the manifest.
func (b *Reader) Close() error {
	switch {
	case b.plain, b.line:
		return nil
	case b.out != nil:
		return b.pass(len(b.Text))
	}
	text := b.Text
	if b.Rewriter != nil && !(b.Format == manifest.HLS && b.Rewriter.Inherits(text)) {
		b.Out = b.Rewriter.Write(b.Out[:0], b.Format, text)
		text = b.Out
	}
	// In which form it carries the token is known now.
	b.Check.InQuery = b.Rewriter != nil && b.Rewriter.Form == manifest.InQuery
	if err := b.Check.Manifest(b.Format, b.Text); err != nil {
		return err
	}
	if len(text) > MaxWritten {
		return ErrTooLarge
	}
	return b.Whole(text, b.Rewriter != nil && !bytes.Equal(text, b.Text))
}
