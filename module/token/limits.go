package token

import (
	"cmp"
	"slices"
	"time"
)

// Lifetimes that hold where the configuration does not say otherwise.
const (
	DefaultLifetime = 14 * 24 * time.Hour
	MaxLifetime     = 365 * 24 * time.Hour
	DefaultLeeway   = 5 * time.Second
	MaxLeeway       = 120 * time.Second
)

// Terms are what every token has to meet, whoever signed it and whatever it
// is for. The zero value lets no token pass, because Max is zero.
type Terms struct {
	// Max is the longest life: from iat to exp, and from now to exp.
	Max time.Duration
	// Leeway is what clocks may differ by. It widens exp, nbf, iat and the
	// life from now on, but not the life from iat to exp.
	Leeway time.Duration
	// Issuer, when not empty, is the one iss that is accepted, except from keys
	// with an issuer of their own.
	Issuer string
	// Audience, when not empty, lists values of which aud must hold one, except
	// in tokens of keys with an audience of their own.
	Audience []string
}

// Check judges times, lifetime and issuer, in this order, at the given time.
// It returns an [Error] of kind [ErrExpired], [ErrNotYetValid], [ErrLifetime]
// or [ErrIssuer].
func (t *Terms) Check(g *Grant, now time.Time) error {
	// Claims were read with an upper bound of 1e11, so nothing overflows.
	var (
		at     = now.Unix()
		leeway = int64(t.Leeway / time.Second)
		most   = int64(t.Max / time.Second)

		issuer, audience = t.Issuer, t.Audience
	)
	if g.Key != nil {
		issuer = cmp.Or(g.Key.Issuer, issuer)
		if len(g.Key.Audience) > 0 {
			audience = g.Key.Audience
		}
	}
	switch {
	case at >= g.Expires+leeway:
		return &Error{ErrExpired, "the token has expired; get a new one"}
	case g.NotBefore != 0 && at < g.NotBefore-leeway:
		return &Error{ErrNotYetValid, "the token is not valid yet (nbf)"}
	case g.IssuedAt != 0 && at < g.IssuedAt-leeway:
		return &Error{ErrNotYetValid, "the token was issued in the future (iat): check the clocks"}
	case g.Expires-at > most+leeway:
		return &Error{ErrLifetime, "the token expires later than the gate allows; issue it for a shorter time"}
	case g.IssuedAt != 0 && g.Expires-g.IssuedAt > most:
		return &Error{ErrLifetime, "the token lives longer than the gate allows; issue it for a shorter time"}
	case issuer != "" && g.Issuer != issuer:
		return &Error{ErrIssuer, "iss is not the configured issuer"}
	case len(audience) > 0 && !overlap(audience, g.Audience):
		return &Error{ErrIssuer, "aud names none of the configured audiences"}
	}
	return nil
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}
