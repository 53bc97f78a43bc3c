package gate

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/playgate/playgate/module/internal/headers"
	"github.com/playgate/playgate/module/internal/redact"
	"github.com/playgate/playgate/module/internal/target"
)

// strip takes tokens out of everything that is seen below the gate, and out of
// the original request that placeholders and error routes go back to.
func (x *exchange) strip() {
	r := x.r
	b := new(below)
	b.Context.Context = r.Context()
	b.original, b.hasOriginal = r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request)

	bare := url.URL{Scheme: r.URL.Scheme, Host: r.URL.Host, Path: "/"}
	path, query := x.path, x.query.WithoutTokens()
	if x.id != "" { // refused: no rule may say where tokens are
		path = string(redact.Text([]byte(path)))
		if redact.Found(query) {
			query = ""
		}
	}
	if x.canonical {
		bare.Path, bare.RawPath = target.Unescape(path)
		bare.RawQuery, bare.ForceQuery = query, r.URL.ForceQuery
	}
	if b.hasOriginal {
		x.stripOriginal(&b.original, bare)
	}
	*r.URL = bare
	r.RequestURI = bare.RequestURI()
	x.stripHeader()
	// In place: the server, and whoever holds this request, must not find the
	// token in it afterwards.
	*r = *r.WithContext(b)
	x.below = b
}

// cleanTrace takes tokens out of the path that a trace has of the request: its span began
// before the gate, and is written whatever the verdict.
func (in *incoming) cleanTrace() {
	clean := "/"
	if in.canonical {
		clean, _ = target.Unescape(in.path)
	}
	if clean = string(redact.Text([]byte(clean))); clean != in.r.URL.Path {
		trace.SpanFromContext(in.r.Context()).SetAttributes(attribute.String("url.path", clean))
	}
}

// stripOriginal takes tokens out of the original request. bare is the URL of this one
// without them: nothing that may stand above a gate changes it.
func (x *exchange) stripOriginal(original *http.Request, bare url.URL) {
	if original.URL == nil {
		original.URL = new(url.URL)
	}
	// Through the pointer, and as a fixed placeholder: a handler above may
	// have given us a copy of the request that the server holds.
	*original.URL = bare
	original.RequestURI = bare.RequestURI()
	if repl, ok := x.r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		repl.Set("http.request.orig_uri", original.RequestURI)
	}
}

// stripHeader takes tokens out of the header, and sets the query that the origin gets.
// The query and the credentials keep the token where the origin is to have it.
func (x *exchange) stripHeader() {
	r := x.r
	keep := x.good() && x.h.UpstreamToken == "keep"
	if x.target.Rule != nil {
		r.URL.RawQuery = x.target.Forward(x.query, keep)
	}
	if x.h.places.Header && !keep {
		// Other schemes, and what is no token, are the origin's business.
		headers.DropBearers(r.Header, redact.IsToken)
	}
	if name := x.h.places.Cookie; name != "" && !keep {
		headers.DropCookies(r.Header, name, redact.IsToken)
	}
	referers := r.Header["Referer"]
	if len(referers) == 0 {
		return
	}
	for i, referer := range referers {
		referers[i] = x.h.cleanReferer(referer)
	}
	if referers = slices.DeleteFunc(referers, func(s string) bool { return s == "" }); len(referers) == 0 {
		delete(r.Header, "Referer")
	} else {
		r.Header["Referer"] = referers
	}
}

// withoutTokens is a raw path and query without tokens. ok is false where they cannot
// be read in one way.
func (h *Handler) withoutTokens(rawPath, rawQuery string) (path, query string, ok bool) {
	path, _, err := h.rules.CutTokens(rawPath, redact.Segment)
	if err != nil {
		return "", "", false
	}
	q, err := h.places.ReadQuery(rawQuery)
	if err != nil {
		return "", "", false
	}
	if path, err = h.rules.ReadPath(path); err != nil {
		return "", "", false
	}
	return path, q.WithoutTokens(), true
}

// cleanReferer takes tokens out of the address of the page before. One that
// cannot be read, or has a token in another place, is reduced to its origin; it
// is "" when even that is not safe.
func (h *Handler) cleanReferer(referer string) string {
	scheme, rest, ok := strings.Cut(referer, "://")
	if !ok {
		return ifClean(referer, "")
	}
	at := strings.IndexAny(rest, "/?#")
	if at < 0 {
		return ifClean(referer, "")
	}
	origin, tail := scheme+"://"+rest[:at], rest[at:]
	tail, _, _ = strings.Cut(tail, "#") // browsers send no fragment
	path, rawQuery, hasQuery := strings.Cut(tail, "?")
	path, _, err := h.rules.CutTokens(path, redact.Segment)
	if err != nil {
		return ifClean(origin+"/", "")
	}
	cleaned := origin + path
	if hasQuery {
		query, err := h.places.ReadQuery(rawQuery)
		if err != nil {
			return ifClean(origin+"/", "")
		}
		if rest := query.WithoutTokens(); rest != "" {
			cleaned += "?" + rest
		}
	}
	return ifClean(cleaned, ifClean(origin+"/", ""))
}

// ifClean is a text, or, where some token is in it, what may stand for it.
func ifClean(text, otherwise string) string {
	if redact.Found(text) {
		return otherwise
	}
	return text
}
