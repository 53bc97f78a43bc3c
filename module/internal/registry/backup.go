package registry

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/playgate/playgate/module/internal/kv"
	"github.com/playgate/playgate/module/internal/replica"
)

// backupForm is the version of a backup's form: lines of JSON, a head, the
// records, and a foot with their number and the checksum of all lines before it.
const backupForm = 1

// backupLine is a line of a backup. The first has Form, the last has End.
type backupLine struct {
	Form int       `json:"playgate_backup,omitzero"`
	Time time.Time `json:"time,omitzero"`

	Bucket string         `json:"bucket,omitempty"`
	Key    string         `json:"key,omitempty"`
	Value  jsontext.Value `json:"value,omitempty"`

	End     bool   `json:"end,omitzero"`
	Records int    `json:"records,omitzero"`
	SHA256  string `json:"sha256,omitempty"`
}

// ErrBackup: this is no backup, or not a whole one.
var ErrBackup = errors.New("this is not a whole backup of Playgate")

// buckets of a backup, in its order. The audit trail goes along.
func (r *Registry) buckets() map[string]*kv.NATSBucket {
	return map[string]*kv.NATSBucket{"edge": r.edge, "issuing": r.issuing, "audit": r.audit.bucket}
}

// kept reports whether a record belongs to a store and not into a backup:
// session keys, which whoever reads a backup must not have, and signs of life.
func kept(bucket, key string) bool {
	switch key {
	case sessionRecord, replica.HeartbeatKey:
		return bucket == "edge"
	case replica.ProbeKey:
		return bucket == "audit"
	}
	return false
}

// Backup writes all records and returns their number. Private keys are in it as
// they are in the store: sealed with a key that is not. Session keys are left out.
func (r *Registry) Backup(ctx context.Context, w io.Writer) (records int, err error) {
	if err := r.replica.Writable(); err != nil {
		return 0, err
	}
	sum := sha256.New()
	out := io.MultiWriter(w, sum)
	if err := writeLine(out, backupLine{Form: backupForm, Time: r.now().UTC().Truncate(time.Second)}); err != nil {
		return 0, err
	}
	for _, bucket := range []string{"edge", "issuing", "audit"} {
		entries, err := r.buckets()[bucket].List(ctx, "")
		if err != nil {
			return 0, err
		}
		for _, e := range entries {
			if kept(bucket, e.Key) {
				continue
			}
			if err := writeLine(out, backupLine{Bucket: bucket, Key: e.Key, Value: e.Value}); err != nil {
				return 0, err
			}
			records++
		}
	}
	return records, writeLine(w, backupLine{End: true, Records: records, SHA256: hexSum(sum)})
}

func writeLine(w io.Writer, l backupLine) error {
	data, err := json.Marshal(l)
	if err != nil {
		return err
	}
	_, err = w.Write(append(data, '\n'))
	return err
}

// Restored is what a restore has done.
type Restored struct {
	Time    time.Time `json:"time"` // of the backup
	Records int       `json:"records"`
	Removed int       `json:"removed"` // records that the backup does not have
	// Sealed says that the backup's private keys can be read here. Where they
	// cannot, its tokens play, but new ones need another key (Rotate).
	Sealed bool `json:"sealed"`
}

// Restore makes the registry what a backup says. Nothing is touched before the
// whole of it was read and checked. What was changed after the backup is lost.
func (r *Registry) Restore(ctx context.Context, from io.Reader, by string) (*Restored, error) {
	if err := r.replica.Writable(); err != nil {
		return nil, err
	}
	at, records, err := readBackup(from)
	if err != nil {
		return nil, err
	}
	done := &Restored{Time: at}
	for bucket, b := range r.buckets() {
		wanted := records[bucket]
		entries, err := b.List(ctx, "")
		if err != nil {
			return nil, err
		}
		revisions := make(map[string]uint64, len(entries))
		for _, e := range entries {
			revisions[e.Key] = e.Revision
			// The audit trail is only added to.
			if _, there := wanted[e.Key]; there || kept(bucket, e.Key) || bucket == "audit" || e.Key == hashesRecord {
				continue
			}
			if _, err := b.Delete(ctx, e.Key, e.Revision); err != nil {
				return nil, r.replica.ClassifyWriteError(err)
			}
			done.Removed++
		}
		last, err := putAll(ctx, b, wanted, revisions)
		if err != nil {
			return nil, r.replica.ClassifyWriteError(err)
		}
		if err := r.settled(ctx, b, last, nil); err != nil {
			return nil, err
		}
		done.Records += len(wanted)
	}
	r.Keys.signer.Store(nil)
	_, err = r.Keys.Signer(ctx)
	done.Sealed = err == nil
	r.audit.add(ctx, by, "", "restore", map[string]string{"backup_of": at.Format(time.RFC3339)})
	return done, nil
}

// putAll writes many records at once: each write waits for the disk.
func putAll(ctx context.Context, b *kv.NATSBucket, values map[string]jsontext.Value, revisions map[string]uint64) (last uint64, err error) {
	const workers = 16
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	keys := make(chan string)
	var mu sync.Mutex
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for key := range keys {
				var revision uint64
				var err error
				if old := revisions[key]; old > 0 {
					revision, err = b.Update(ctx, key, values[key], old)
				} else {
					revision, err = b.Create(ctx, key, values[key])
				}
				if err != nil {
					stop(fmt.Errorf("record %s: %w", key, err))
				}
				mu.Lock()
				last = max(last, revision)
				mu.Unlock()
			}
		})
	}
	for key := range values {
		select {
		case keys <- key:
		case <-ctx.Done():
		}
	}
	close(keys)
	group.Wait()
	if ctx.Err() != nil {
		return last, context.Cause(ctx)
	}
	return last, nil
}

// readBackup reads and checks a whole backup.
func readBackup(from io.Reader) (at time.Time, records map[string]map[string]jsontext.Value, err error) {
	records = map[string]map[string]jsontext.Value{"edge": {}, "issuing": {}, "audit": {}}
	sum := sha256.New()
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 2*kv.MaxValue)
	n := 0
	for first := true; lines.Scan(); first = false {
		var l backupLine
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return at, nil, fmt.Errorf("%w: record %d cannot be read", ErrBackup, n)
		}
		switch {
		case first:
			if l.Form != backupForm {
				return at, nil, fmt.Errorf("%w: its form is %d; this version reads %d", ErrBackup, l.Form, backupForm)
			}
			at = l.Time
		case l.End:
			if lines.Scan() || l.Records != n || l.SHA256 != hexSum(sum) {
				return at, nil, fmt.Errorf("%w: the checksum differs", ErrBackup)
			}
			return at, records, nil
		case records[l.Bucket] == nil || l.Key == "" || kept(l.Bucket, l.Key):
			return at, nil, fmt.Errorf("%w: record %d is of no kind that is known", ErrBackup, n)
		default:
			records[l.Bucket][l.Key] = l.Value.Clone()
			n++
		}
		sum.Write(lines.Bytes())
		sum.Write([]byte("\n"))
	}
	if err := lines.Err(); err != nil {
		return at, nil, fmt.Errorf("%w: %w", ErrBackup, err)
	}
	return at, nil, fmt.Errorf("%w: it ends too early", ErrBackup)
}

func hexSum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }
