package cluster

import (
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/playgate/playgate/module/internal/redact"
)

// Cached is what a cache knows an answer by.
type Cached struct {
	Host, URI   string // public, without a token
	Org, Stream string
}

// Purging says what caches are to forget: what is of an organisation, or of one of
// its streams, or at a URL. It has no token in it.
type Purging struct {
	Org    string `json:"org,omitempty"`
	Stream string `json:"stream,omitempty"`

	Host  string `json:"host,omitempty"`
	Path  string `json:"path,omitempty"`
	Query string `json:"query,omitempty"` // empty: whatever it was

	// All lifts the bound that Owners are: organisations whose answers may be
	// forgotten.
	All    bool     `json:"all,omitempty"`
	Owners []string `json:"owners,omitempty"`
}

// AtURL is what is cached of a URL as viewers have it, with or without a token, and with
// whatever else the query has that caches leave out: an answer is meant if all of its query
// is in that of the URL. A URL without a query stands for whatever the query was, and one
// without a port for whatever the port was. The error says what to change.
func AtURL(text string) (*Purging, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		return nil, errors.New("write a whole URL, as https://live.example.com/live/acme/cam1/index.m3u8")
	}
	return &Purging{Host: withoutPort(strings.ToLower(u.Host)), Path: decoded(redact.Path(u.EscapedPath())), Query: redact.Query(u.RawQuery)}, nil
}

// Matches reports whether an answer is to be forgotten.
func (p *Purging) Matches(c *Cached) bool {
	switch {
	case !p.All && !slices.Contains(p.Owners, c.Org):
		return false
	case p.Org != "":
		return c.Org == p.Org && (p.Stream == "" || c.Stream == p.Stream)
	}
	path, query, _ := strings.Cut(c.URI, "?")
	host := withoutPort(c.Host)
	if !strings.Contains(p.Host, ":") {
		host, _, _ = strings.Cut(host, ":")
	}
	return p.Host != "" && host == p.Host && decoded(path) == p.Path && (p.Query == "" || isWithin(query, p.Query))
}

// isWithin reports whether each pair of a query is in another one.
func isWithin(query, whole string) bool {
	pairs := strings.Split(whole, "&")
	return query == "" || !slices.ContainsFunc(strings.Split(query, "&"), func(pair string) bool { return !slices.Contains(pairs, pair) })
}

// decoded is a path without escapes, by which two ways of writing it are the same.
func decoded(path string) string {
	if text, err := url.PathUnescape(path); err == nil {
		return text
	}
	return path
}

// withoutPort takes the usual ports away, which clients may write or not.
func withoutPort(host string) string {
	return strings.TrimSuffix(strings.TrimSuffix(host, ":443"), ":80")
}
