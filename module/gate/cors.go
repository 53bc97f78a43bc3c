package gate

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/playgate/playgate/module/internal/headers"
	"github.com/playgate/playgate/module/internal/weborigin"
)

// cors says which web origins may read answers (Fetch Standard, section 3.2).
// Credentials are allowed only where the token is in a cookie.
type cors struct {
	off         bool
	origins     []string // nil: all
	credentials bool
	whep        bool // some rule lets its methods pass
}

func newCORS(words []string, credentials bool) (cors, error) {
	switch {
	case credentials && (len(words) == 0 || words[0] == "*" || words[0] == "off"):
		return cors{}, errors.New("propagate cookie needs the web origins that may play, one by one: cors https://www.example.com; browsers send cookies to no others")
	case len(words) == 0 || len(words) == 1 && words[0] == "*":
		return cors{}, nil
	case len(words) == 1 && words[0] == "off":
		return cors{off: true}, nil
	}
	c := cors{credentials: credentials}
	for _, w := range words {
		origin, err := weborigin.Parse(w)
		if err != nil {
			return cors{}, fmt.Errorf("cors %s: write *, off, or web origins like https://www.example.com: %w", w, err)
		}
		c.origins = append(c.origins, origin.String())
	}
	return c, nil
}

// exposed are the headers that players and pages read, besides those that the origin
// names.
const exposed = "Location, Link, ETag, Content-Range, Content-Length, Date, Retry-After, WWW-Authenticate, Playgate-Id"

// asked are the headers that players and pages send. A preflight allows them, so that
// one preflight does for many requests, and what it asked for.
const asked = "Authorization, Range, If-Range, If-Match, If-None-Match, If-Modified-Since, Cache-Control, Pragma, Content-Type, Accept"

// allowPages sets the header of any answer, refusals included: without it a page
// cannot see why it was refused. The origin is replaced that an answer from below
// allows, since a doubled header is no header; the names that it exposes are kept.
func (x *exchange) allowPages(h http.Header) {
	c := &x.h.cors
	if c.off {
		return
	}
	delete(h, "Access-Control-Allow-Credentials")
	if c.origins == nil {
		h["Access-Control-Allow-Origin"] = []string{"*"}
		// Scripts alone ask for it, and say where they are from. Players get a
		// shorter answer.
		if len(x.r.Header["Origin"]) > 0 {
			x.expose(h)
		} else {
			delete(h, "Access-Control-Expose-Headers")
		}
		return
	}
	delete(h, "Access-Control-Allow-Origin")
	// Always, also when Origin is absent, or a cache hands one page's answer
	// to another.
	headers.AddVary(h, "Origin")
	if origin := x.r.Header["Origin"]; len(origin) == 1 && c.lists(origin[0]) {
		h["Access-Control-Allow-Origin"] = []string{origin[0]}
		if c.credentials {
			h["Access-Control-Allow-Credentials"] = []string{"true"}
		}
		x.expose(h)
	} else {
		delete(h, "Access-Control-Expose-Headers")
	}
}

func (x *exchange) expose(h http.Header) {
	h["Access-Control-Expose-Headers"] = []string{headers.Union(exposed, h["Access-Control-Expose-Headers"])}
}

// lists reports whether an origin is named one by one.
func (c *cors) lists(origin string) bool { return slices.Contains(c.origins, origin) }

// isPreflight reports whether a browser asks if it may ask.
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
}

// preflight answers for every path alike, and without a token: browsers send
// none. A page may send any header: where all pages may read, no credentials are
// involved, and a list names the pages that may.
func (x *exchange) preflight() {
	h := x.w.Header()
	x.allowPages(h)
	delete(h, "Access-Control-Expose-Headers")
	if h.Get("Access-Control-Allow-Origin") != "" {
		h.Set("Access-Control-Allow-Methods", allowedMethods(x.h.cors.whep))
		h.Set("Access-Control-Allow-Headers", headers.Union(asked, x.r.Header["Access-Control-Request-Headers"]))
		h.Set("Access-Control-Max-Age", "7200")
	}
	h.Set("Cache-Control", "no-store")
	x.w.WriteHeader(http.StatusNoContent)
}
