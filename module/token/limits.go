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

// Check judges times, lifetime and issuer, in this order, at the given time: it is
// [Terms.CheckTimes] and [Terms.CheckIssuer].
func (t *Terms) Check(g *Grant, now time.Time) error {
	if err := t.CheckTimes(g, now); err != nil {
		return err
	}
	return t.CheckIssuer(g.Key,
		func(issuer string) bool { return g.Issuer == issuer },
		func(audience string) bool { return slices.Contains(g.Audience, audience) })
}

// CheckTimes judges times and lifetime, in this order, at the given time. It returns
// an [Error] of kind [ErrExpired], [ErrNotYetValid] or [ErrLifetime].
func (t *Terms) CheckTimes(g *Grant, now time.Time) error {
	// Claims were read with an upper bound of 1e11, so nothing overflows.
	var (
		at     = now.Unix()
		leeway = int64(t.Leeway / time.Second)
		most   = int64(t.Max / time.Second)
	)
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
	}
	return nil
}

// CheckIssuer judges issuer and audience of a token of a key, which may be nil: from
// tells whether the token is of an issuer, and meantFor whether it is for an audience.
// It returns an [Error] of kind [ErrIssuer].
func (t *Terms) CheckIssuer(k *Key, from, meantFor func(string) bool) error {
	issuer, audience := t.expected(k)
	switch {
	case issuer != "" && !from(issuer):
		return &Error{ErrIssuer, "iss is not the configured issuer"}
	case len(audience) > 0 && !slices.ContainsFunc(audience, meantFor):
		return &Error{ErrIssuer, "aud names none of the configured audiences"}
	}
	return nil
}

// AcceptedAudience are the members of a token's aud, each once, those first by which it is
// accepted.
func (t *Terms) AcceptedAudience(g *Grant) (list []string) {
	_, audience := t.expected(g.Key)
	for _, a := range slices.Concat(audience, g.Audience) {
		if slices.Contains(g.Audience, a) && !slices.Contains(list, a) {
			list = append(list, a)
		}
	}
	return list
}

// expected are the issuer and the audience that tokens of a key must have.
func (t *Terms) expected(k *Key) (issuer string, audience []string) {
	issuer, audience = t.Issuer, t.Audience
	if k != nil {
		issuer = cmp.Or(k.Issuer, issuer)
		if len(k.Audience) > 0 {
			audience = k.Audience
		}
	}
	return issuer, audience
}
