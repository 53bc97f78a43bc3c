// Package gate is the handler that stands in front of a media server and lets
// a request through only with a playback token.
package gate

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/playgate/playgate/module/app"
	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/directive"
	"github.com/playgate/playgate/module/internal/headers"
	"github.com/playgate/playgate/module/internal/places"
	"github.com/playgate/playgate/module/internal/target"
	"github.com/playgate/playgate/module/internal/verify"
	"github.com/playgate/playgate/module/internal/weborigin"
)

func init() { caddy.RegisterModule(new(Handler)) }

// Handler is a gate: it judges each request by its token and passes on only
// what is allowed.
type Handler struct {
	// Streams map paths to streams. The first whose path matches decides; a
	// path that none maps is refused. At least one is needed.
	Streams []Stream `json:"streams,omitempty"`

	// DefaultOrg is the organisation of rules that name none.
	DefaultOrg string `json:"default_org,omitempty"`

	// Open lists patterns of paths that need no token (GET and HEAD only).
	Open []string `json:"open,omitempty"`

	// Keys narrows the keys for this site, to none that organisations added. Default: all.
	Keys []string `json:"keys,omitempty"`

	// Tokens says where a token may be.
	Tokens Tokens `json:"tokens,omitzero"`

	// Propagate says how the token gets from the first URL to the next ones:
	// "session" writes a session token in front of the references of the first
	// manifest, from which all others inherit it, "query" writes the token itself
	// into the query of each reference, "path" redirects to a URL with the token in
	// its path, "cookie" sets a cookie, "off" does nothing. Default: session where
	// the app has a store or a session key, else query.
	Propagate string `json:"propagate,omitempty"`

	// SessionForm, if "query", has session tokens written into the query of each
	// reference, as with Propagate "query". Default: a segment in front of them.
	SessionForm string `json:"session_form,omitempty"`

	// Sites are further origins, as https://cdn.example.com, whose URIs get
	// the token. Never list a site that is not yours.
	Sites []string `json:"sites,omitempty"`

	// RefererMissing says what becomes of a token with a referer rule when the
	// request has neither Origin nor Referer: "deny", "allow", or "first", with
	// which it passes only with a session token whose session began on a page
	// that matched. Default: deny. Anybody can leave the headers out, so allow
	// stops only browsers.
	RefererMissing string `json:"referer_missing,omitempty"`

	// CORS lists the web origins whose scripts may read answers: ["*"] for
	// all, ["off"] to leave the headers to others. Default: all.
	CORS []string `json:"cors,omitempty"`

	// Errors is "terse" or "verbose". Terse tells every 403 as forbidden; the
	// access log always has the true reason. Default: terse.
	Errors string `json:"errors,omitempty"`

	// ErrorsPass hands refusals to the site's error routes instead of writing
	// them. Those routes must never reach an origin. Default: false.
	ErrorsPass bool `json:"errors_pass,omitempty"`

	// Identity sets X-Playgate-Org, -Stream, -Token-Id and -Tag for what
	// stands below the gate. Default: true.
	Identity *bool `json:"identity,omitempty"`

	// UpstreamToken says what the origin sees of the token: "drop" (nothing),
	// "keep" (where it was; one from the path goes into the query) or "bearer"
	// (in the Authorization header). Default: drop.
	UpstreamToken string `json:"upstream_token,omitempty"`

	// DownstreamCache is "private" or "keep". Private forbids shared caches in
	// front of the gate to store protected media, and ends its freshness with
	// the token; keep is for a cache that checks tokens itself. Default: private.
	DownstreamCache string `json:"downstream_cache,omitempty"`

	// Cut ends what is still running when its token expires, is revoked or loses
	// its key, and when its stream stops being public. Without it tokens are
	// checked at the start only. Default: true.
	Cut *bool `json:"cut,omitempty"`

	// SocketMessages is "allow" or "deny". Deny closes a WebSocket whose client
	// sends anything but control frames, whatever Cut and ReportOnly say: a player
	// that can ask for another stream over an open socket would pass the gate by.
	// Default: allow.
	SocketMessages string `json:"socket_messages,omitempty"`

	// ReportOnly lets requests through that their token would not open, and
	// counts and logs why. What can be read in two ways and what no rule maps
	// is refused all the same. Default: false.
	ReportOnly bool `json:"report_only,omitempty"`

	app    *app.App
	narrow atomic.Pointer[narrowed]
	warned atomic.Int64 // the minute of the last warning about an MPD that cannot be read
	rules  target.Rules
	sites  []weborigin.Origin
	places places.Places
	cors   cors
	policy access.Policy
	now    func() time.Time
	logger *zap.Logger
	needsQ bool // a rule reads the query

	caching   headers.CachingLimit
	accessLog bool // there may be one
}

// Stream maps a path, or a path and a query value, to a stream.
type Stream struct {
	// Path is a template of literals, {org}, {stream} and {id}, with * as the
	// whole last segment: /live/{org}/{stream}/*.
	Path string `json:"path"`

	// QueryKey names the query value that holds the stream's name, and
	// QueryName is that value's template. Default: {stream}.
	QueryKey  string `json:"query_key,omitempty"`
	QueryName string `json:"query_name,omitempty"`

	// Pins are query values that the origin always gets. A request with
	// another one is refused.
	Pins []target.Pin `json:"pins,omitempty"`

	// Methods is "whep" where WebRTC is signalled over HTTP: POST, PATCH, DELETE
	// and OPTIONS pass too. Default: GET and HEAD alone.
	Methods string `json:"methods,omitempty"`

	// Manifests are patterns of manifests that end neither in .m3u8 nor in .mpd,
	// in any case.
	Manifests []string `json:"manifests,omitempty"`
}

// Tokens says where a token may be.
type Tokens struct {
	// Query lists the query names; ["off"] for none. Default: token, jwtoken.
	Query []string `json:"query,omitempty"`
	// Path allows segments ~TOKEN below a rule's literal start.
	// Default: true.
	Path *bool `json:"path,omitempty"`
	// Header allows Authorization: Bearer. Default: true.
	Header *bool `json:"header,omitempty"`
	// Cookie is the name of the cookie; "off" for none. A cookie counts only
	// when no other place has a token. Default: playgate_token.
	Cookie string `json:"cookie,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.playgate", New: func() caddy.Module { return new(Handler) }}
}

// UnmarshalJSON reads the configuration. Nothing in it may be empty but the value of
// a pin.
func (h *Handler) UnmarshalJSON(data []byte) error {
	type plain Handler
	return directive.UnmarshalJSON(data, (*plain)(h), "value")
}

// narrowed is the trust in the keys of this site, and what it was made of.
type narrowed struct{ from, trust *verify.Trust }

// trust is what this gate verifies tokens with now.
func (h *Handler) trust() *verify.Trust {
	t := h.app.Trust()
	if h.Keys == nil {
		return t
	}
	n := h.narrow.Load()
	if n == nil || n.from != t {
		n = &narrowed{t, t.Subset(h.Keys)}
		h.narrow.Store(n)
	}
	return n.trust
}

// Ways of propagation.
const (
	byQuery   = "query"
	bySession = "session"
	byPath    = "path"
	byCookie  = "cookie"
	byNothing = "off"
)

// ServeHTTP judges the request. What is refused is answered here; the next
// handler sees only what is allowed.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	x := exchange{incoming: incoming{h: h, r: r}, w: w}
	return x.serve(next)
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
