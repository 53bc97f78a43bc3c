package gate

import (
	"net/http"
	"strings"

	"github.com/playgate/playgate/module/internal/headers"
	"github.com/playgate/playgate/module/internal/target"
)

// redirect is where an allowed request is sent so that its token travels in the path; ""
// where it stays. The token goes right before the last segment, so that what an outer
// proxy or a cookie matches by the folder still matches.
func (x *exchange) redirect() string {
	if x.h.Propagate != byPath || x.token.Path || !x.good() || x.socket || x.target.Kind == target.WHEP || x.credential.Session != nil {
		return ""
	}
	last := strings.LastIndexByte(x.path, '/')
	return withQuery(x.path[:last]+"/~"+x.token.Text+x.path[last:], x.query.WithoutTokens())
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
	x.w.WriteHeader(http.StatusFound)
}
