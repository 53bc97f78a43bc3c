package gate

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/playgate/playgate/module/app"
	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/loadcheck"
	"github.com/playgate/playgate/module/internal/places"
	"github.com/playgate/playgate/module/internal/redact"
	"github.com/playgate/playgate/module/internal/target"
	"github.com/playgate/playgate/module/internal/weborigin"
	"github.com/playgate/playgate/module/token"
)

// Provision compiles the configuration. Everything unknown is an error.
func (h *Handler) Provision(ctx caddy.Context) error {
	h.logger = ctx.Logger()
	h.now = time.Now
	a, err := ctx.App(app.ID)
	if err != nil {
		return err
	}
	h.app = a.(*app.App)
	if err := h.provisionKeys(); err != nil {
		return err
	}
	if err := h.provisionRules(); err != nil {
		return err
	}
	t := h.Tokens
	if h.places, err = places.New(t.Query, t.Path == nil || *t.Path, t.Header == nil || *t.Header, t.Cookie); err != nil {
		return err
	}
	if err := h.provisionWords(); err != nil {
		return err
	}
	if err := h.checkNames(); err != nil {
		return err
	}
	for _, s := range h.Sites {
		site, err := weborigin.Parse(s)
		if err != nil {
			return fmt.Errorf("site %s: %w", s, err)
		}
		h.sites = append(h.sites, site)
	}
	if h.cors, err = newCORS(h.CORS, h.Propagate == byCookie); err != nil {
		return err
	}
	h.cors.whep = slices.ContainsFunc(h.rules.Rules, func(r *target.Rule) bool { return r.WHEP })
	h.policy = access.Policy{Terms: h.app.Terms(), MissingPage: missingPages[h.RefererMissing]}
	if err := h.provisionSessions(); err != nil {
		return err
	}
	h.provisionCuts(ctx)
	redact.AddNames(h.places.Query...)
	h.warnOfProxies(ctx)
	server := loadcheck.Server(ctx)
	h.app.Gates.Add(server)
	h.accessLog = server == nil || server.Logs != nil
	return loadcheck.Gate(ctx, h.ErrorsPass)
}

func (h *Handler) provisionKeys() error {
	if !h.app.StaticKeys() {
		return nil // keys may still come
	}
	if len(h.app.Keyring().Keys()) == 0 {
		return errors.New("there is no key to check tokens with; write a key block into the global playgate block (playgate key new makes one), or a jwks block")
	}
	if len(h.Keys) > 0 {
		if _, err := h.app.Keyring().Narrow(h.Keys...); err != nil {
			return fmt.Errorf("keys: %w", err)
		}
	}
	return nil
}

var missingPages = map[string]access.MissingPage{
	"deny":  access.DenyMissingPage,
	"allow": access.AllowMissingPage,
	"first": access.FirstPageCounts,
}

func (h *Handler) provisionSessions() error {
	if h.Propagate != bySession && h.SessionForm == "query" {
		return errors.New("session_form query needs propagate session")
	}
	if h.Propagate == bySession && !h.app.Sessions() {
		return errors.New("propagate session needs a key that all edges share; write session_key {env.NAME} into the global playgate block")
	}
	if h.RefererMissing == "first" && h.Propagate != bySession {
		return errors.New("referer_missing first needs propagate session: only a session token knows on which page its session began")
	}
	if h.Propagate == bySession && len(h.places.Query) == 0 && (!h.places.Path || h.SessionForm == byQuery) {
		return errors.New("propagate session has no query name to write the session token under; name one with tokens { query <name> }, or let it be in the path with tokens { path on } and without query behind session")
	}
	if h.Propagate == byCookie && h.places.Cookie == "" {
		return errors.New("propagate cookie needs the name of a cookie; remove tokens { cookie off }")
	}
	if h.Propagate == byPath && !h.places.Path {
		return errors.New("propagate path needs tokens in the path; remove tokens { path off }")
	}
	return nil
}

