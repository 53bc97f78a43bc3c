package registry

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/kv"
	"github.com/playgate/playgate/module/token"
)

// Event is an entry of the audit trail: who changed what. The making of tokens
// is not in it, because each token's record says who made it and when.
type Event struct {
	Header

	Time   time.Time         `json:"time"`
	By     string            `json:"by,omitempty"`
	Org    string            `json:"org,omitempty"` // "" for what concerns all
	What   string            `json:"what"`
	Detail map[string]string `json:"detail,omitempty"`
}

// auditKept is how long the audit trail goes back.
const auditKept = 400 * 24 * time.Hour

// nobody stands for no organisation in keys. No organisation has the name.
const nobody = "-"

// Audit is the audit trail of a registry.
type Audit struct {
	*records

	bucket   *kv.NATSBucket
	embedded bool
}

// Note writes down what has been done that changes nothing.
func (r *Audit) Note(ctx context.Context, by, what string) { r.add(ctx, by, "", what, nil) }

// addForEach is add for what concerns several organisations: each has it in its trail, and
// reads nothing of the others. What concerns none of them alone is the operator's.
func (r *Audit) addForEach(ctx context.Context, by string, orgs []string, what string, detail map[string]string) {
	if len(orgs) == 0 {
		orgs = []string{""}
	}
	for _, org := range orgs {
		r.add(ctx, by, org, what, detail)
	}
}

// add writes down what has been done. It has been done already, so that a
// failure is only logged.
func (r *Audit) add(ctx context.Context, by, org, what string, detail map[string]string) {
	e := &Event{Time: r.now().UTC().Truncate(time.Millisecond), By: by, Org: org, What: what, Detail: detail}
	r.logger.Info("changed", zap.String("what", what), zap.String("by", by), zap.String("org", org), zap.Any("detail", detail))
	if org == "" {
		org = nobody
	}
	data, err := encode(e)
	if err == nil {
		// Times in milliseconds have 13 digits until the year 2286.
		key := org + "." + strconv.FormatInt(e.Time.UnixMilli(), 10) + "-" + token.NewID(6)
		if err = r.try(ctx, key, data); err != nil && !r.embedded {
			later := r.replica.Go(func(ctx context.Context) {
				_, err := r.bucket.Create(ctx, key, data)
				r.logFailure(e, err)
			})
			if later {
				return
			}
		}
	}
	r.logFailure(e, err)
}

// auditTry is how long a change waits for its entry in the audit trail. It is
// written later where the servers do not take it in time.
const auditTry = time.Second

// try writes an entry, and does not wait for long.
func (r *Audit) try(ctx context.Context, key string, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, auditTry)
	defer cancel()
	_, err := r.bucket.Create(ctx, key, data)
	return err
}

// logFailure tells of an entry that could not be written.
func (r *Audit) logFailure(e *Event, err error) {
	if err != nil && !errors.Is(err, ErrExists) {
		r.logger.Error("the audit trail could not be written", zap.String("what", e.What), zap.String("by", e.By), zap.Error(err))
	}
}

// Events lists the newest entries of the audit trail, newest first: those of
// one organisation, or all for "".
func (r *Audit) Events(ctx context.Context, org string, most int) ([]*Event, error) {
	if err := r.replica.Writable(); err != nil {
		return nil, err
	}
	entries, err := r.bucket.List(ctx, org)
	if err != nil {
		return nil, err
	}
	// Of one millisecond, the later one comes first too.
	slices.SortFunc(entries, func(a, b kv.Entry) int { return cmp.Compare(b.Revision, a.Revision) })
	list := make([]*Event, 0, len(entries))
	for _, entry := range entries {
		e := new(Event)
		if decode(entry.Value, e) == nil {
			list = append(list, e)
		}
	}
	slices.SortStableFunc(list, func(a, b *Event) int { return b.Time.Compare(a.Time) })
	return list[:min(most, len(list))], nil
}
