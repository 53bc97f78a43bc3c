package gate

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/playgate/playgate/module/app"
	"github.com/playgate/playgate/module/internal/handoff"
	"github.com/playgate/playgate/module/internal/headers"
	"github.com/playgate/playgate/module/internal/redact"
	"github.com/playgate/playgate/module/internal/target"
)

// dropForged removes the headers by which a client could speak in our name, or
// make an origin see another request than the one that was judged. It is done
// whatever the outcome.
func dropForged(r *http.Request) {
	for name := range r.Header {
		if forged(name) {
			delete(r.Header, name)
		}
	}
	// Trailers arrive after the verdict, and media is played without a body.
	r.Trailer = nil
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodDelete, http.MethodOptions:
		r.Body, r.ContentLength, r.TransferEncoding = http.NoBody, 0, nil
		delete(r.Header, "Content-Length")
		delete(r.Header, "Trailer")
	}
}

func forged(name string) bool {
	if len(name) == 0 || name[0] != 'X' && name[0] != 'x' {
		return false
	}
	name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
	switch name {
	case "x-original-url", "x-rewrite-url", "x-sendfile",
		"x-forwarded-uri", "x-forwarded-path", "x-forwarded-prefix", "x-forwarded-method",
		"x-http-method", "x-http-method-override", "x-method-override":
		return true
	}
	return strings.HasPrefix(name, "x-playgate-") || strings.HasPrefix(name, "x-accel-")
}

// prepare makes the request what the origin may see: without the token
// anywhere, with who it was verified for. It changes the request in place, so
// that placeholders and error routes see the same.
func (x *exchange) prepare() {
	headers.DropHopByHop(x.r.Header)
	x.strip()
	x.tellTarget()
	if x.target.Open {
		return
	}
	if on := x.h.Identity; on == nil || *on {
		x.identify()
	}
	if x.verified {
		switch x.h.UpstreamToken {
		case "bearer":
			x.r.Header.Set("Authorization", "Bearer "+x.token.text)
		case "keep":
			if x.token.path && x.token.name == "" && len(x.h.places.query) > 0 {
				if x.r.URL.RawQuery != "" {
					x.r.URL.RawQuery += "&"
				}
				x.r.URL.RawQuery += x.h.places.query[0] + "=" + x.token.text
			}
		}
	}
}

// identify tells the origin who plays what. A public stream has no token.
func (x *exchange) identify() {
	if !x.public && !x.verified {
		return
	}
	h := x.r.Header
	h["X-Playgate-Org"] = x.line(x.target.Org)
	h["X-Playgate-Stream"] = x.line(x.target.Stream)
	if !x.public {
		// Of a session, this is the session's id: the token's own is not in it.
		h["X-Playgate-Token-Id"] = x.line(x.grant.ID)
		if x.grant.Tag != "" {
			h["X-Playgate-Tag"] = x.line(headers.Text(x.grant.Tag))
		}
	}
}

// strip takes tokens out of everything that is seen below the gate, and out of
// the original request that placeholders and error routes go back to.
func (x *exchange) strip() {
	r := x.r
	b := new(below)
	if x.way == nil { // it has not been below yet
		x.way = new(way)
		b = &x.way.below
	}
	b.Context = r.Context()
	b.original, b.hasOriginal = b.Context.Value(caddyhttp.OriginalRequestCtxKey).(http.Request)
	original := &b.original
	same := b.hasOriginal && original.URL != nil && original.URL.RawQuery == r.URL.RawQuery && original.URL.Path == r.URL.Path && original.URL.RawPath == r.URL.RawPath

	bare := url.URL{Scheme: r.URL.Scheme, Host: r.URL.Host, Path: "/"}
	if x.canonical {
		bare.Path, bare.RawPath = unescapePath(x.path)
		bare.RawQuery, bare.ForceQuery = x.query.WithoutTokens(), r.URL.ForceQuery
	}
	uri := requestURI(&bare)
	if b.hasOriginal {
		clean := bare
		original.RequestURI = uri
		if !same && original.URL != nil {
			clean = x.h.cleanURL(original.URL)
			original.RequestURI = requestURI(&clean)
		}
		if original.URL == nil {
			original.URL = new(url.URL)
		}
		// Through the pointer, and as a fixed placeholder: a handler above may
		// have given us a copy of the request that the server holds.
		*original.URL = clean
		if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
			repl.Set("http.request.orig_uri", original.RequestURI)
		}
	}
	*r.URL = bare
	r.RequestURI = uri
	keep := x.verified && x.h.UpstreamToken == "keep"
	if x.target.Rule != nil {
		r.URL.RawQuery = x.target.Forward(x.query, keep)
	}
	if x.h.places.header && !keep {
		// Other schemes, and what is no token, are the origin's business.
		headers.DropBearers(r.Header, redact.IsToken)
	}
	if name := x.h.places.cookie; name != "" && !keep {
		headers.DropCookies(r.Header, name, redact.IsToken)
	}
	if referers := r.Header["Referer"]; len(referers) > 0 {
		for i, referer := range referers {
			referers[i] = x.h.places.cleanReferer(referer, &x.h.rules)
		}
		if referers = slices.DeleteFunc(referers, func(s string) bool { return s == "" }); len(referers) == 0 {
			delete(r.Header, "Referer")
		} else {
			r.Header["Referer"] = referers
		}
	}
	// In place: the server, and whoever holds this request, must not find the
	// token in it afterwards.
	*r = *r.WithContext(b)
}