func (h *Handler) provisionRules() error {
	h.rules.DefaultOrg = h.DefaultOrg
	if h.DefaultOrg != "" && !token.ValidOrg(h.DefaultOrg) {
		return fmt.Errorf("default_org %s: an organisation hash is 1 to 64 of letters, digits and underscore", h.DefaultOrg)
	}
	for _, s := range h.Streams {
		rule, err := target.ParseRule(s.Path, s.QueryKey, s.QueryName)
		if err != nil {
			return err
		}
		for _, pin := range s.Pins {
			if err := checkPin(pin, s.QueryKey, rule.Pins); err != nil {
				return fmt.Errorf("stream %s: %w", s.Path, err)
			}
			rule.Pins = append(rule.Pins, pin)
		}
		switch s.Methods {
		case "":
		case methodsWHEP:
			rule.WHEP = true
		default:
			return fmt.Errorf("stream %s: methods %s: write whep, or leave it out", s.Path, s.Methods)
		}
		if rule.Manifests, err = parsePatterns(s.Manifests); err != nil {
			return fmt.Errorf("stream %s: manifest: %w", s.Path, err)
		}
		h.rules.Rules = append(h.rules.Rules, rule)
		h.needsQ = h.needsQ || s.QueryKey != ""
	}
	var err error
	if h.rules.Open, err = parsePatterns(h.Open); err != nil {
		return fmt.Errorf("open: %w", err)
	}
	return h.rules.Validate()
}

func checkPin(pin target.Pin, queryKey string, others []target.Pin) error {
	switch {
	case pin.Name == "":
		return errors.New("pin needs a query key and a value")
	case pin.Name == queryKey:
		return fmt.Errorf("pin %s: this query value says which stream is meant; it cannot be pinned", pin.Name)
	case slices.ContainsFunc(others, func(p target.Pin) bool { return p.Name == pin.Name }):
		return fmt.Errorf("pin %s stands twice", pin.Name)
	case hasBrace(pin.Value) || hasBrace(pin.Name):
		return fmt.Errorf("pin %s: braces cannot be used here; a pin is a fixed value, and Caddy expands its own placeholders before Playgate sees the line", pin.Name)
	}
	return nil
}

func hasBrace(s string) bool { return strings.ContainsAny(s, "{}") }

func parsePatterns(texts []string) ([]target.Pattern, error) {
	var list []target.Pattern
	for _, text := range texts {
		p, err := target.ParsePattern(text)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

// provisionWords checks the options that are one of a few words, and fills in
// the defaults.
func (h *Handler) provisionWords() error {
	ways := []string{byQuery, bySession, byPath, byCookie, byNothing}
	if h.app.Sessions() && (len(h.places.Query) > 0 || h.places.Path) {
		ways[0], ways[1] = ways[1], ways[0] // playlists stay as they are below the first
	}
	for _, o := range []struct {
		name  string
		value *string
		words []string // the first is the default
	}{
		{"propagate", &h.Propagate, ways},
		{"session_form", &h.SessionForm, []string{"path", "query"}},
		{"referer_missing", &h.RefererMissing, []string{"deny", "allow", "first"}},
		{"errors", &h.Errors, []string{"terse", "verbose"}},
		{"upstream_token", &h.UpstreamToken, []string{"drop", "keep", "bearer"}},
		{"downstream_cache", &h.DownstreamCache, []string{"private", "keep"}},
		{"socket_messages", &h.SocketMessages, []string{"allow", "deny"}},
	} {
		if *o.value == "" {
			*o.value = o.words[0]
		}
		if !slices.Contains(o.words, *o.value) {
			return fmt.Errorf("%s %s: this version knows %v", o.name, *o.value, o.words)
		}
	}
	return nil
}

// checkNames finds query names that mean two things.
func (h *Handler) checkNames() error {
	for _, name := range h.places.Query {
		for _, r := range h.rules.Rules {
			if r.QueryKey == name || slices.ContainsFunc(r.Pins, func(p target.Pin) bool { return p.Name == name }) {
				return fmt.Errorf("stream %s: the query name %s is where the token is; use another one, or change it with tokens { query <name>... }", r.Path.String(), name)
			}
		}
	}
	if h.Propagate == byQuery && len(h.places.Query) == 0 {
		return errors.New("propagate query has no query name to write the token under; name one with tokens { query <name> }, or write propagate off")
	}
	return nil
}
