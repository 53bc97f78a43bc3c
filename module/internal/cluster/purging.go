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

// AtURL is what is cached of a URL as viewers have it, with or without a token. A
// URL without a query stands for whatever the query was. The error says what to
// change.
func AtURL(text string) (*Purging, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		return nil, errors.New("write a whole URL, as https://live.example.com/live/acme/cam1/index.m3u8")
	}
	return &Purging{Host: withoutPort(strings.ToLower(u.Host)), Path: redact.Path(u.EscapedPath()), Query: redact.Query(u.RawQuery)}, nil
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
	return p.Host != "" && withoutPort(c.Host) == p.Host && path == p.Path && (p.Query == "" || query == p.Query)
}

// withoutPort takes the usual ports away, which clients may write or not.
func withoutPort(host string) string {
	return strings.TrimSuffix(strings.TrimSuffix(host, ":443"), ":80")
}
