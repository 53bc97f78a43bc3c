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
	var f found
	other := false // a text in a token's place that has no token's form
	add := func(text string) bool {
		if f.text == "" {
			f.text = text
		}
		return f.text == text
	}
	ambiguous := access.Deny(access.AmbiguousToken, "the request carries different tokens; send one")
	for _, text := range inPath {
		if !add(text) {
			return f, ambiguous
		}
		f.path = true
	}
	for _, pair := range q.Pairs() {
		switch {
		case pair.Token:
			if !add(pair.Value) {
				return f, ambiguous
			}
			if f.name == "" {
				f.name = pair.Name
			}
		case pair.Value != "" && slices.Contains(p.query, pair.Name):
			other = true
		}
	}
	if p.header {
		for _, line := range header["Authorization"] {
			text, bearer := headers.Bearer(line)
			switch {
			case !bearer:
			case redact.IsToken(text):
				if !add(text) {
					return f, ambiguous
				}
				f.header = true
			case text != "":
				other = true
			}
		}
	}
	switch {
	case f.text != "":
		return f, access.Allow
	case !other && p.cookie != "":
		// A cookie counts only when no other place has a token, so that it
		// never rescues a bad one.
		for _, text := range headers.CookieValues(header["Cookie"], p.cookie) {
			switch {
			case !redact.IsToken(text):
				other = other || text != ""
			case !add(text):
				return f, ambiguous
			}
		}
		if f.cookie = f.text != ""; f.cookie {
			return f, access.Allow
		}
	}
	if other {
		return f, access.Deny(access.MalformedToken, "what stands in the token's place is not three base64url parts joined by dots")
	}
	return f, access.Deny(access.MissingToken, "the request carries no token")
}
