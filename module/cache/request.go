package cache

import (
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"net/http"
	"net/url"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

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
	case len(r.Header["Cache-Control"]) > 0 && readDirectives(r.Header).noStore:
		return "fwd=request; detail=no-store"
	}
	return ""
}

// agent is what the cache is called where it asks for all.
const agent = "Playgate"

// request is what the origin is asked for everybody. It is made of the key, the answer that
// is to be validated, and what handlers of this site have given, which is in the key:
// nothing of it is one client's.
func (f *fetch) request(server *caddyhttp.Server, g given) (*http.Request, error) {
	uri := f.key.uri
	if f.key.below != "" {
		uri = f.key.below
	}
	u, err := url.ParseRequestURI(uri)
	if err != nil {
		return nil, fmt.Errorf("the request for the origin: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	f.ctx, f.cancel = ctx, cancel
	r := &http.Request{
		Method: http.MethodGet, URL: u, RequestURI: f.key.uri, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Host: f.key.host, Header: f.key.fields(), Body: http.NoBody,
		RemoteAddr: "@", // as over a local socket: there is no client's address
	}
	if f.key.hostBelow != "" {
		r.Host = f.key.hostBelow
	}
	if f.key.secure {
		r.TLS = &tls.ConnectionState{HandshakeComplete: true}
	}
	f.setFields(r.Header)
	r = r.WithContext(ctx)
	repl := caddy.NewReplacer()
	r = caddyhttp.PrepareRequest(r, repl, nil, server)
	vars := r.Context().Value(caddyhttp.VarsCtxKey).(map[string]any)
	maps.Copy(vars, g.variables)
	// X-Forwarded-Host and -Proto are our own word.
	vars[caddyhttp.TrustedProxyVarKey], vars[caddyhttp.ClientIPVarKey] = true, ""
	for name, value := range g.placeholders {
		repl.Set(name, value)
	}
	return r, nil
}

// setFields sets what the cache itself asks with.
func (f *fetch) setFields(h http.Header) {
	scheme := "http"
	if f.key.secure {
		scheme = "https"
	}
	h["X-Forwarded-For"] = nil // so that reverse_proxy writes none
	h["X-Forwarded-Proto"] = []string{scheme}
	h["X-Forwarded-Host"] = []string{f.key.host}
	if f.key.identity {
		h["X-Playgate-Org"], h["X-Playgate-Stream"] = []string{f.key.org}, []string{f.key.stream}
	}
	if len(h["User-Agent"]) == 0 {
		h["User-Agent"] = []string{agent}
	}
	h["Accept-Encoding"] = []string{"identity"} // media are compressed, and the gate asks so for manifests
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
