package cache

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

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
// is to be validated, and the variables of handlers of this site: nothing of it is one
// client's.
func (f *fetch) request(server *caddyhttp.Server, variables map[string]any) (*http.Request, error) {
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
	for name, value := range variables {
		vars[name] = value
	}
	// X-Forwarded-Host and -Proto are our own word.
	vars[caddyhttp.TrustedProxyVarKey], vars[caddyhttp.ClientIPVarKey] = true, ""
	repl.Map(f.placeholder)
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

// A question is for the value of a placeholder that handlers above the cache have set,
// for the request that leads a fetch. Its own goroutine answers: nobody else may read it.
type question struct {
	name   string
	answer chan placeholder
}

// placeholder is the value of one for a request.
type placeholder struct {
	name, value string
	raw         any
	known       bool
}

// placeholderOf reads a placeholder of a request.
func placeholderOf(r *http.Request, name string) placeholder {
	p := placeholder{name: name}
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		p.raw, p.known = repl.Get(name)
		p.value = fmt.Sprintf("%T %[1]v", p.raw)
	}
	return p
}

// errLeaderLeft ends a fetch that would have to know more of a request that is over.
var errLeaderLeft = errors.New("the request that began the fetch is over")

// placeholder looks one up that the made request does not have: it may be set by a handler
// above, in a way that depends on the client. The answer is only for those requests for
// which it has the same value.
func (f *fetch) placeholder(name string) (any, bool) {
	if strings.HasPrefix(name, "http.request.") || strings.HasPrefix(name, "http.response.") || strings.HasPrefix(name, "http.vars.") ||
		f.outcome != undecided {
		return nil, false
	}
	for _, p := range f.looked {
		if p.name == name {
			return p.raw, p.known
		}
	}
	q := question{name, make(chan placeholder, 1)}
	select {
	case f.questions <- q:
	case <-f.leaderLeft:
		panic(errLeaderLeft)
	}
	p := <-q.answer
	f.looked = append(f.looked, p)
	return p.raw, p.known
}

// suits reports whether an answer that was made with the values of placeholders is for a
// request as well.
func suits(looked []placeholder, r *http.Request) bool {
	for _, p := range looked {
		if own := placeholderOf(r, p.name); own.known != p.known || own.value != p.value {
			return false
		}
	}
	return true
}
