package gate

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/headers"
	"github.com/playgate/playgate/module/internal/redact"
	"github.com/playgate/playgate/module/internal/target"
	"github.com/playgate/playgate/module/token/sessiontoken"
)

// places are where a token may be.
type places struct {
	query  []string
	path   bool
	header bool
	cookie string // "" for none
}

var queryName = regexp.MustCompile(`^[A-Za-z0-9._~-]{1,64}$`)

func (t *Tokens) compile() (places, error) {
	p := places{
		query:  t.Query,
		path:   t.Path == nil || *t.Path,
		header: t.Header == nil || *t.Header,
	}
	switch {
	case len(p.query) == 0:
		p.query = []string{"token", "jwtoken"}
	case len(p.query) == 1 && p.query[0] == "off":
		p.query = nil
	}
	switch t.Cookie {
	case "":
		p.cookie = "playgate_token"
	case "off":
	default:
		if !queryName.MatchString(t.Cookie) {
			return p, fmt.Errorf("tokens cookie %s: the name of a cookie is 1 to 64 of letters, digits and . _ ~ -", t.Cookie)
		}
		p.cookie = t.Cookie
	}
	for i, name := range p.query {
		if !queryName.MatchString(name) || name == "off" || strings.HasPrefix(name, "_HLS_") {
			return p, fmt.Errorf("tokens query %s: a query name is 1 to 64 of letters, digits and . _ ~ -, off stands alone, and _HLS_ names belong to players", name)
		}
		if slices.Contains(p.query[:i], name) {
			return p, fmt.Errorf("tokens query %s stands twice", name)
		}
	}
	if len(p.query) == 0 && !p.path && !p.header && p.cookie == "" {
		return p, errors.New("tokens: every place is off, so that nobody could play anything")
	}
	return p, nil
}

// inQuery reports whether a query pair carries a token.
func (p *places) inQuery(name, value string) bool {
	return slices.Contains(p.query, name) && redact.IsToken(value)
}

// readQuery reads a raw query once, tokens and all.
func (p *places) readQuery(raw string) (target.Query, error) {
	return target.ParseQuery(raw, p.inQuery)
}

// found is the token of a request.
type found struct {
	text string // of the first place that has one

	// Where tokens stood, whichever of them decides.
	name   string // the first query name that one came under
	path   bool
	header bool
	cookie bool // the deciding one came in the cookie

	// beside is a session token in a place behind the one that decides.
	beside string
}

// find looks for the token of a request in all places, in their order: header, query,
// path, cookie. The first place that has one decides; a bad one is never rescued by a
// lower place. Different ones in one place are ambiguous. A text that is no token
// counts only where no place has one.
func (p *places) find(inPath []target.TokenSegment, q target.Query, header http.Header) (found, access.Verdict) {
	s := search{places: p}
	if p.header {
		s.inHeader(header["Authorization"])
	}
	s.inQuery(q)
	s.inPath(inPath)
	if p.cookie != "" {
		s.inCookie(header["Cookie"])
	}
	switch {
	case s.ambiguous:
		return s.found, access.Deny(access.AmbiguousToken, "the request carries different tokens in one place; send one")
	case s.text != "":
		return s.found, access.Allow
	case s.other:
		return s.found, access.Deny(access.MalformedToken, "what stands in the token's place is not three base64url parts joined by dots")
	}
	return s.found, access.Deny(access.MissingToken, "the request carries no token")
}

// search is a search for the token of a request, place by place.
type search struct {
	found
	places    *places
	decided   bool // a place before the present one has a token
	ambiguous bool // the place that decides has different ones
	other     bool // a text in a token's place has no token's form
}

// take takes in a token of the present place. It reports whether it is the one that
// decides.
func (s *search) take(text string) bool {
	switch {
	case s.decided:
		if s.beside == "" && sessiontoken.HasForm(text) {
			s.beside = text
		}
		return false
	case s.text == "":
		s.text = text
	case s.text != text:
		s.ambiguous = true
	}
	return true
}

// next ends a place.
func (s *search) next() { s.decided = s.text != "" }

func (s *search) inHeader(lines []string) {
	for _, line := range lines {
		text, bearer := headers.Bearer(line)
		switch {
		case !bearer:
		case redact.IsToken(text):
			s.take(text)
			s.header = true
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
			if s.name == "" {
				s.name = pair.Name
			}
		case pair.Value != "" && slices.Contains(s.places.query, pair.Name):
			s.other = true
		}
	}
	s.next()
}

func (s *search) inPath(tokens []target.TokenSegment) {
	for _, token := range tokens {
		s.take(token.Text)
		s.path = true
	}
	s.next()
}

func (s *search) inCookie(lines []string) {
	for _, text := range headers.CookieValues(lines, s.places.cookie) {
		if redact.IsToken(text) {
			s.cookie = s.take(text) || s.cookie
		} else {
			s.other = s.other || text != ""
		}
	}
	s.next()
}
