package target

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Kind is what is asked for.
type Kind uint8

// Kinds of targets.
const (
	Segment  Kind = iota // media, keys, subtitles: whatever is no manifest
	Manifest             // a playlist or MPD, by the look of its path
	Socket               // a WebSocket
	WHEP                 // signalling of WebRTC: all methods of [Rule.WHEP]
)

// Target is what a request wants to play.
type Target struct {
	Org, Stream string
	Kind        Kind
	// Open is set for a path that needs no token; it has no names then.
	Open bool
	// Rule is what matched, nil for an open path.
	Rule *Rule
}

// Pin is a query value that the origin always gets.
type Pin struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Rule maps paths to streams.
type Rule struct {
	Path      Template
	QueryKey  string // the name is in this query value, read by QueryName
	QueryName segment
	Pins      []Pin
	Manifests []Pattern
	// WHEP allows POST, and what goes with it: PATCH, DELETE and OPTIONS.
	WHEP bool
}

// ParseRule reads a rule: a path template, and, when queryKey is not empty,
// the template of the name in that query value ("" means {stream}).
func ParseRule(path, queryKey, queryName string) (*Rule, error) {
	t, err := ParseTemplate(path)
	if err != nil {
		return nil, err
	}
	r := &Rule{Path: t, QueryKey: queryKey}
	if queryKey != "" {
		if queryName == "" {
			queryName = captureStream
		}
		if r.QueryName, err = parseSegment(queryName); err != nil {
			return nil, fmt.Errorf("query %s %s: %w", queryKey, queryName, err)
		}
		for _, p := range r.QueryName {
			if p.capture != "" && t.has(p.capture) {
				return nil, fmt.Errorf("query %s %s: %s stands in the path template too", queryKey, queryName, p.capture)
			}
		}
	} else if queryName != "" {
		return nil, errors.New("a name template needs the query key that it belongs to")
	}
	if !r.has(captureStream) && !r.has(captureID) {
		return nil, fmt.Errorf("stream %s names no stream; it needs {stream} or {id} in its path, or a query line", path)
	}
	return r, nil
}

func (r *Rule) has(capture string) bool { return r.Path.has(capture) || r.QueryName.has(capture) }

// NamesOrg reports whether the rule says which organisation is meant.
func (r *Rule) NamesOrg() bool { return r.has(captureOrg) }

// Prefix is the rule's literal start, as "/live", or "": the literal segments that it
// begins with, but never the last of its template. A token in the path stands below it.
func (r *Rule) Prefix() string { return r.Path.prefix }

// TokenPlace is how many segments stand before the place of a token segment in a path
// that the rule maps: those before what "*" matches, or without that all but the last.
func (r *Rule) TokenPlace(path string) int {
	if r.Path.rest {
		return len(r.Path.segments)
	}
	return strings.Count(path, "/") - 1
}

// StreamPrefix is the part of a raw path that the rule maps which all of the
// stream's paths have in common, with a slash at its end: the segments up to
// the last one with a name in it.
func (r *Rule) StreamPrefix(path string) string {
	last := 0
	for i, s := range r.Path.segments {
		if !s.literal() || r.QueryKey != "" {
			last = i + 1
		}
	}
	at := 0
	for range last {
		n := strings.IndexByte(path[at+1:], '/')
		if n < 0 {
			return path[:strings.LastIndexByte(path, '/')+1]
		}
		at += 1 + n
	}
	return path[:at] + "/"
}

// Rules are the rules of one gate, in the order written. They do not change.
type Rules struct {
	Rules      []*Rule
	Open       []Pattern
	DefaultOrg string // for rules that name no organisation
}

// Validate checks what no single rule can know. Errors say what to change.
func (rs *Rules) Validate() error {
	if len(rs.Rules) == 0 {
		return errors.New("no stream rule: write which paths are streams, like stream /live/{org}/{stream}/*")
	}
	for _, r := range rs.Rules {
		if !r.NamesOrg() && rs.DefaultOrg == "" {
			return fmt.Errorf("stream %s names no organisation; put {org} into it, or write default_org", r.Path.String())
		}
	}
	return nil
}

// Request is a canonical request: its path is one of [Rules.ReadPath] and holds no
// token.
type Request struct {
	Method string
	Path   string // raw (escaped)
	Query  Query
	Socket bool // asks for a WebSocket
	// Resource says that the gate knows a WHEP resource by this URL. It can be
	// changed and deleted whatever its own rule says of methods.
	Resource bool
}

