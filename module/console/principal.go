package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2"

	"github.com/playgate/playgate/module/api"
	"github.com/playgate/playgate/module/internal/registry"
	"github.com/playgate/playgate/module/token"
)

// Grant says what a user may do, and for whom.
type Grant struct {
	// User is the name as authentication tells it.
	User string `json:"user"`
	// Role is read, operate (tokens too) or admin (streams too).
	Role string `json:"role"`
	// Orgs are organisation hashes, or * alone for all.
	Orgs []string `json:"orgs"`
}

var roles = map[string]registry.Role{"read": registry.Read, "operate": registry.Issue, "admin": registry.Admin}

func (g *Grant) check() error {
	if !validUser(g.User) {
		return errors.New("grant: a user is 1 to 128 characters, none of them a control character")
	}
	if roles[g.Role] == "" {
		return fmt.Errorf("grant %s %s: the role is read, operate or admin", g.User, g.Role)
	}
	if len(g.Orgs) == 1 && g.Orgs[0] == "*" {
		return nil
	}
	if len(g.Orgs) == 0 {
		return fmt.Errorf("grant %s: name organisations, or write * for all", g.User)
	}
	for _, org := range g.Orgs {
		if !token.ValidOrg(org) {
			return fmt.Errorf("grant %s: %q is no organisation hash; write * alone for all", g.User, org)
		}
	}
	return nil
}

func validUser(name string) bool { return name != "" && token.ValidText(name) }

// principal is who has signed in, as far as a grant says.
func (h *Handler) principal(r *http.Request) (api.Principal, error) {
	repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return api.Principal{}, errors.New("the request has no placeholders")
	}
	user := repl.ReplaceAll(h.User, "")
	if !validUser(user) {
		return api.Principal{}, &refusal{http.StatusUnauthorized, "The console needs to know who you are. Put one of Caddy's authentications in front of it, such as basic_auth."}
	}
	for _, g := range h.Grants {
		if g.User != user {
			continue
		}
		p := api.Principal{Name: "console " + user, Role: roles[g.Role]}
		if !slices.Equal(g.Orgs, []string{"*"}) {
			p.Orgs = slices.Clone(g.Orgs)
		}
		return p, nil
	}
	return api.Principal{}, &refusal{http.StatusForbidden, "You are signed in, and no grant lets you use this console. Ask whoever runs it."}
}

type principalKey struct{}

func withPrincipal(ctx context.Context, p api.Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// errStranger cannot happen: the console asks nobody without a principal.
var errStranger = errors.New("a request without a principal")

// principalOf is who has signed in, as a page learns it from its request.
func principalOf(r *http.Request) (api.Principal, error) {
	p, ok := r.Context().Value(principalKey{}).(api.Principal)
	if !ok {
		return api.Principal{}, errStranger
	}
	return p, nil
}
