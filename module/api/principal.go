package api

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/playgate/playgate/module/app"
	"github.com/playgate/playgate/module/internal/registry"
	"github.com/playgate/playgate/module/internal/verify"
)

// Principal is who asks.
type Principal struct {
	// Name is what the audit trail and records say, such as "apikey Xy12".
	Name string
	// Role is what may be done.
	Role registry.Role
	// Orgs are the organisations that it may be done to; nil means all.
	Orgs []string
	// Operator is whoever reaches Caddy's admin endpoint: an admin of all
	// organisations, whatever Role and Orgs are.
	Operator bool

	// expires is when the right ends; zero means never. Nobody hands on more.
	expires time.Time
}

// normal is the principal with what Operator means written out, and each
// organisation once.
func (p Principal) normal() Principal {
	if p.Orgs != nil {
		p.Orgs = slices.Compact(slices.Sorted(slices.Values(append([]string{""}, p.Orgs...))))[1:]
	}
	if p.Operator {
		p.Role, p.Orgs, p.expires = registry.Admin, nil, time.Time{}
	}
	return p
}

// errNoKey: a request without exactly one API key.
var errNoKey = errors.New("the request carries no API key; send it in the header Authorization, after the word Bearer")

// bintuHeader carries the API key of clients that were written for nanocosmos.
const bintuHeader = "X-Bintu-Apikey"

// keyAuth finds out who asks by the API key of the request.
type keyAuth struct {
	find     func() *app.App
	failures *verify.Limiter
}

func (k *keyAuth) who(r *http.Request) (Principal, error) {
	// A valid key counts, whatever others have sent from its address: to look one up costs
	// next to nothing.
	key, err := k.authenticate(r)
	if errors.Is(err, registry.ErrNoAPIKey) || errors.Is(err, errNoKey) {
		address := app.ClientAddress(r)
		if wait := k.failures.Wait(authFailures, address, time.Now()); wait > 0 {
			return Principal{}, tooMany(wait)
		}
		k.failures.Consume(authFailures, address, time.Now())
	}
	if err != nil {
		return Principal{}, err
	}
	p := Principal{Name: "apikey " + key.ID, Role: key.Role, expires: key.Expires}
	if len(key.Orgs) > 0 {
		p.Orgs = slices.Clone(key.Orgs)
	}
	return p, nil
}

func (k *keyAuth) authenticate(r *http.Request) (*registry.APIKey, error) {
	text, err := keyOf(r)
	if err != nil {
		return nil, err
	}
	a := k.find()
	if a == nil || a.Registry() == nil {
		return nil, app.ErrNoStore
	}
	return a.Registry().APIKeys.Authenticate(r.Context(), text)
}

// keyOf is the API key that a request carries, in exactly one place.
func keyOf(r *http.Request) (string, error) {
	lines := r.Header["Authorization"]
	if isSplay(r.URL.Path) {
		if bintu := r.Header[bintuHeader]; len(bintu) == 1 && len(lines) == 0 {
			return bintu[0], nil
		} else if len(bintu) > 0 {
			return "", errNoKey
		}
	}
	if len(lines) != 1 {
		return "", errNoKey
	}
	scheme, text, found := strings.Cut(lines[0], " ")
	if !found || !strings.EqualFold(scheme, "Bearer") {
		return "", errNoKey
	}
	return text, nil
}
