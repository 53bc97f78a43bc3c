package cache

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// What becomes of CMCD (CTA-5004).
const (
	dropCMCD = "drop"
	keepCMCD = "keep"

	cmcdName = "CMCD" // in the query
)

// isCMCD reports whether a header field is one of those in which players tell how
// they are (CTA-5004, section 3.1).
func isCMCD(name string) bool {
	switch name {
	case "Cmcd-Request", "Cmcd-Object", "Cmcd-Status", "Cmcd-Session":
		return true
	}
	return false
}

// isNoise reports whether a name in the query makes no difference to an answer.
func (h *Handler) isNoise(name string) bool {
	return name == cmcdName && h.CMCD != keepCMCD || slices.Contains(h.IgnoreQuery, name)
}

// withoutNoise is a path and query without the pairs that make no difference.
func (h *Handler) withoutNoise(uri string) string {
	path, query, _ := strings.Cut(uri, "?")
	kept := withoutPairs(query, h.isNoise)
	switch {
	case len(kept) == len(query):
		return uri
	case kept == "":
		return path
	}
	return path + "?" + kept
}

// withoutPairs is a query without the pairs of some names. Every other byte stays.
func withoutPairs(query string, drop func(name string) bool) string {
	var kept []string // once there is something to drop
	for at := 0; at <= len(query); {
		pair, _, _ := strings.Cut(query[at:], "&")
		name, _, _ := strings.Cut(pair, "=")
		if strings.ContainsAny(name, "%+") {
			if decoded, err := url.QueryUnescape(name); err == nil {
				name = decoded
			}
		}
		switch dropped := drop(name); {
		case dropped && kept == nil:
			kept = []string{}
			if at > 0 {
				kept = append(kept, query[:at-1])
			}
		case !dropped && kept != nil:
			kept = append(kept, pair)
		}
		at += len(pair) + 1
	}
	if kept == nil {
		return query
	}
	return strings.Join(kept, "&")
}

// dropCMCDFrom takes CMCD out of a request that goes to the origin for one client alone.
func (h *Handler) dropCMCDFrom(r *http.Request) *http.Request {
	if h.CMCD == keepCMCD {
		return r
	}
	query := withoutPairs(r.URL.RawQuery, func(name string) bool { return name == cmcdName })
	found := len(query) != len(r.URL.RawQuery)
	for name := range r.Header {
		found = found || isCMCD(name)
	}
	if !found {
		return r
	}
	copied, u := *r, *r.URL
	u.RawQuery = query
	copied.URL, copied.Header = &u, r.Header.Clone()
	maps.DeleteFunc(copied.Header, func(name string, _ []string) bool { return isCMCD(name) })
	return &copied
}