// signalling reports whether a rule lets a method through that is not for
// playing but for its preparation and end.
func (r *Request) signalling(rule *Rule) bool {
	switch r.Method {
	case http.MethodPost, http.MethodOptions:
		return rule.WHEP
	case http.MethodPatch, http.MethodDelete:
		return rule.WHEP || r.Resource
	}
	return false
}

// Target finds what a request wants to play. Errors are [Error] values of kind
// ErrBadRequest, ErrNoStream or ErrMethod.
func (rs *Rules) Target(r Request) (Target, error) {
	if rs.open(r.Path, false) != nil {
		if r.Socket || r.Method != http.MethodGet && r.Method != http.MethodHead {
			return Target{}, &Error{ErrMethod, "this path can be read with GET and HEAD only"}
		}
		return Target{Open: true}, nil
	}
	t, err := rs.Find(r.Path, r.Query)
	if err != nil {
		return Target{}, err
	}
	switch {
	case r.Socket && r.Method != http.MethodGet && r.Method != http.MethodConnect:
		return t, &Error{ErrMethod, "a WebSocket is opened with GET, or with CONNECT on HTTP/2 and 3"}
	case r.Socket:
		t.Kind = Socket
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
	case r.signalling(t.Rule):
		t.Kind = WHEP
	default:
		return t, &Error{ErrMethod, "streams are played with GET and HEAD"}
	}
	for _, pin := range t.Rule.Pins {
		if p, n := r.Query.Single(pin.Name); n > 1 || n == 1 && p.Value != pin.Value {
			return t, badRequest("the query has another value for " + pin.Name + " than this server allows")
		}
	}
	return t, nil
}

// Find maps a path and query to a target, whatever the method. The first rule
// whose path matches decides.
func (rs *Rules) Find(path string, q Query) (Target, error) {
	var c captured
	r, escaped := rs.rule(path, false, &c)
	switch {
	case r == nil:
		return Target{}, noStream("no rule maps this path to a stream")
	case escaped:
		return Target{}, badRequest("the name of an organisation or stream is written with escapes")
	}
	if err := r.checkNames(q); err != nil {
		return Target{}, err
	}
	if r.QueryKey != "" {
		if err := r.readQuery(q, &c); err != nil {
			return Target{}, err
		}
	}
	t := Target{Org: c.org, Stream: c.stream, Rule: r, Kind: r.kind(path)}
	if !r.has(captureStream) {
		t.Stream = c.id
	}
	if !r.NamesOrg() {
		t.Org = rs.DefaultOrg
	}
	if !validOrg(t.Org) || !validStream(t.Stream) {
		return Target{}, noStream("the path holds no valid names of an organisation and a stream")
	}
	return t, nil
}

func (r *Rule) readQuery(q Query, c *captured) error {
	p, n := q.Single(r.QueryKey)
	switch {
	case n == 0:
		return noStream("the query does not say which stream: " + r.QueryKey + " is missing")
	case n > 1:
		return badRequest("the query says more than once which stream: " + r.QueryKey)
	case p.Escaped:
		return badRequest("the name of an organisation or stream is written with escapes")
	case !r.QueryName.match(p.Value, c):
		return noStream("the query value of " + r.QueryKey + " is no stream name")
	}
	if !r.QueryName.has(captureStream) && r.QueryName.has(captureID) {
		c.id = p.Value
	}
	return nil
}

func (r *Rule) kind(path string) Kind {
	if LooksLikeManifest(path) || slices.ContainsFunc(r.Manifests, func(p Pattern) bool { return p.Match(path) }) {
		return Manifest
	}
	return Segment
}

// Forward is the query that the origin gets: the client's, without tokens unless
// they are to stay, and the pins that are not in it yet.
func (t *Target) Forward(q Query, keepTokens bool) string {
	raw := q.raw
	if !keepTokens {
		raw = q.WithoutTokens()
	}
	if t.Rule == nil {
		return raw
	}
	for _, pin := range t.Rule.Pins {
		if p, n := q.Single(pin.Name); n == 0 || p.Token && !keepTokens {
			if raw != "" {
				raw += "&"
			}
			raw += escapeForm(pin.Name) + "=" + escapeForm(pin.Value)
		}
	}
	return raw
}

// escapeForm writes a query name or value, leaving what needs no escape.
func escapeForm(s string) string {
	const safe = "-._~!$'()*,:@/?"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; orgByte(c) || strings.IndexByte(safe, c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
