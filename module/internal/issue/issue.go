// Package issue makes tokens: defaults, limits, validation with texts that say
// what to change, and warnings. Command line, HTTP API and console all use it,
// so that they say and allow the same.
package issue

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/playgate/playgate/module/api/types"
	"github.com/playgate/playgate/module/token"
	"github.com/playgate/playgate/module/token/jwt"
)

// Request is what somebody wants a token for.
type Request struct {
	Org     string
	Streams []string // stream scope; or
	OrgWide bool     // organisation scope

	// Expires is when the token ends; the zero time means the issuer's default.
	Expires time.Time
	// NotBefore is when it begins; the zero time means at once.
	NotBefore time.Time

	// IssuedAfter is a unix second after which the token must be issued: what was
	// issued until then is revoked. 0 for none.
	IssuedAfter int64

	IPs      []string
	Referers []string
	Tag      string
	User     string
}

// Issuer makes tokens with one key.
type Issuer struct {
	Key      *token.Key
	Lifetime time.Duration // when the request does not say; 0 means 14 days
	Max      time.Duration // 0 means 365 days, which is also the most
	Issuer   string
	Audience []string
	URLs     Templates
	Now      func() time.Time
}

// Issued is a token as it is shown, once.
type Issued struct {
	Token    string
	Grant    *token.Grant
	URLs     []types.StreamURLs
	Warnings []types.Warning
}

// Error is a mistake in a request: which field, and what to change.
type Error struct {
	Field, Text string

	value string // with which Text begins, or ""
}

func (e *Error) Error() string { return e.Field + ": " + e.Text }

// Advice is Text without the value that was sent, for answers and logs that
// must not repeat it.
func (e *Error) Advice() string { return strings.TrimLeft(strings.TrimPrefix(e.Text, e.value), ": ") }

func wrong(field, format string, args ...any) error {
	return &Error{Field: field, Text: fmt.Sprintf(format, args...)}
}

// wrongValue is wrong with a text that begins with the value.
func wrongValue(field, value, text string) error {
	return &Error{Field: field, Text: value + text, value: value}
}

// Issue validates the request, fills in defaults and signs the token. Errors
// are [Error] values, or say why the key cannot sign.
func (i *Issuer) Issue(r Request) (*Issued, error) {
	g, err := i.grant(r)
	if err != nil {
		return nil, err
	}
	text, err := jwt.Sign(g, i.Key)
	if errors.Is(err, token.ErrMalformed) {
		return nil, wrong("streams", "the token would have more than %d characters; name fewer streams, or ask for the whole organisation", token.MaxToken)
	}
	if err != nil {
		return nil, err
	}
	issued := &Issued{Token: text, Grant: g, URLs: i.URLs.For(g, text)}
	issued.Warnings = warnings(issued, i.URLs)
	return issued, nil
}

func (i *Issuer) grant(r Request) (*token.Grant, error) {
	if !token.ValidOrg(r.Org) {
		return nil, wrong("org", "write an organisation hash: 1 to 64 of letters, digits and underscore")
	}
	if !i.Key.MaySpeakFor(r.Org) {
		return nil, wrong("org", "key %s may not speak for this organisation", i.Key.ID)
	}
	if r.OrgWide == (len(r.Streams) > 0) {
		return nil, wrong("streams", "name the streams, or ask for the whole organisation; exactly one of both")
	}
	for n, s := range r.Streams {
		if !token.ValidStream(s) {
			return nil, wrongValue("streams", strconv.Quote(s), " is no stream name: 1 to 128 of letters, digits, dot, underscore and hyphen")
		}
		if slices.Contains(r.Streams[:n], s) {
			return nil, wrongValue("streams", s, " is named twice")
		}
	}
	if !token.ValidText(r.Tag) {
		return nil, wrong("tag", "at most 128 characters, none of them a control character")
	}
	if !token.ValidText(r.User) {
		return nil, wrong("user", "at most 128 characters, none of them a control character")
	}
	g := &token.Grant{
		ID: token.NewID(16), Org: r.Org, Streams: r.Streams, OrgWide: r.OrgWide,
		Tag: r.Tag, Subject: r.User, Issuer: i.Issuer, Audience: i.Audience, KeyID: i.Key.ID, Key: i.Key,
	}
	if err := i.times(r, g); err != nil {
		return nil, err
	}
	for _, s := range r.IPs {
		rule, err := token.ParseAddressRule(s)
		if err != nil {
			return nil, wrongValue("ip", s, ": "+err.Error())
		}
		g.IPs = append(g.IPs, rule)
	}
	for _, s := range r.Referers {
		pattern, err := token.ParseHostPattern(s)
		if err != nil {
			return nil, wrongValue("referer", s, ": "+err.Error())
		}
		g.Referers = append(g.Referers, pattern)
	}
	return g, nil
}

func (i *Issuer) times(r Request, g *token.Grant) error {
	now := i.Now()
	most := i.Max
	if most <= 0 || most > token.MaxLifetime {
		most = token.MaxLifetime
	}
	expires := r.Expires
	if expires.IsZero() {
		lifetime := i.Lifetime
		if lifetime <= 0 {
			lifetime = token.DefaultLifetime
		}
		from := now
		if r.NotBefore.After(now) {
			from = r.NotBefore
		}
		expires = from.Add(min(lifetime, most))
	}
	switch {
	case !expires.After(now):
		return wrong("expires", "that is in the past; write when the token is to end")
	case !r.NotBefore.IsZero() && expires.Unix() <= r.NotBefore.Unix():
		return wrong("not_before", "that is not before the token expires")
	case expires.Sub(now) > most:
		return wrong("expires", "a token lives at most %s; the latest is %s", Days(most), now.Add(most).UTC().Format(time.RFC3339))
	}
	g.IssuedAt, g.Expires = max(now.Unix(), r.IssuedAfter+1), expires.Unix()
	if g.Expires <= g.IssuedAt {
		return wrong("expires", "a token lives at least a second")
	}
	if r.NotBefore.After(now) {
		g.NotBefore = r.NotBefore.Unix()
	}
	return nil
}