// tellTarget lets the handlers below the gate know what was admitted.
func (x *exchange) tellTarget() {
	b := &x.way.below
	b.target = handoff.Target{
		Org: x.target.Org, Stream: x.target.Stream, URI: x.r.RequestURI,
		Own:   x.target.Kind == target.Socket || x.target.Kind == target.WHEP || x.h.UpstreamToken != "drop",
		Pages: !x.h.cors.off,
	}
	b.admitted = &b.target
	if handoff.Caching.Load() == 0 {
		return
	}
	scheme, host := publicOrigin(x.r)
	b.target.Secure, b.target.Host = scheme == "https", host
	b.target.Sent = make([]handoff.Field, 0, len(x.r.Header))
	for name, values := range x.r.Header {
		if len(values) > 0 {
			b.target.Sent = append(b.target.Sent, handoff.Field{Name: name, Value: values[0]})
		}
	}
}

// requestURI is [url.URL.RequestURI], without a look at each byte of a plain
// path.
func requestURI(u *url.URL) string {
	switch {
	case u.RawPath != u.Path || !plainPath(u.Path):
		return u.RequestURI()
	case u.RawQuery != "" || u.ForceQuery:
		return u.Path + "?" + u.RawQuery
	}
	return u.Path
}

// plainPath reports whether a path begins with a slash and is the same escaped and
// unescaped.
func plainPath(path string) bool {
	if len(path) == 0 || path[0] != '/' {
		return false
	}
	for i := range len(path) {
		if !plainByte[path[i]] {
			return false
		}
	}
	return true
}

var plainByte = func() (set [256]bool) {
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~/" {
		set[c] = true
	}
	return set
}()

// cleanURL is a URL without tokens. What cannot be read in one way is reduced
// to its root.
func (h *Handler) cleanURL(u *url.URL) url.URL {
	clean := url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/"}
	path, _ := h.rules.CutToken(rawPath(u), redact.IsToken)
	query, err := h.places.readQuery(u.RawQuery)
	if err != nil || target.CheckPath(path) != nil {
		return clean
	}
	clean.Path, clean.RawPath = unescapePath(path)
	clean.RawQuery = query.WithoutTokens()
	return clean
}

// unescapePath sets Path and RawPath so that the raw spelling is what goes out.
func unescapePath(raw string) (path, rawPath string) {
	path, err := url.PathUnescape(raw)
	if err != nil {
		return "/", ""
	}
	return path, raw
}

// cleanReferer takes tokens out of the address of the page before. One that
// cannot be read, or has a token in another place, is reduced to its origin; it
// is "" when even that is not safe.
func (p *places) cleanReferer(referer string, rules *target.Rules) string {
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
	path, _ = rules.CutToken(path, redact.IsToken)
	cleaned := origin + path
	if hasQuery {
		query, err := p.readQuery(rawQuery)
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

// earlyData reports whether the client's address is not proven yet: its request
// came before the TLS handshake was complete (RFC 8470).
func earlyData(r *http.Request) bool { return r.TLS != nil && !r.TLS.HandshakeComplete }

// publicOrigin is the origin by which the client knows this site.
func publicOrigin(r *http.Request) (scheme, host string) {
	scheme, host = "http", r.Host
	if r.TLS != nil {
		scheme = "https"
	}
	if !app.TrustedProxy(r) {
		return scheme, host
	}
	if v := r.Header["X-Forwarded-Proto"]; len(v) == 1 && (v[0] == "http" || v[0] == "https") {
		scheme = v[0]
	}
	if v := r.Header["X-Forwarded-Host"]; len(v) == 1 && v[0] != "" && !strings.ContainsAny(v[0], ", /\\@?#") {
		host = v[0]
	}
	return scheme, host
}
