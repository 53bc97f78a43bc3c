// Package places finds the token of a request, in the places where one may be.
package places

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/headers"
	"github.com/playgate/playgate/module/internal/redact"
	"github.com/playgate/playgate/module/internal/target"
	"github.com/playgate/playgate/module/token/sessiontoken"
)

// Places are where a token may be.
type Places struct {
	Query  []string // names
	Path   bool
	Header bool
	Cookie string // its name; "" for none
}

var queryName = regexp.MustCompile(`^[A-Za-z0-9._~-]{1,64}$`)

// New are the places that a configuration names: the query names, of which "off" alone
// means none and none the defaults, whether the path and the header count, and the name of
// the cookie, "off" or "" for the default. Errors say what to change.
func New(query []string, path, header bool, cookie string) (Places, error) {
	p := Places{Query: query, Path: path, Header: header}
	switch {
	case len(p.Query) == 0:
		p.Query = []string{"token", "jwtoken"}
	case len(p.Query) == 1 && p.Query[0] == "off":
		p.Query = nil
	}
	switch cookie {
	case "":
		p.Cookie = "playgate_token"
	case "off":
	default:
		if !queryName.MatchString(cookie) {
			return p, fmt.Errorf("tokens cookie %s: the name of a cookie is 1 to 64 of letters, digits and . _ ~ -", cookie)
		}
		p.Cookie = cookie
	}
	for i, name := range p.Query {
		if !queryName.MatchString(name) || name == "off" || strings.HasPrefix(name, "_HLS_") {
			return p, fmt.Errorf("tokens query %s: a query name is 1 to 64 of letters, digits and . _ ~ -, off stands alone, and _HLS_ names belong to players", name)
		}
		if slices.Contains(p.Query[:i], name) {
			return p, fmt.Errorf("tokens query %s stands twice", name)
		}
	}
	if len(p.Query) == 0 && !p.Path && !p.Header && p.Cookie == "" {
		return p, errors.New("tokens: every place is off, so that nobody could play anything")
	}
	return p, nil
}

// inQuery reports whether a query pair carries a token.
func (p *Places) inQuery(name, value string) bool {
	return slices.Contains(p.Query, name) && redact.IsToken(value)
}

// NameFor is the name under which a token that was found goes into a query: that which it
// had in one, else the first. It is "" where no query has tokens.
func (p *Places) NameFor(f *Found) string {
	if f.Name == "" && len(p.Query) > 0 {
		return p.Query[0]
	}
	return f.Name
}

// ReadQuery reads a raw query once, tokens and all.
func (p *Places) ReadQuery(raw string) (target.Query, error) {
	return target.ParseQuery(raw, p.inQuery)
}

// Found is the token of a request.
type Found struct {
	Text string // of the first place that has one

	// Where tokens stood, whichever of them decides.
	Name   string // the first query name that one came under
	Path   bool
	Header bool
	Cookie bool // the deciding one came in the cookie

	// Beside is a session token in a place behind the one that decides.
	Beside string
}

// Find looks for the token of a request in all places, in their order: header, query,
// path, cookie. The first place that has one decides; a bad one is never rescued by a
// lower place. Different ones in one place are ambiguous. A text that is no token
// counts only where no place has one.
func (p *Places) Find(inPath []target.TokenSegment, q target.Query, header http.Header) (Found, access.Verdict) {
	s := search{places: p}
	if p.Header {
		s.inHeader(header["Authorization"])
	}
	s.inQuery(q)
	s.inPath(inPath)
	if p.Cookie != "" {
		s.inCookie(header["Cookie"])
	}
	switch {
	case s.ambiguous:
		return s.Found, access.Deny(access.AmbiguousToken, "the request carries different tokens in one place; send one")
	case s.Text != "":
		return s.Found, access.Allow
	case s.other:
		return s.Found, access.Deny(access.MalformedToken, "what stands in the token's place is not three base64url parts joined by dots")
	}
	return s.Found, access.Deny(access.MissingToken, "the request carries no token")
}

// search is a search for the token of a request, place by place.
type search struct {
	Found
	places    *Places
	decided   bool // a place before the present one has a token
	ambiguous bool // the place that decides has different ones
	other     bool // a text in a token's place has no token's form
}

// take takes in a token of the present place. It reports whether it is the one that
// decides.
func (s *search) take(text string) bool {
	switch {
	case s.decided:
		if s.Beside == "" && sessiontoken.HasForm(text) {
			s.Beside = text
		}
		return false
	case s.Text == "":
		s.Text = text
	case s.Text != text:
		s.ambiguous = true
	}
	return true
}

// next ends a place.
func (s *search) next() { s.decided = s.Text != "" }

func (s *search) inHeader(lines []string) {
	for _, line := range lines {
		text, bearer := headers.Bearer(line)
		switch {
		case !bearer:
		case redact.IsToken(text):
			s.take(text)
			s.Header = true
		case text != "":
			s.other = true
		}
	}
	s.next()
}

func (s *search) inQuery(q target.Query) {
	for _, pair := range q.Pairs() {
		switch {
		case pair.Token:
			s.take(pair.Value)
			if s.Name == "" {
				s.Name = pair.Name
			}
		case pair.Value != "" && slices.Contains(s.places.Query, pair.Name):
			s.other = true
		}
	}
	s.next()
}

func (s *search) inPath(tokens []target.TokenSegment) {
	for _, token := range tokens {
		s.take(token.Text)
		s.Path = true
	}
	s.next()
}

func (s *search) inCookie(lines []string) {
	for _, text := range headers.CookieValues(lines, s.places.Cookie) {
		if redact.IsToken(text) {
			s.Cookie = s.take(text) || s.Cookie
		} else {
			s.other = s.other || text != ""
		}
	}
	s.next()
}

// Put is a request with a token in the first place that counts; with an empty one, it is the
// request itself. Where the path alone counts, segment is the token.
func (p *Places) Put(r *http.Request, text string) (with *http.Request, segment string) {
	if text == "" {
		return r, ""
	}
	r = r.Clone(r.Context())
	switch {
	case p.Header:
		r.Header.Set("Authorization", "Bearer "+text)
	case len(p.Query) > 0:
		r.URL.RawQuery = strings.TrimPrefix(r.URL.RawQuery+"&"+url.QueryEscape(p.Query[0])+"="+text, "&")
	case p.Path:
		return r, text
	default:
		r.AddCookie(&http.Cookie{Name: p.Cookie, Value: text})
	}
	return r, ""
}
