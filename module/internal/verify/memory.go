package verify

import (
	"errors"
	"hash/maphash"
	"strings"
	"sync/atomic"

	"github.com/maypok86/otter/v2"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/token/jwt"
)

const (
	// maxVerified is how much memory the tokens may take that are remembered, in
	// bytes: some 65,000 tokens of 240 characters.
	maxVerified = 64 << 20
	// perVerified is what a token takes besides its text, at most about.
	perVerified = 512
)

// Memory remembers tokens that were verified before. Nothing but the outcome of
// the signature check is remembered; whether the key still counts, and all that
// depends on the request and its time, is asked each time.
type Memory struct {
	// verified are the tokens whose signature has held, by their whole text:
	// whatever differs in one byte is another token.
	verified *otter.Cache[string, *Verified]
	// rejected are tokens whose signature has not held under a trust, as hashes
	// under a secret of this memory. A collision, of which there is one in 2^64,
	// refuses.
	rejected [1 << 15]atomic.Uint64
	seed     maphash.Seed
	trusts   atomic.Uint64 // how many were made
}

// NewMemory makes a memory that takes up to about 64 MiB.
func NewMemory() *Memory { return newMemory(maxVerified) }

// newMemory makes a memory whose verified tokens take so many bytes at most.
func newMemory(most uint64) *Memory {
	return &Memory{seed: maphash.MakeSeed(), verified: otter.Must(&otter.Options[string, *Verified]{
		MaximumWeight: most,
		Weigher:       func(text string, _ *Verified) uint32 { return uint32(2*len(text) + perVerified) },
	})}
}

func (m *Memory) rejectedHash(text string, t *Trust) uint64 {
	const odd = 0x9e3779b97f4a7c15
	return max(maphash.String(m.seed, text)^t.id*odd, 1)
}

func (m *Memory) slotOf(hash uint64) *atomic.Uint64 {
	return &m.rejected[hash%uint64(len(m.rejected))]
}

// lookup is what is known of a token from before; nil and nil if that is nothing.
func (m *Memory) lookup(t *Trust, text string) (*Verified, error) {
	if v, ok := m.verified.GetIfPresent(text); ok {
		switch key, err := t.Keys.Lookup(v.Grant.Org, v.kid, v.algorithm); {
		case err != nil:
			return nil, err
		case !v.hasher.Equal(t.Hasher): // of another store
		case key == v.Grant.Key:
			return v, nil
		case key.Same(v.Grant.Key): // read anew, by a reload or with the view
			v = v.with(key)
			m.verified.Set(strings.Clone(text), v)
			return v, nil
		}
	}
	if hash := m.rejectedHash(text, t); m.slotOf(hash).Load() == hash {
		return nil, jwt.ErrSignature
	}
	return nil, nil
}

// verify checks a signature, and remembers how that ended.
func (m *Memory) verify(t *Trust, text string) (*Verified, error) {
	v, err := m.check(t, text)
	if err != nil {
		if errors.Is(err, jwt.ErrSignature) {
			hash := m.rejectedHash(text, t)
			m.slotOf(hash).Store(hash)
		}
		return nil, err
	}
	// The text is a part of the request, which would be kept with it.
	m.verified.Set(strings.Clone(text), v)
	return v, nil
}

// check checks a signature, and remembers nothing.
func (m *Memory) check(t *Trust, text string) (*Verified, error) {
	u, err := jwt.Parse(text)
	if err != nil {
		return nil, err
	}
	g, err := u.Verify(t.Keys)
	if err != nil {
		return nil, err
	}
	return &Verified{Grant: g, kid: u.KeyID, algorithm: u.Algorithm, subject: access.SubjectOf(g, "", t.Hasher), hasher: t.Hasher}, nil
}
