package cache

import (
	"encoding/binary"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/playgate/playgate/module/internal/handoff"
)

// key is what an answer is stored under. The origin is asked for the answer with what
// stands in the key and with nothing else, so that what is stored and what was asked for
// cannot differ.
type key struct {
	handler     string // which cache of the configuration
	secure      bool   // of the public origin, as is host
	pages       bool   // browsers are told by the gate which pages may read the answer
	identity    bool   // the origin is told organisation and stream
	host        string // in lower case
	uri         string // public path and query
	below       string // path and query where handlers of the site have changed them; else empty
	hostBelow   string // Host where handlers of the site have changed it; else empty
	org, stream string
	added       string // by handlers of the site: see additions
}

// weight is the memory that the key takes in the store.
func (k *key) weight() int64 {
	return int64(len(k.handler) + len(k.host) + len(k.uri) + len(k.below) + len(k.hostBelow) + len(k.org) + len(k.stream) + len(k.added) + 160)
}

// key is the key of a request that handlers of the site have given something.
func (h *Handler) key(r *http.Request, t *handoff.Target, g given) key {
	k := key{
		handler: h.id, secure: t.Secure, pages: t.Pages, identity: t.Identity,
		host: strings.ToLower(t.Host), uri: h.withoutNoise(t.URI), org: t.Org, stream: t.Stream,
	}
	if !leadsTo(r.URL, t.URI) {
		k.below = h.withoutNoise(r.URL.RequestURI())
	}
	if !t.Sent.Has(r.Host) {
		k.hostBelow = r.Host
	}
	k.added = h.additions(r, t, g)
	return k
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

// additions are what handlers of the site have added to a request: header fields, variables
// and placeholders. It is one text: for each its name and the number of its values, and
// then these, in order of their names. Text has its length in front. What is no field has
// a name that begins with a blank.
func (h *Handler) additions(r *http.Request, t *handoff.Target, g given) string {
	var names []string
	for name, values := range r.Header {
		if !ownField(name) && slices.ContainsFunc(values, func(v string) bool { return h.isAdded(name, v, t) }) {
			names = append(names, name)
		}
	}
	if len(names) == 0 && len(g.variables)+len(g.placeholders) == 0 {
		return ""
	}
	slices.Sort(names)
	var b []byte
	for _, name := range names {
		values := slices.DeleteFunc(slices.Clone(r.Header[name]), func(v string) bool { return !h.isAdded(name, v, t) })
		b = appendText(b, name)
		b = binary.AppendUvarint(b, uint64(len(values)))
		for _, v := range values {
			b = appendText(b, v)
		}
	}
	for kind, values := range []map[string]any{g.variables, g.placeholders} {
		for _, name := range slices.Sorted(maps.Keys(values)) {
			b = appendText(b, fmt.Sprint(" ", kind, " ", name))
			b = binary.AppendUvarint(b, 1)
			b = appendText(b, fmt.Sprintf("%T %[1]v", values[name]))
		}
	}
	return string(b)
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// isAdded reports whether a value of a field is not the client's.
func (h *Handler) isAdded(name, value string, t *handoff.Target) bool {
	return !t.Sent.Has(value) || h.CMCD == keepCMCD && isCMCD(name)
}

// ownField reports whether a field is one client's own, or one connection's, or the
// cache's to set, whoever has set it.
func ownField(name string) bool {
	switch name {
	case "X-Playgate-Token-Id", "X-Playgate-Tag",
		"Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since",
		"Accept-Encoding", "Content-Length", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto",
		"Traceparent", "Tracestate", "Baggage":
		return true
	}
	return hopByHop(name)
}

// given is what handlers of the site have given a request for those behind the cache.
type given struct{ variables, placeholders map[string]any }

// given is read once, in the request's own goroutine: nobody else may read it, and the key
// and the request for everybody have the same.
func (h *Handler) given(r *http.Request) (g given) {
	all, _ := r.Context().Value(caddyhttp.VarsCtxKey).(map[string]any)
	for name, value := range all {
		switch name {
		case caddyhttp.ClientIPVarKey, caddyhttp.TrustedProxyVarKey: // Caddy's own, in each request
			continue
		}
		// Who does not name it does not need it, but for files: their defaults are these two.
		if name == "root" || name == "fs" || strings.Contains(h.behind.Words, name) {
			if g.variables == nil {
				g.variables = make(map[string]any)
			}
			g.variables[name] = value
		}
	}
	repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok || len(h.behind.Placeholders) == 0 {
		return g
	}
	g.placeholders = make(map[string]any)
	for _, name := range h.behind.Placeholders {
		if value, known := repl.Get(name); known {
			g.placeholders[name] = value
		}
	}
	return g
}

// fields are the header fields of the additions.
func (k *key) fields() http.Header {
	h, rest := make(http.Header), k.added
	text := func() (s string) {
		n, size := binary.Uvarint([]byte(rest[:min(len(rest), binary.MaxVarintLen64)]))
		s, rest = rest[size:size+int(n)], rest[size+int(n):]
		return s
	}
	for rest != "" {
		name := text()
		n, size := binary.Uvarint([]byte(rest[:min(len(rest), binary.MaxVarintLen64)]))
		rest = rest[size:]
		for range n {
			if v := text(); name[0] != ' ' {
				h[name] = append(h[name], v)
			}
		}
	}
	return h
}
