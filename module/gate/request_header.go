package gate

import (
	"net/http"
	"strings"

	"github.com/playgate/playgate/module/app"
	"github.com/playgate/playgate/module/internal/handoff"
	"github.com/playgate/playgate/module/internal/headers"
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
	if x.target.Open {
		x.tellTarget(false)
		return
	}
	named := x.h.Identity == nil || *x.h.Identity
	if named {
		x.identify()
	}
	x.tellTarget(named)
	if x.good() {
		switch x.h.UpstreamToken {
		case "bearer":
			x.r.Header.Set("Authorization", "Bearer "+x.token.Text)
		case "keep":
			if x.token.Path && x.token.Name == "" && len(x.h.places.Query) > 0 {
				if x.r.URL.RawQuery != "" {
					x.r.URL.RawQuery += "&"
				}
				x.r.URL.RawQuery += x.h.places.Query[0] + "=" + x.token.Text
			}
		}
	}
}

// identify tells the origin who plays what. A public stream has no token.
func (x *exchange) identify() {
	if !x.public && !x.good() {
		return
	}
	h := x.r.Header
	h["X-Playgate-Org"] = []string{x.target.Org}
	h["X-Playgate-Stream"] = []string{x.target.Stream}
	if !x.public {
		// Of a session, this is the session's id: the token's own is not in it.
		h["X-Playgate-Token-Id"] = []string{x.credential.Grant.ID}
		if x.credential.Grant.Tag != "" {
			h["X-Playgate-Tag"] = []string{headers.Text(x.credential.Grant.Tag)}
		}
	}
}

// tellTarget lets the handlers below the gate know what was admitted. What the request
// has now is not of a handler of the site.
func (x *exchange) tellTarget(identity bool) {
	t := &handoff.Target{
		Org: x.target.Org, Stream: x.target.Stream, URI: x.r.RequestURI,
		Own:      x.target.Kind == target.Socket || x.target.Kind == target.WHEP || x.h.UpstreamToken != "drop",
		Pages:    !x.h.cors.off,
		Identity: identity && (x.public || x.good()),
	}
	x.below.admitted = t
	if !x.h.app.Edge().Caches.Any() {
		return
	}
	scheme, host := app.PublicOrigin(x.r)
	t.Secure, t.Host, t.Sent = scheme == "https", host, handoff.Keep(x.r)
}
