//go:build players

package harness

import (
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
)

// StripPrefix starts a proxy that has a server below a prefix of its own, and takes
// that away. It sets X-Forwarded-For, -Host, -Proto and -Prefix, and leaves Host and
// the answers as they are. The result is the proxy's URL with the prefix.
func StripPrefix(t testing.TB, prefix, addr string) string {
	t.Helper()
	server := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: addr})
		r.Out.Host = r.In.Host
		r.Out.URL.Path = cutPrefix(r.In.URL.Path, prefix)
		r.Out.URL.RawPath = cutPrefix(r.In.URL.RawPath, prefix)
		r.SetXForwarded()
		r.Out.Header.Set("X-Forwarded-Prefix", prefix)
	}})
	t.Cleanup(server.Close)
	return server.URL + prefix
}

// cutPrefix leaves what is not below the prefix nowhere: the gate maps no rule to "/".
func cutPrefix(text, prefix string) string {
	if text == "" {
		return ""
	}
	if len(text) < len(prefix) || text[:len(prefix)] != prefix {
		return "/"
	}
	return text[len(prefix):]
}
