package kv

import (
	"context"
	"errors"
)

// Errors of a bucket.
var (
	// ErrNotFound: there is no such key.
	ErrNotFound = errors.New("not found")
	// ErrExists: there is one already.
	ErrExists = errors.New("it exists already")
	// ErrConflict: somebody else has changed it in the meantime.
	ErrConflict = errors.New("somebody else has changed it at the same time; look at it again")
	// ErrUnavailable: the store did not take or give it; nothing is known to
	// have been written.
	ErrUnavailable = errors.New("the registry is not available")
)

// Entry is one key of a bucket with its newest value. Revisions grow with each
// write to the bucket.
type Entry struct {
	Key      string
	Value    []byte
	Revision uint64
	Deleted  bool
}

// Bucket is a small key-value store. Keys are words of [A-Za-z0-9_=-] joined by
// dots. A write that returns without error is on disk.
type Bucket interface {
	// Get returns the newest value, or ErrNotFound.
	Get(ctx context.Context, key string) (Entry, error)
	// Create writes a key that must not be there, or returns ErrExists.
	Create(ctx context.Context, key string, value []byte) (revision uint64, err error)
	// Update writes a key whose newest revision must be this one, or returns
	// ErrConflict.
	Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error)
	// Delete removes a key whose newest revision must be this one.
	Delete(ctx context.Context, key string, revision uint64) (uint64, error)
	// List returns the newest values of all keys below a prefix, "" for all.
	List(ctx context.Context, prefix string) ([]Entry, error)
	// Watch sends the newest values of all keys, then an entry without a key,
	// then every change. after is the last revision that is known already; 0
	// for none. The channel is closed when the watch ends, for whatever reason.
	Watch(ctx context.Context, after uint64) (<-chan Entry, error)
}
