package app

import (
	"errors"
	"hash/maphash"
	"strings"
	"sync/atomic"

	"github.com/maypok86/otter/v2"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/token"
	"github.com/playgate/playgate/module/token/jwt"
)

// Seen is a playback token whose signature has held. It does not change.
type Seen struct {
	Grant *token.Grant

	kid, algorithm string // as its header says
	subject        access.Subject
}

// Subject is what the token can be revoked by, as it plays a stream.
func (s *Seen) Subject(stream string) access.Subject {
	subject := s.subject
	subject.Stream = stream
	return subject
}

// with is the same under another copy of its key.
func (s *Seen) with(key *token.Key) *Seen {
	other, grant := *s, *s.Grant
	grant.KeyID, grant.Key = key.ID, key
	other.Grant = &grant
	return &other
}

const (
	// maxSeen is how much memory the tokens may take that are remembered, in
	// bytes: some 65,000 tokens of 240 characters.
	maxSeen = 64 << 20
	// perSeen is what a token takes besides its text, at most about.
	perSeen = 512
)

// seen are the tokens whose signature has held, by their whole text: whatever
// differs in one byte is another token. Like what is running, they outlive
// reloads. Nothing but the signature is remembered; whether the key still counts,
// and all that depends on the request and its time, is asked each time.
var seen = newSeen(maxSeen)

// newSeen makes a memory that takes so many bytes at most.
func newSeen(most uint64) *otter.Cache[string, *Seen] {
	return otter.Must(&otter.Options[string, *Seen]{
		MaximumWeight: most,
		Weigher:       func(text string, _ *Seen) uint32 { return uint32(2*len(text) + perSeen) },
	})
}

// forged are tokens whose signature has not held under a trust, as hashes under a
// secret of this process. A collision, of which there is one in 2^64, refuses.
var forged [1 << 15]atomic.Uint64

var forgedSeed = maphash.MakeSeed()

func forgedHash(text string, t *Trust) uint64 {
	const odd = 0x9e3779b97f4a7c15
	return max(maphash.String(forgedSeed, text)^t.id*odd, 1)
}

func slotOf(hash uint64) *atomic.Uint64 { return &forged[hash%uint64(len(forged))] }

// recall is what is known of a token from before; nil and nil when that is nothing.
func (t *Trust) recall(text string) (*Seen, error) {
	if s, ok := seen.GetIfPresent(text); ok {
		switch key, err := t.Keys.Lookup(s.Grant.Org, s.kid, s.algorithm); {
		case err != nil:
			return nil, err
		case key == s.Grant.Key:
			return s, nil
		case key.Same(s.Grant.Key): // read anew, by a reload or with the view
			s = s.with(key)
			seen.Set(strings.Clone(text), s)
			return s, nil
		}
	}
	if hash := forgedHash(text, t); slotOf(hash).Load() == hash {
		return nil, jwt.ErrSignature
	}
	return nil, nil
}

// verify checks a signature, and keeps in mind how that ended.
func (t *Trust) verify(text string) (*Seen, error) {
	u, err := jwt.Parse(text)
	if err != nil {
		return nil, err
	}
	g, err := u.Verify(t.Keys)
	if err != nil {
		if errors.Is(err, jwt.ErrSignature) {
			hash := forgedHash(text, t)
			slotOf(hash).Store(hash)
		}
		return nil, err
	}
	s := &Seen{Grant: g, kid: u.KeyID, algorithm: u.Algorithm, subject: access.SubjectOf(g, "")}
	// The text is a part of the request, which would be kept with it.
	seen.Set(strings.Clone(text), s)
	return s, nil
}
