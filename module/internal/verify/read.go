package verify

import (
	"errors"
	"net/netip"
	"time"

	"github.com/playgate/playgate/module/token/jwt"
)

// Budget is how many tokens with a bad signature one client may send. The zero
// value is any number.
type Budget struct {
	// Limiter counts them; nil: nobody does.
	Limiter *Limiter
	// Limits are how many may come.
	Limits Limits
}

// LimitedError says that an address has sent too many bad signatures.
type LimitedError struct {
	// Wait is how long the next token of this address is not looked at.
	Wait time.Duration
}

func (e *LimitedError) Error() string {
	return "too many tokens with a bad signature from this address"
}

// ReadToken is [jwt.Read] with a memory: a token that was read before, with keys
// that are still good, costs no signature check, and the budget does not concern
// it. Beyond the budget the error is a [LimitedError]. The client's address is asked
// for only where somebody counts.
func (m *Memory) ReadToken(t *Trust, text string, b Budget, client func() netip.Addr, now time.Time) (*Verified, error) {
	if v, err := m.lookup(t, text); v != nil || err != nil {
		return v, err
	}
	if client == nil {
		return m.check(t, text)
	}
	if b.Limiter == nil {
		return m.verify(t, text)
	}
	from := client()
	if wait := b.Limiter.Wait(b.Limits, from, now); wait > 0 {
		return nil, &LimitedError{wait}
	}
	v, err := m.verify(t, text)
	if errors.Is(err, jwt.ErrSignature) {
		b.Limiter.Consume(b.Limits, from, now)
	}
	return v, err
}
