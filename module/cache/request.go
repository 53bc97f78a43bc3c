package cache

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/playgate/playgate/module/app"
	"github.com/playgate/playgate/module/internal/handoff"
)

// unfit tells why a request has nothing to do with the cache, as a parameter of
// Cache-Status; "" for one that may be answered from it.
func unfit(r *http.Request, t *handoff.Target) string {
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		return "fwd=method"
	case t == nil:
		return "fwd=bypass; detail=no-gate"
	case t.Own, len(r.Header["Upgrade"]) > 0, r.ContentLength != 0:
		return "fwd=bypass"
	case len(r.Header["Authorization"]) > 0:
		return "fwd=bypass; detail=authorization"
	case len(r.Header["Cache-Control"]) > 0 && readDirectives(r.Header).noStore:
		return "fwd=request; detail=no-store"
	}
	return ""
}

// key is what the answer to a request is stored under.
func (h *Handler) key(r *http.Request, t *handoff.Target) key {
	k := key{handler: h.id, secure: t.Secure, host: strings.ToLower(t.Host), uri: t.URI, org: t.Org, stream: t.Stream}
	if !leadsTo(r.URL, t.URI) {
		k.below = r.URL.RequestURI()
	}
	return k
}

// keeps reports whether a field that the client has sent goes to the origin: those
// in which a trusted proxy says what the public origin is, and Origin where the
// origin says which pages may read its answers.
func keeps(name string, proxied, pages bool) bool {
	switch name {
	case "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host":
		return proxied
	case "Origin":
		return !pages
	}
	return false
}

// leadsTo reports whether a URL has a path and query, without making a text of it
// where that is simple.
func leadsTo(u *url.URL, uri string) bool {
	if u.RawPath != u.Path || u.Opaque != "" || u.ForceQuery {
		return u.RequestURI() == uri
	}
	path, ok := strings.CutPrefix(uri, u.Path)
	switch {
	case !ok:
		return false
	case path == "":
		return u.RawQuery == ""
	}
	return path[0] == '?' && u.RawQuery == path[1:] && u.RawQuery != ""
}

// ownFields are those request fields that are one client's own, whoever has set
// them. What is asked of the origin is the whole.
var ownFields = []string{
	"X-Playgate-Token-Id", "X-Playgate-Tag",
	"Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since",
}

// agent is what the cache is called where it asks for all.
const agent = "Playgate"

// request is what the origin is asked for everybody. It shares nothing with the
// request that it was made of, which may be over long before. Of the header it has
// what handlers of this site have set: what one client has sent must not decide
// what all others get.
func (f *fetch) request(r *http.Request, t *handoff.Target) *http.Request {
	ctx := r.Context()
	f.ctx, f.cancel = context.WithCancel(context.WithoutCancel(ctx))
	ask := r.Clone(f.ctx)
	ask.Method, ask.Body, ask.ContentLength = http.MethodGet, http.NoBody, 0
	f.dropOwn(ask.Header, app.TrustedProxy(r), t)
	f.setFields(ask.Header)
	return detached(ctx, ask)
}

// dropOwn removes what is one client's own from the header of a copied request, and
// keeps in mind what that was. proxied says that the request came over a trusted proxy.
func (f *fetch) dropOwn(h http.Header, proxied bool, t *handoff.Target) {
	for _, name := range ownFields {
		if len(h[name]) > 0 {
			f.removed = append(f.removed, name)
			delete(h, name)
		}
	}
	for _, sent := range t.Sent {
		values := h[sent.Name]
		if len(values) != 1 || values[0] != sent.Value || keeps(sent.Name, proxied, t.Pages) {
			continue
		}
		delete(h, sent.Name)
		switch sent.Name {
		case "Cache-Control", "Pragma": // between a client and its own caches
		case "Origin": // the gate answers for it
		default:
			f.removed = append(f.removed, sent.Name)
		}
	}
}

// setFields sets what the cache itself asks with.
func (f *fetch) setFields(h http.Header) {
	if len(h["User-Agent"]) == 0 {
		h["User-Agent"] = []string{agent}
	}
	h["Accept-Encoding"] = []string{f.as.String()}
	if f.stale == nil {
		return
	}
	if f.stale.etag != "" {
		h["If-None-Match"] = []string{f.stale.etag}
	}
	if !f.stale.modified.IsZero() {
		h["If-Modified-Since"] = []string{f.stale.modified.UTC().Format(http.TimeFormat)}
	}
}

// detached makes a copied request ready for the handlers below: with variables and a
// replacer of its own, since those of the request with context ctx go on to change.
func detached(ctx context.Context, ask *http.Request) *http.Request {
	repl := caddy.NewReplacer()
	server, _ := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	ask = caddyhttp.PrepareRequest(ask, repl, nil, server)
	with := ask.Context()
	if vars, ok := ctx.Value(caddyhttp.VarsCtxKey).(map[string]any); ok {
		with = context.WithValue(with, caddyhttp.VarsCtxKey, maps.Clone(vars))
	}
	if original, ok := ctx.Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok {
		with = context.WithValue(with, caddyhttp.OriginalRequestCtxKey, original)
	}
	*ask = *ask.WithContext(with)
	if above, ok := ctx.Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		// What handlers above have set. Of the request and its answer there is
		// nothing to look up in another request.
		repl.Map(func(name string) (any, bool) {
			if strings.HasPrefix(name, "http.request.") || strings.HasPrefix(name, "http.response.") || strings.HasPrefix(name, "http.vars.") {
				return nil, false
			}
			return above.Get(name)
		})
	}
	return ask
}
