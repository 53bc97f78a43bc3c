package player

import (
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/playgate/playgate/module/app"
	"github.com/playgate/playgate/module/internal/directive"
	"github.com/playgate/playgate/module/token"
)

func init() { caddy.RegisterModule(new(Handler)) }

// DefaultPrefix is where the pages are when nobody says it.
const DefaultPrefix = "/play"

// Handler serves the page of each stream at <prefix>/{org}/{stream}, what the
// pages need below <prefix>/-/, and nothing else.
type Handler struct {
	// Prefix is the path before the organisation. Default: /play.
	Prefix string `json:"prefix,omitempty"`

	// FrameAncestors are the origins whose pages may embed the player, besides
	// its own. Default: none.
	FrameAncestors []string `json:"frame_ancestors,omitempty"`

	app     *app.App
	logger  *zap.Logger
	csp     string
	library *library
}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.playgate_player", New: func() caddy.Module { return new(Handler) }}
}

// UnmarshalJSON reads the configuration. Nothing in it may be empty.
func (h *Handler) UnmarshalJSON(data []byte) error {
	type plain Handler
	return directive.UnmarshalJSON(data, (*plain)(h))
}

// Provision finds the app.
func (h *Handler) Provision(ctx caddy.Context) error {
	h.logger = ctx.Logger()
	found, err := ctx.App(app.ID)
	if err != nil {
		return err
	}
	h.app = found.(*app.App)
	if h.Prefix == "" {
		h.Prefix = DefaultPrefix
	}
	if err := directive.CheckPrefix("playgate_player", h.Prefix); err != nil {
		return err
	}
	for _, origin := range h.FrameAncestors {
		if err := checkOrigin(origin); err != nil {
			return err
		}
	}
	if len(h.app.StreamURL) == 0 {
		h.logger.Warn("no stream_url is set, so that the player pages do not know what to play; write one into the global playgate block, such as stream_url https://live.example.com/live/{org}/{stream}/index.m3u8")
	}
	h.csp = policy(h.FrameAncestors)
	h.library = acquireLibrary(filepath.Join(caddy.AppDataDir(), "playgate"))
	return nil
}

// Cleanup releases the library.
func (h *Handler) Cleanup() error {
	if h.library == nil {
		return nil
	}
	return h.library.release()
}

// policy keeps the page to its own origin. blob: is how a MediaSource reaches
// the video element.
func policy(frameAncestors []string) string {
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; media-src 'self' blob:; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors " + strings.Join(append([]string{"'self'"}, frameAncestors...), " ")
}

// ServeHTTP answers below the prefix.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	path, ours := strings.CutPrefix(r.URL.EscapedPath(), h.Prefix+"/")
	if !ours {
		return next.ServeHTTP(w, r)
	}
	header := w.Header()
	header.Set("Content-Security-Policy", h.csp)
	header.Set("X-Content-Type-Options", "nosniff")
	// The gate compares the page's origin with a token's referer rule, so the
	// origin has to be sent; the token in the page's own URL must not be.
	header.Set("Referrer-Policy", "strict-origin")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "A player page is asked for with GET.", http.StatusMethodNotAllowed)
		return nil
	}
	if name, asset := strings.CutPrefix(path, "-/"); asset {
		h.serveAsset(w, r, name)
		return nil
	}
	org, stream, _ := strings.Cut(path, "/")
	if !token.ValidOrg(org) || !token.ValidStream(stream) {
		http.Error(w, "There is no player page here. Its address is "+h.Prefix+"/ORGANISATION/STREAM.", http.StatusNotFound)
		return nil
	}
	return h.servePage(w, r, org, stream, time.Now())
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
