package app

import (
	"errors"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/playgate/playgate/module/token/jwt"
	"github.com/playgate/playgate/module/token/session"
)

// Cached is what a cache knows an answer by.
type Cached struct {
	Host, URI   string // public, without a token
	Org, Stream string
}

// purger is how the caches of this process are purged; nil where there are none.
var purger atomic.Pointer[func(match func(*Cached) bool) int]

// OnPurge says how caches are purged. It is called once, by the package that has
// them.
func OnPurge(purge func(match func(*Cached) bool) int) { purger.Store(&purge) }

// Purge makes the caches of this process forget the answers that match, and tells
// how many that were. What is on its way to viewers arrives; nobody else gets it.
func Purge(match func(*Cached) bool) int {
	if purge := purger.Load(); purge != nil {
		return (*purge)(match)
	}
	return 0
}

// AtURL matches what is cached of a URL as viewers have it, with or without a
// token. A URL without a query matches whatever the query was. The error says what
// to change.
func AtURL(text string) (match func(*Cached) bool, err error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		return nil, errors.New("write a whole URL, as https://live.example.com/live/acme/cam1/index.m3u8")
	}
	host, path, query := withoutPort(strings.ToLower(u.Host)), withoutTokenSegment(u.EscapedPath()), withoutTokenPairs(u.RawQuery)
	return func(c *Cached) bool {
		p, q, _ := strings.Cut(c.URI, "?")
		return withoutPort(c.Host) == host && p == path && (query == "" || q == query)
	}, nil
}

// withoutPort takes the usual ports away, which clients may write or not.
func withoutPort(host string) string {
	return strings.TrimSuffix(strings.TrimSuffix(host, ":443"), ":80")
}

func withoutTokenSegment(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if text, marked := strings.CutPrefix(s, "~"); marked && hasTokenForm(text) {
			return strings.Join(append(segments[:i:i], segments[i+1:]...), "/")
		}
	}
	return path
}

func withoutTokenPairs(query string) string {
	var kept []string
	for pair := range strings.SplitSeq(query, "&") {
		if _, value, _ := strings.Cut(pair, "="); pair != "" && !hasTokenForm(value) {
			kept = append(kept, pair)
		}
	}
	return strings.Join(kept, "&")
}

func hasTokenForm(text string) bool { return jwt.HasForm(text) || session.HasForm(text) }
