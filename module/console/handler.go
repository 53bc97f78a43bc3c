package console

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/playgate/playgate/module/api"
	"github.com/playgate/playgate/module/app"
	"github.com/playgate/playgate/module/internal/directive"
)

func init() { caddy.RegisterModule(new(Handler)) }

// Defaults.
const (
	DefaultPrefix = "/console"
	DefaultUser   = "{http.auth.user.id}"
)

// Handler serves the console below its prefix, and nothing else.
type Handler struct {
	// Prefix is the path before the pages. Default: /console.
	Prefix string `json:"prefix,omitempty"`

	// User is a placeholder for the name of who has signed in. Default:
	// {http.auth.user.id}, which Caddy's own authentication sets.
	User string `json:"user,omitempty"`

	// Grants say who may do what. Who has none is let in nowhere.
	Grants []Grant `json:"grants,omitempty"`

	// Hosts are the names of the site. A request by another name is refused, so
	// that no page can reach the console under a name of its own (DNS rebinding).
	Hosts []string `json:"hosts,omitempty"`

	// Ingest are URL templates of where to publish, for operators. Default: none.
	Ingest []string `json:"ingest,omitempty"`

	app    *app.App
	api    *api.Local
	mux    *http.ServeMux
	fresh  *once // new secrets on their way to their page
	logger *zap.Logger
}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.playgate_console", New: func() caddy.Module { return new(Handler) }}
}

// UnmarshalJSON reads the configuration. Nothing in it may be empty.
func (h *Handler) UnmarshalJSON(data []byte) error {
	type plain Handler
	return directive.UnmarshalJSON(data, (*plain)(h))
}

// Provision finds the app. What cannot be used is an error.
func (h *Handler) Provision(ctx caddy.Context) error {
	h.logger = ctx.Logger()
	found, err := ctx.App(app.ID)
	if err != nil {
		return err
	}
	h.app = found.(*app.App)
	if h.app.Registry() == nil {
		return errors.New("playgate_console needs a store: write store embedded into the global playgate block instead of store off, or take playgate_console out")
	}
	h.setDefaults()
	if err := h.check(); err != nil {
		return err
	}
	h.api = api.NewLocal(func() *app.App { return h.app })
	if h.fresh, err = acquireFresh(); err != nil {
		return err
	}
	h.routes()
	return nil
}

// Cleanup gives up what the process keeps for all consoles.
func (h *Handler) Cleanup() error {
	if h.fresh == nil {
		return nil
	}
	return releaseFresh()
}

func (h *Handler) setDefaults() {
	if h.Prefix == "" {
		h.Prefix = DefaultPrefix
	}
	if h.User == "" {
		h.User = DefaultUser
	}
}

func (h *Handler) check() error {
	if err := directive.CheckPrefix("playgate_console", h.Prefix); err != nil {
		return err
	}
	if !strings.HasPrefix(h.User, "{") || !strings.HasSuffix(h.User, "}") {
		return fmt.Errorf("user %s: write a placeholder, like {http.auth.user.id}; a plain name would make everybody that user", h.User)
	}
	if len(h.Hosts) == 0 {
		return errors.New("playgate_console needs its site's own names: write host console.example.com into its block")
	}
	for _, host := range h.Hosts {
		if host == "" || strings.ContainsAny(host, "/:*{} ") && !strings.HasPrefix(host, "[") {
			return fmt.Errorf("host %s: write a name without scheme and port, like console.example.com", host)
		}
	}
	if len(h.Grants) == 0 {
		return errors.New("nobody may use the console: write grant USER read|operate|admin ORG...|* into the block of playgate_console")
	}
	known := map[string]bool{}
	for _, g := range h.Grants {
		if err := g.check(); err != nil {
			return err
		}
		if known[g.User] {
			return fmt.Errorf("grant %s stands twice; a user has one role", g.User)
		}
		known[g.User] = true
	}
	for _, template := range h.Ingest {
		if err := checkIngest(template); err != nil {
			return err
		}
	}
	return nil
}

// policy lets nothing in from elsewhere, and nobody frame the console.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// ServeHTTP answers below the prefix.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	path := r.URL.EscapedPath()
	if path != h.Prefix && !strings.HasPrefix(path, h.Prefix+"/") {
		return next.ServeHTTP(w, r)
	}
	header := w.Header()
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "same-origin")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cache-Control", "no-store")
	p, err := h.admit(r)
	if err != nil {
		var refused *refusal
		if !errors.As(err, &refused) {
			return err
		}
		http.Error(w, refused.text, refused.status)
		return nil
	}
	inner := r.Clone(withPrincipal(r.Context(), p))
	inner.URL.Path, inner.URL.RawPath = strings.TrimPrefix(r.URL.Path, h.Prefix), ""
	switch {
	case inner.URL.Path == "":
		http.Redirect(w, r, h.Prefix+"/", http.StatusPermanentRedirect)
		return nil
	case strings.Contains(inner.URL.Path, "//"), strings.Contains(inner.URL.Path, "/."):
		inner.URL.Path = "/nothing" // the mux would lead to another path, without the prefix
	}
	h.mux.ServeHTTP(w, inner)
	return nil
}

// routes are the pages.
func (h *Handler) routes() {
	h.mux = http.NewServeMux()
	h.page("GET /{$}", listStreams)
	h.page("POST /streams", createStream)
	h.page("GET /streams/{org}/{stream}", showStream)
	h.page("GET /streams/{org}/{stream}/settings", showSettings)
	h.page("POST /streams/{org}/{stream}/settings", changeStream)
	h.page("POST /streams/{org}/{stream}/delete", deleteStream)
	h.page("GET /keys", listKeys)
	h.page("POST /keys", addKey)
	h.page("POST /keys/rotate", rotateKeys)
	h.page("POST /keys/{id}/retire", retireKey)
	h.page("POST /apikeys", createAPIKey)
	h.page("GET /apikeys/made/{id}", showAPIKey)
	h.page("POST /apikeys/{id}/end", endAPIKey)
	h.page("GET /orgs", listOrgs)
	h.page("POST /orgs", createOrg)
	h.page("POST /orgs/{org}/secure", switchOrg)
	h.page("POST /orgs/{org}/break", breakGlass)
	h.page("POST /orgs/{org}/mend", mendGlass)
	h.page("GET /revocations", listRevocations)
	h.page("POST /revocations", revokeMany)
	h.page("POST /revocations/{org}/{id}/undo", undoRevocation)
	h.page("GET /audit", listAudit)
	h.page("GET /tokens", listTokens)
	h.page("GET /tokens/new", newToken)
	h.page("POST /tokens", createToken)
	h.page("POST /tokens/check", checkToken)
	h.page("POST /tokens/revoke", revokeChosen)
	h.page("GET /tokens/made/{id}", showMade)
	h.page("GET /tokens/{org}/{id}", showToken)
	h.page("POST /tokens/{org}/{id}/revoke", revokeToken)
	h.page("POST /tokens/{org}/{id}/unrevoke", unrevokeToken)
	h.page("POST /tokens/{org}/{id}/replace", replaceToken)
	h.page("GET /explain", askExplain)
	h.page("POST /explain", explain)
	h.mux.HandleFunc("GET /-/{version}/{name}", serveAsset)
	h.page("/", func(*pageRequest) error { return api.Refuse(http.StatusNotFound, "There is no page here.") })
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
