package gate

import (
	"net/http"

	"github.com/playgate/playgate/module/internal/headers"
	"github.com/playgate/playgate/module/internal/target"
)

// redirect is where an allowed request is sent so that its token travels as
// the configuration says; "" where it stays. In path mode that is the URL with
// the token in its path. A token that is in the path already cannot be taken
// out of relative URIs, so in the modes that keep it elsewhere a manifest
// moves back to its plain URL.
func (x *exchange) redirect() string {
	if !x.good() || x.socket || x.target.Kind == target.WHEP || x.credential.Session != nil && x.h.Propagate != bySession {
		return ""
	}
	switch x.h.Propagate {
	case byPath:
		if x.token.Path {
			return ""
		}
		prefix := x.target.Rule.Prefix()
		return withQuery(prefix+"/~"+x.token.Text+x.path[len(prefix):], x.query.WithoutTokens())
	case bySession:
		if !x.token.Path || x.target.Kind != target.Manifest || x.inner() != "" {
			return ""
		}
		text := x.carried(x.target.Stream)
		if text == "" {
			return ""
		}
		rest := x.query.WithoutTokens()
		if rest != "" {
			rest += "&"
		}
		return withQuery(x.path, rest+x.h.places.Query[0]+"="+text)
	case byCookie:
		if !x.token.Path || x.target.Kind != target.Manifest {
			return ""
		}
		return withQuery(x.path, x.query.WithoutTokens())
	}
	return ""
}

func withQuery(path, query string) string {
	if query == "" {
		return path
	}
	return path + "?" + query
}

// answerRedirect sends the client on. The answer belongs to one viewer.
func (x *exchange) answerRedirect(to string) {
	h := x.w.Header()
	x.allowPages(h)
	headers.NeverStore(h)
	h.Set("Location", headers.URI(to))
	if x.h.Propagate == byCookie {
		x.setCookie(h)
	}
	x.w.WriteHeader(http.StatusFound)
}
