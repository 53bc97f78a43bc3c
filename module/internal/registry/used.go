package registry

import (
	"context"
	"errors"
	"maps"
	"strconv"
	"time"

	"github.com/playgate/playgate/module/token"
)

// Used is when tokens were used last. The tokens are spread over few records by
// their hashes, so that the number of writes does not grow with theirs. Only
// nodes that list tokens read them.
type Used struct {
	Header

	// At has unix seconds by the hashes of (organisation, token id), in
	// hexadecimal digits.
	At map[string]int64 `json:"at"`

	Revision uint64 `json:"-"`
}

const usedPrefix = "used"

// usedRecords is how many records there are at most.
const usedRecords = 256

func usedKey(hash uint64) string { return usedPrefix + "." + strconv.FormatUint(hash%usedRecords, 16) }

func hexadecimal(hash uint64) string { return strconv.FormatUint(hash, 16) }

// NoteUses stores when tokens were used last, in unix seconds by the hashes of
// (organisation, token id). A later time that is there already stays. It returns
// what could not be stored.
func (r *Tokens) NoteUses(ctx context.Context, at map[uint64]int64) (left map[uint64]int64, err error) {
	if err := r.replica.Writable(); err != nil {
		return at, err
	}
	byRecord := make(map[string]map[uint64]int64)
	for hash, when := range at {
		key := usedKey(hash)
		if byRecord[key] == nil {
			byRecord[key] = make(map[uint64]int64)
		}
		byRecord[key][hash] = when
	}
	for key, uses := range byRecord {
		if failed := r.noteUses(ctx, key, uses); failed != nil {
			err = failed
			if left == nil {
				left = make(map[uint64]int64)
			}
			maps.Copy(left, uses)
		}
	}
	return left, err
}

func (r *Tokens) noteUses(ctx context.Context, key string, uses map[uint64]int64) error {
	var record Used
	merge := func() error {
		if record.At == nil {
			record.At = make(map[string]int64)
		}
		for hash, when := range uses {
			name := hexadecimal(hash)
			record.At[name] = max(record.At[name], when)
		}
		// No token that was used before is valid any more.
		past := r.now().Add(-token.MaxLifetime - token.MaxLeeway).Unix()
		maps.DeleteFunc(record.At, func(_ string, when int64) bool { return when < past })
		return nil
	}
	err := r.update(ctx, r.issuing, key, &record, merge, nil)
	if errors.Is(err, ErrNotFound) {
		_ = merge()
		_, err = r.create(ctx, r.issuing, key, &record, nil)
		if errors.Is(err, ErrExists) { // somebody else was faster
			err = r.update(ctx, r.issuing, key, &record, merge, nil)
		}
	}
	return err
}

// LastUsed is when a token was used last, as far as it was stored; zero when it
// was not.
func (x *Index) LastUsed(hash uint64) time.Time {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if when, ok := x.used[usedKey(hash)][hexadecimal(hash)]; ok {
		return time.Unix(when, 0)
	}
	return time.Time{}
}
