package jwks

import (
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"time"

	"go.uber.org/zap"
)

// Storage keeps documents from one start to the next. What is not there is
// [fs.ErrNotExist].
type Storage interface {
	Load(ctx context.Context, key string) ([]byte, error)
	Store(ctx context.Context, key string, value []byte) error
}

// storageTimeout bounds one use of the storage, which may be far away.
const storageTimeout = 10 * time.Second

func (l Location) storageKey() string { return "playgate/jwks/" + l.ID() + ".json" }

// loadKept takes the set that was good last. A file is its own copy.
func (s *Set) loadKept(ctx context.Context, u *User) {
	if u.Storage == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, storageTimeout)
	defer cancel()
	document, err := u.Storage.Load(ctx, s.location.storageKey())
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err == nil {
		err = s.Take(document, u.Logger)
	}
	if err != nil {
		u.Logger.Warn("the key set that was kept cannot be used", zap.Stringer("jwks", s.location), zap.Error(err))
	}
}

// keep stores a good set for the next start, when it is another one than the
// storage has.
func (s *Set) keep(ctx context.Context, document []byte) {
	u := s.user()
	sum := sha256.Sum256(document)
	if kept := s.kept.Load(); u.Storage == nil || s.location.File() || kept != nil && *kept == sum {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, storageTimeout)
	defer cancel()
	err := u.Storage.Store(ctx, s.location.storageKey(), document)
	if err == nil {
		s.kept.Store(&sum)
	} else if !s.keepFailing {
		u.Logger.Warn("the key set cannot be kept for the next start", zap.Stringer("jwks", s.location), zap.Error(err))
	}
	s.keepFailing = err != nil
}
