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
	text string
	name string // the query name that it came under
	path bool   // it came in the path

	header bool // it came in the Authorization header, and maybe elsewhere
	cookie bool // it came in the cookie alone
}

// find looks for the token of a request in all explicit places. Byte-identical
// tokens are one; different ones are ambiguous. A text that is no token counts
// only when there is nothing else.
func (p *places) find(inPath []string, q target.Query, header http.Header) (found, access.Verdict) {
	s := search{places: p}
	if !s.inPath(inPath) || !s.inQuery(q) || p.header && !s.inHeader(header["Authorization"]) {
		return s.found, ambiguous
	}
	// A cookie counts only when no other place has a token, so that it
	// never rescues a bad one.
	if s.text == "" && !s.other && p.cookie != "" && !s.inCookie(header["Cookie"]) {
		return s.found, ambiguous
	}
	switch {
	case s.text != "":
		return s.found, access.Allow
	case s.other:
		return s.found, access.Deny(access.MalformedToken, "what stands in the token's place is not three base64url parts joined by dots")
	}
	return s.found, access.Deny(access.MissingToken, "the request carries no token")
}

var ambiguous = access.Deny(access.AmbiguousToken, "the request carries different tokens; send one")

// search is a search for the token of a request. Its methods look at one place each;
// they report false when that has a token, and another one than has been found.
type search struct {
	found
	places *places
	other  bool // a text in a token's place has no token's form
}

func (s *search) add(text string) bool {
	if s.text == "" {
		s.text = text
	}
	return s.text == text
}

func (s *search) inPath(tokens []string) bool {
	for _, text := range tokens {
		if !s.add(text) {
			return false
		}
		s.path = true
	}
	return true
}

func (s *search) inQuery(q target.Query) bool {
	for _, pair := range q.Pairs() {
		switch {
		case pair.Token:
			if !s.add(pair.Value) {
				return false
			}
			if s.name == "" {
				s.name = pair.Name
			}
		case pair.Value != "" && slices.Contains(s.places.query, pair.Name):
			s.other = true
		}
	}
	return true
}

func (s *search) inHeader(lines []string) bool {
	for _, line := range lines {
		text, bearer := headers.Bearer(line)
		switch {
		case !bearer:
		case redact.IsToken(text):
			if !s.add(text) {
				return false
			}
			s.header = true
		case text != "":
			s.other = true
		}
	}
	return true
}

func (s *search) inCookie(lines []string) bool {
	for _, text := range headers.CookieValues(lines, s.places.cookie) {
		switch {
		case !redact.IsToken(text):
			s.other = s.other || text != ""
		case !s.add(text):
			return false
		}
	}
	s.cookie = s.text != ""
	return true
}
